//! Copies the write-ahead log into the database behind the writer's back.
//!
//! ```text
//!  writer: commit, commit, ... ──(each so many)──► copier: what is in the log by now ──► database file
//!     └─ the log is longer than LONGEST_LOG: copies the little that is left itself, and the log begins anew
//! ```
//!
//! By itself SQLite does it within every so manieth commit, which then takes several times as long as the others. A
//! copy beside a busy writer never catches up with it, and only a log that was copied to its end begins anew: that is
//! why the writer still does the last step, which is short then.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

/// Commits between two copies. One touches about a dozen pages.
const COMMITS: u32 = 64;
/// How many pages of 4 KiB the log may have before the writer sees to it itself.
const LONGEST_LOG: u32 = 4096;

#[derive(Debug)]
pub(super) struct Checkpointer {
    commits: u32,
    /// Taken away to end the thread.
    wake: Option<SyncSender<()>>,
    copying: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Takes the copying over from a writer.
    pub(super) fn start(writer: &Connection, copier: Connection) -> rusqlite::Result<Self> {
        writer.pragma_update(None, "wal_autocheckpoint", LONGEST_LOG)?;
        // One wish that waits is enough: a copy takes whatever there is.
        let (wake, wishes) = sync_channel(1);
        let copying = std::thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || copy(&copier, &wishes));
        // Without the thread the writer does it all, which is only slower.
        Ok(Self {
            commits: 0,
            wake: Some(wake),
            copying: copying.ok(),
        })
    }

    /// Counts a commit, and wishes for a copy now and then.
    pub(super) fn committed(&mut self) {
        self.commits += 1;
        if self.commits < COMMITS {
            return;
        }
        self.commits = 0;
        if let Some(wake) = &self.wake {
            // A wish that waits already stands for this one too.
            wake.try_send(()).ok();
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(copying) = self.copying.take() {
            // A panic there was reported, and the writer goes on without it.
            copying.join().ok();
        }
    }
}

fn copy(db: &Connection, wishes: &Receiver<()>) {
    while wishes.recv().is_ok() {
        // `PASSIVE` takes no lock that anybody waits for.
        let copied = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = copied {
            tracing::warn!(%error, "could not copy the write-ahead log; the writer will");
        }
    }
}
