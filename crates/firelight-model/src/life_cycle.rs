//! State and last update status of a function version.
//!
//! ```text
//!             completed                    began                     completed
//!  Pending ─────────────► Active   Successful ◄──► InProgress    InProgress ───► Successful
//!     │  failed              ▲                                       │ failed
//!     └─────────► Failed ────┘ (by an update that succeeds)          └─────────► Failed
//!
//!  Active ── not invoked for long ──► Inactive ── wanted again ──► Pending
//! ```
//!
//! The two move on their own: an Active function stays Active while an update of it is in progress, and goes on
//! running its old code until the update is successful.

/// Why a resource is in the state it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// AWS's reason code, for example `Creating` or `InvalidZipFileException`.
    pub code: String,
    pub text: String,
}

impl Reason {
    /// Returns what AWS says while a function is created, and also while it is updated.
    pub fn creating() -> Self {
        Self {
            code: "Creating".to_owned(),
            text: "The function is being created.".to_owned(),
        }
    }
}

impl Reason {
    /// The codes are AWS's, the texts of these two are ours.
    fn idle() -> Self {
        Self {
            code: "Idle".to_owned(),
            text: "The function was not invoked for a long time.".to_owned(),
        }
    }

    fn restoring() -> Self {
        Self {
            code: "Restoring".to_owned(),
            text: "The function is being restored.".to_owned(),
        }
    }
}

/// Whether a version can be invoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Pending(Reason),
    Active,
    Inactive(Reason),
    Failed(Reason),
}

impl State {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending(_) => "Pending",
            Self::Active => "Active",
            Self::Inactive(_) => "Inactive",
            Self::Failed(_) => "Failed",
        }
    }

    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Active => None,
            Self::Pending(reason) | Self::Inactive(reason) | Self::Failed(reason) => Some(reason),
        }
    }
}

/// How the last update went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastUpdate {
    Successful,
    InProgress(Reason),
    Failed(Reason),
}

impl LastUpdate {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Successful => "Successful",
            Self::InProgress(_) => "InProgress",
            Self::Failed(_) => "Failed",
        }
    }

    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Successful => None,
            Self::InProgress(reason) | Self::Failed(reason) => Some(reason),
        }
    }
}

/// State and last update of one function version. There is no last update while it is first created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifeCycle {
    pub state: State,
    pub last_update: Option<LastUpdate>,
}

/// The function cannot be changed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    #[error("the function is still being created")]
    Pending,
    #[error("an update is in progress")]
    UpdateInProgress,
}

/// The version cannot be invoked now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotInvocable {
    #[error("the function is still being created")]
    Pending,
    #[error("the function is inactive")]
    Inactive,
    #[error("the function could not be created: {}", .0.text)]
    Failed(Reason),
}

impl LifeCycle {
    /// Returns the life cycle of a function that is being created.
    pub fn created() -> Self {
        Self {
            state: State::Pending(Reason::creating()),
            last_update: None,
        }
    }

    /// Returns the life cycle of a version published from an active function.
    pub fn published() -> Self {
        Self {
            state: State::Active,
            last_update: Some(LastUpdate::Successful),
        }
    }

    /// Tells whether background work is owed: a creation or an update that was neither completed nor failed.
    pub fn is_moving(&self) -> bool {
        matches!(self.state, State::Pending(_))
            || matches!(self.last_update, Some(LastUpdate::InProgress(_)))
    }

    /// Checks that an update or a publication may begin.
    pub fn check_idle(&self) -> Result<(), Busy> {
        if matches!(self.state, State::Pending(_)) {
            return Err(Busy::Pending);
        }
        if matches!(self.last_update, Some(LastUpdate::InProgress(_))) {
            return Err(Busy::UpdateInProgress);
        }
        Ok(())
    }

    /// Checks that the version can run.
    pub fn check_invocable(&self) -> Result<(), NotInvocable> {
        match &self.state {
            State::Active => Ok(()),
            State::Pending(_) => Err(NotInvocable::Pending),
            State::Inactive(_) => Err(NotInvocable::Inactive),
            State::Failed(reason) => Err(NotInvocable::Failed(reason.clone())),
        }
    }

    /// An update begins.
    pub fn begin_update(&mut self) -> Result<(), Busy> {
        self.check_idle()?;
        self.last_update = Some(LastUpdate::InProgress(Reason::creating()));
        Ok(())
    }

    /// The function was not invoked for long; `false` if it cannot become inactive now.
    pub fn rest(&mut self) -> bool {
        let can = self.state == State::Active && !self.is_moving();
        if can {
            self.state = State::Inactive(Reason::idle());
        }
        can
    }

    /// Somebody wants the function again; `false` if it was not inactive.
    pub fn restore(&mut self) -> bool {
        let can = matches!(self.state, State::Inactive(_)) && !self.is_moving();
        if can {
            self.state = State::Pending(Reason::restoring());
        }
        can
    }

    /// The creation or update that was under way succeeded. A function that had failed is well again.
    pub fn complete(&mut self) {
        *self = Self::published();
    }

    /// The creation or update that was under way failed. A failed update leaves the state: old code goes on running.
    pub fn fail(&mut self, reason: Reason) {
        if matches!(self.state, State::Pending(_)) {
            self.state = State::Failed(reason.clone());
        }
        self.last_update = Some(LastUpdate::Failed(reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> Reason {
        Reason {
            code: "InvalidZipFileException".to_owned(),
            text: "no zip".to_owned(),
        }
    }

    #[test]
    fn a_created_function_becomes_active_and_successful() {
        let mut cycle = LifeCycle::created();
        assert_eq!(cycle.check_idle(), Err(Busy::Pending));
        assert_eq!(cycle.check_invocable(), Err(NotInvocable::Pending));

        cycle.complete();

        assert_eq!(cycle, LifeCycle::published());
        assert_eq!(cycle.check_invocable(), Ok(()));
    }

    #[test]
    fn an_update_excludes_a_second_one_and_leaves_the_function_invocable() {
        let mut cycle = LifeCycle::published();
        cycle.begin_update().unwrap();

        assert_eq!(cycle.begin_update(), Err(Busy::UpdateInProgress));
        assert_eq!(cycle.check_invocable(), Ok(()));
        assert!(cycle.is_moving());
    }

    #[test]
    fn a_failed_update_leaves_the_old_code_running() {
        let mut cycle = LifeCycle::published();
        cycle.begin_update().unwrap();
        cycle.fail(broken());

        assert_eq!(cycle.state, State::Active);
        assert_eq!(cycle.last_update, Some(LastUpdate::Failed(broken())));
        assert!(!cycle.is_moving());
    }

    #[test]
    fn a_function_at_rest_comes_back_by_way_of_pending() {
        let mut cycle = LifeCycle::published();
        assert!(!cycle.restore());

        assert!(cycle.rest());
        assert_eq!(cycle.check_invocable(), Err(NotInvocable::Inactive));
        assert!(!cycle.rest());

        assert!(cycle.restore());
        assert_eq!(cycle.check_invocable(), Err(NotInvocable::Pending));
        assert!(cycle.is_moving());
        cycle.complete();
        assert_eq!(cycle, LifeCycle::published());
    }

    #[test]
    fn a_failed_creation_is_mended_by_an_update() {
        let mut cycle = LifeCycle::created();
        cycle.fail(broken());
        assert_eq!(cycle.check_invocable(), Err(NotInvocable::Failed(broken())));

        cycle.begin_update().unwrap();
        cycle.complete();

        assert_eq!(cycle.check_invocable(), Ok(()));
    }
}
