//! What ends the daemon: a signal, or the death of its launcher.

use std::fs;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

/// How often the launcher is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Why the daemon stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Asked,
    /// Without its launcher the daemon can make no sandbox and holds none any more: starting again is the way out.
    LauncherLost,
}

/// Completes when the daemon has to stop.
pub async fn wanted(launcher_pid: u32) -> Stop {
    tokio::select! {
        () = asked() => Stop::Asked,
        () = launcher_lost(launcher_pid) => {
            tracing::error!("the launcher is gone, and every sandbox with it; stopping");
            Stop::LauncherLost
        }
    }
}

/// Completes at the first SIGTERM or SIGINT; a second one ends the process at once.
async fn asked() {
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        // Without handlers the signals end the process, which is what they ask for.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping; a second signal stops at once");
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(130);
    });
}

async fn launcher_lost(pid: u32) {
    while is_running(pid) {
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether a process runs. One that ended stays a zombie until its parent, which we are, asks for it.
fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_process_does_not_run_even_before_it_is_waited_for() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        assert!(is_running(std::process::id()));

        while is_running(child.id()) {
            std::thread::yield_now();
        }

        child.wait().unwrap();
        assert!(!is_running(child.id()));
    }
}
