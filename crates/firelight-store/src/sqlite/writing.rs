//! Connections that write from a thread of their own.
//!
//! A pool hands each statement to another thread and waits for it, which costs two switches between threads: more than
//! the statement. What writes in batches therefore runs where its connection is, and only a batch changes threads.
//!
//! Deliberately absent: what is written.

use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::checkpoint::Checkpointer;

/// Statements that stay prepared; a writer has fewer.
const STATEMENTS: usize = 64;
/// How long a step waits for a lock. Only the copying of the log, and the end of another process, ever hold one.
const PATIENCE: Duration = Duration::from_secs(5);

/// The connection of a writer, with whoever copies the log behind it.
#[derive(Debug)]
pub(crate) struct WritingConnection {
    // Ends before the connection, so that closing the last one removes the log.
    checkpointer: Checkpointer,
    db: Connection,
}

/// Opens the one connection that writes to an existing database.
pub(crate) fn connect(file: &Path) -> rusqlite::Result<WritingConnection> {
    let db = open(file)?;
    // `FULL` syncs the write-ahead log on every commit: acknowledged means durable.
    db.pragma_update(None, "synchronous", "FULL")?;
    Ok(WritingConnection {
        checkpointer: Checkpointer::start(&db, open(file)?)?,
        db,
    })
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    db.busy_timeout(PATIENCE)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(db)
}

/// Runs a writer on a thread of its own, which ends by itself when every handle is gone.
pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(run).map(drop)
}

impl WritingConnection {
    /// Begins a transaction that holds the right to write from the start.
    pub(crate) fn begin(&mut self) -> rusqlite::Result<Transaction<'_>> {
        self.db
            .transaction_with_behavior(TransactionBehavior::Immediate)
    }

    /// Says that a batch is on the disk.
    pub(crate) fn committed(&mut self) {
        self.checkpointer.committed();
    }

    /// Copies the log into the database and closes both.
    pub(crate) fn close(self) -> rusqlite::Result<()> {
        drop(self.checkpointer);
        self.db.close().map_err(|(_, error)| error)
    }
}

impl Deref for WritingConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.db
    }
}
