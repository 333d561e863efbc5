use std::time::Duration;

use firelight_control::{ResolveError, View};
use firelight_model::{Draw, LifeCycle, NotInvocable, State};
use tokio::time::{Instant, sleep};

use crate::support::{TestControl, active, arn, described_when, settled, whole};

const AFTER: Duration = Duration::from_secs(3600);

fn invoke(view: &View) -> Result<(), ResolveError> {
    view.resolve(&arn("f"), None, Draw::from_random(0))
        .map(drop)
}

fn is_inactive(cycle: &LifeCycle) -> bool {
    matches!(cycle.state, State::Inactive(_))
}

#[tokio::test(start_paused = true)]
async fn function_that_nobody_invokes_becomes_inactive_and_comes_back_when_it_is_wanted() {
    let control = TestControl::new().await;
    active(&control, "f").await;
    let _completion = control.complete();
    let watched = control.control.clone();
    let watch = tokio::spawn(async move { watched.watch_idleness(AFTER).await });

    let inactive = described_when(&control, &whole("f"), is_inactive).await;
    let refused = invoke(control.view()).unwrap_err();
    let restored = described_when(&control, &whole("f"), |cycle| !is_inactive(cycle)).await;
    let ready = settled(&control, "f").await;

    let reason = inactive.life_cycle.state.reason().unwrap();
    assert_eq!(reason.code, "Idle");
    let source = NotInvocable::Inactive;
    let arn = arn("f");
    assert_eq!(refused, ResolveError::NotInvocable { arn, source });
    assert_ne!(restored.life_cycle, inactive.life_cycle);
    assert_eq!(ready.life_cycle, LifeCycle::published());
    assert_eq!(invoke(control.view()), Ok(()));
    watch.abort();
}

#[tokio::test(start_paused = true)]
async fn function_that_is_invoked_now_and_then_stays_active() {
    let control = TestControl::new().await;
    active(&control, "f").await;
    let watched = control.control.clone();
    let watch = tokio::spawn(async move { watched.watch_idleness(AFTER).await });
    let start = Instant::now();

    while start.elapsed() < AFTER * 3 {
        sleep(AFTER / 2).await;
        assert_eq!(invoke(control.view()), Ok(()));
    }

    assert_eq!(
        control.describe(&whole("f")).unwrap().life_cycle.state,
        State::Active
    );
    watch.abort();
}
