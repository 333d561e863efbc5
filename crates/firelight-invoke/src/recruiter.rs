//! The task that looks after a pool's line for room on the host. There is one as long as anything of the pool waits.
//!
//! ```text
//!  called, or a second later
//!       └──► its turn, and room ─► an environment's task starts
//!       └──► its turn, no room  ─► what is idle is retired, or wait
//!       └──► too long in line   ─► the requests are refused
//! ```
//!
//! Deliberately absent: whose turn it is; see `host/room`.

use std::sync::Arc;
use std::time::Duration;

use firelight_sandbox::SandboxDriver;
use tokio::time::{Instant, sleep, sleep_until};

use crate::call::NotStarted;
use crate::data_plane::Inner;
use crate::host::Turn;
use crate::keeper::Purpose;
use crate::pools::VersionPool;

/// How often a recruiter looks by itself whether its pool's turn has come.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

pub(crate) async fn recruit<D: SandboxDriver>(inner: Arc<Inner<D>>, pool: Arc<VersionPool>) {
    loop {
        match inner.host.turn(&pool.place, Instant::now()) {
            Turn::Granted(purpose, share) => inner.keep(&pool, purpose, share),
            Turn::MakeRoom { .. } if inner.make_room() => {}
            Turn::MakeRoom { since } | Turn::Wait { since } => wait(&inner, &pool, since).await,
            Turn::Over => return,
        }
    }
}

/// Waits until the pool's turn may have come, and refuses what waits too long.
async fn wait<D: SandboxDriver>(inner: &Inner<D>, pool: &VersionPool, since: Instant) {
    let patience = inner.settings.capacity_wait;
    tokio::select! {
        biased;
        () = pool.place.called.notified() => {}
        () = sleep_until(since + patience) => {
            let budget_mb = inner.host.budget().memory_mb;
            let reason = NotStarted::NoCapacity {
                reason: format!("all of the host's {budget_mb} MB are in use"),
            };
            for purpose in inner.host.expire(&pool.place, since) {
                refuse_start(pool, &purpose, &reason);
            }
        }
        // Some things change with time alone: nobody calls then.
        () = sleep(LOOK_AGAIN) => {}
    }
}

/// Ends a start before its environment was begun.
pub(crate) fn refuse_start(pool: &VersionPool, purpose: &Purpose, reason: &NotStarted) {
    let Purpose::Demand = purpose else {
        // Whoever waits to be told learns it from the sender, which goes without having said anything.
        return pool.lock().preparing_failed();
    };
    let unserved = pool.lock().start_failed();
    for assignment in unserved {
        if matches!(reason, NotStarted::NoCapacity { .. }) {
            pool.metrics.refused_for_room();
        }
        assignment.refuse(reason.clone());
    }
}
