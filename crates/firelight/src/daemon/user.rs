//! The user the daemon is, once it has started: what parses the network need not be root.
//!
//! ```text
//!  root ──► acts as the user (data directory, bootstraps) ──► root (launcher) ──► the user, for good
//! ```
//!
//! Root never touches what the user can replace: a daemon that was taken over once must not become root by a link it
//! left for the next start. What needs root afterwards is the launcher's, which was started before.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use firelight_sandbox_linux::{Identity, act_as_root};

use crate::config::ServerConfig;
use crate::failure::{Exit, Failure};

/// Who the daemon becomes; `None` when it stays who started it.
pub struct DaemonUser(Option<Named>);

struct Named {
    name: String,
    identity: Identity,
}

impl DaemonUser {
    /// Looks up the configured user. Somebody who is that user already has nothing to become.
    pub fn of(config: &ServerConfig) -> Result<Self, Failure> {
        let Some(name) = &config.user else {
            return Ok(Self(None));
        };
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let Some(identity) = identity_of(name, &passwd) else {
            let what = format!("there is no user {name:?}");
            let remedy = format!("useradd --system {name}, or give numbers: --user 990:990");
            return Err(Failure::new(Exit::Usage, what).with_remedy(remedy));
        };
        let own = own_user().map_err(failed("find out who runs this"))?;
        match own {
            own if own == identity.user => Ok(Self(None)),
            0 => Ok(Self(Some(Named {
                name: name.clone(),
                identity,
            }))),
            _ => Err(
                Failure::new(Exit::Usage, format!("only root can become {name}"))
                    .with_remedy("start as root, or as that user, without --user"),
            ),
        }
    }

    pub fn is_other(&self) -> bool {
        self.0.is_some()
    }

    /// Gives a data directory that does not exist yet to the user; one that does must be the user's.
    pub fn take_over(&self, data_dir: &Path) -> Result<(), Failure> {
        let Some(Named { name, identity }) = &self.0 else {
            return Ok(());
        };
        let create = failed("make the data directory");
        match fs::symlink_metadata(data_dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_for(*identity, data_dir).map_err(create)
            }
            Err(error) => Err(create(error)),
            Ok(found) if found.uid() == identity.user => Ok(()),
            Ok(found) => {
                let (shown, owner) = (data_dir.display(), found.uid());
                let what =
                    format!("the data directory {shown} belongs to user {owner}, not to {name}");
                let remedy = format!("chown -R {}:{} {shown}", identity.user, identity.group);
                Err(Failure::new(Exit::Usage, what).with_remedy(remedy))
            }
        }
    }

    /// Acts as the user for a while.
    pub fn put_on(&self) -> Result<(), Failure> {
        self.0.as_ref().map_or(Ok(()), |named| {
            named.identity.act_as().map_err(failed("act as the user"))
        })
    }

    /// Acts as root again, for the launcher.
    pub fn take_off(&self) -> Result<(), Failure> {
        self.0.as_ref().map_or(Ok(()), |_| {
            act_as_root().map_err(failed("act as root again"))
        })
    }

    /// Stays the user.
    pub fn keep_on(&self) -> Result<(), Failure> {
        let Some(Named { name, identity }) = &self.0 else {
            return Ok(());
        };
        identity
            .become_for_good()
            .map_err(failed("become the user"))?;
        tracing::info!(user = name, "no longer root");
        Ok(())
    }
}

fn failed(step: &'static str) -> impl FnOnce(io::Error) -> Failure {
    move |error| Failure::because(Exit::Failure, format!("could not {step}"), &error)
}

/// Closed to all others from the beginning, as the store makes it.
fn make_for(identity: Identity, data_dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)?;
    let (user, group) = (Some(identity.user), Some(identity.group));
    std::os::unix::fs::lchown(data_dir, user, group)
}

/// The effective user of this process.
fn own_user() -> io::Result<u32> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let effective = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    effective.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// A name of the table of users, or a user's and a group's number with a colon between. Root is nobody to become.
fn identity_of(name: &str, passwd: &str) -> Option<Identity> {
    let numbers = name
        .split_once(':')
        .and_then(|(user, group)| Some((user.parse().ok()?, group.parse().ok()?)));
    let (user, group) = numbers.or_else(|| {
        let fields = passwd
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>());
        let entry = fields
            .into_iter()
            .find(|fields| fields.first() == Some(&name))?;
        Some((entry.get(2)?.parse().ok()?, entry.get(3)?.parse().ok()?))
    })?;
    (user != 0).then_some(Identity { user, group })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nfirelight:x:990:991::/:/sbin/nologin\n";

    #[test]
    fn users_are_found_by_name_or_given_by_numbers() {
        let found = |name| identity_of(name, PASSWD).map(|found| (found.user, found.group));

        assert_eq!(found("firelight"), Some((990, 991)));
        assert_eq!(found("1500:1501"), Some((1500, 1501)));
        assert_eq!(found("fire"), None);
        assert_eq!(found("1500"), None);
    }

    #[test]
    fn nobody_becomes_root() {
        assert_eq!(identity_of("root", PASSWD), None);
        assert_eq!(identity_of("0:0", PASSWD), None);
    }
}
