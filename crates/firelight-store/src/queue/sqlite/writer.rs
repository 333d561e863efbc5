//! The thread that owns the writing connection of a queue.
//!
//! It takes what waits, does all of it in one database transaction, syncs once, and answers all.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::Ask;
use super::apply::{self, Session};
use crate::queue::ClaimError;
use crate::queue::item::{Claim, Claims, Epoch, NewItem, Receipt, Settled, Settlement};
use crate::record::StoreClock;
use crate::sqlite::writing::WritingConnection;
use crate::store::BackendError;

/// Most operations that share one sync. Keeps the wait of the first bounded.
const BATCH: usize = 256;

pub(super) type Reply<T> = oneshot::Sender<Result<T, Ask>>;

/// What the writer is asked for.
pub(super) enum Request {
    Run(Operation),
    Close(oneshot::Sender<()>),
}

/// What to do, and whom to tell.
pub(super) enum Operation {
    Enqueue(Vec<NewItem>, Reply<()>),
    Claim(Claim, Reply<Result<Claims, ClaimError>>),
    Settle(Vec<Settlement>, Reply<Vec<Settled>>),
    Extend(Vec<Receipt>, Duration, Reply<Vec<Settled>>),
}

/// An answer that waits for the sync.
type Answer = Box<dyn FnOnce(Result<(), Ask>) + Send>;

/// Where the database failed a batch.
enum BatchError {
    /// Before the commit: all of it was rolled back.
    RolledBack(rusqlite::Error),
    /// In the commit itself.
    InCommit(rusqlite::Error),
}

impl From<rusqlite::Error> for BatchError {
    fn from(error: rusqlite::Error) -> Self {
        Self::RolledBack(error)
    }
}

impl BatchError {
    /// Makes the error for each of the operations that shared the batch.
    fn share(self) -> impl Fn() -> Ask {
        let (make, error): (fn(BackendError) -> Ask, _) = match self {
            Self::RolledBack(error) => (Ask::Failed, error),
            Self::InCommit(error) => (Ask::Unknown, error),
        };
        let error = Arc::new(error);
        move || make(BackendError::new(Arc::clone(&error)))
    }
}

/// Owns the writing connection.
pub(super) struct Writer {
    db: WritingConnection,
    clock: StoreClock,
    hints: watch::Sender<u64>,
}

impl Writer {
    pub(super) fn new(db: WritingConnection, clock: StoreClock) -> (Self, watch::Receiver<u64>) {
        let (hints, receiver) = watch::channel(0);
        (Self { db, clock, hints }, receiver)
    }

    /// Begins an epoch, then serves until it is closed or every handle is gone.
    pub(super) fn run(
        mut self,
        begun: oneshot::Sender<rusqlite::Result<Epoch>>,
        inbox: mpsc::Receiver<Request>,
    ) {
        let epoch = apply::begin_epoch(&mut self.db, &self.clock);
        // Whoever opens the queue waits for the answer; if nobody does, there is nothing to serve either.
        let begins = epoch.is_ok();
        if begun.send(epoch).is_ok() && begins {
            self.serve_all(inbox);
        }
    }

    fn serve_all(mut self, mut inbox: mpsc::Receiver<Request>) {
        let mut requests = Vec::with_capacity(BATCH);
        let mut closers = Vec::new();
        while inbox.blocking_recv_many(&mut requests, BATCH) > 0 {
            let mut operations = Vec::with_capacity(requests.len());
            for request in requests.drain(..) {
                match request {
                    Request::Run(operation) => operations.push(operation),
                    Request::Close(reply) => closers.push(reply),
                }
            }
            self.serve(operations);
            if !closers.is_empty() {
                inbox.close();
            }
        }
        if let Err(error) = self.db.close() {
            tracing::warn!(%error, "could not close the queue cleanly");
        }
        for closer in closers {
            // A caller that stopped waiting needs no answer.
            closer.send(()).ok();
        }
    }

    fn serve(&mut self, operations: Vec<Operation>) {
        if operations.is_empty() {
            return;
        }
        let mut answers = Vec::with_capacity(operations.len());
        let done = self.run_all(operations, &mut answers);
        match done {
            Ok(added) => {
                answers.into_iter().for_each(|answer| answer(Ok(())));
                self.hints.send_if_modified(|count| {
                    *count = count.wrapping_add(1);
                    added
                });
            }
            Err(error) => {
                let error = error.share();
                answers.into_iter().for_each(|answer| answer(Err(error())));
            }
        }
    }

    /// Does all operations and syncs. `true` if there may be more to claim now.
    fn run_all(
        &mut self,
        operations: Vec<Operation>,
        answers: &mut Vec<Answer>,
    ) -> Result<bool, BatchError> {
        let mut waiting = operations.into_iter();
        let done = self.try_all(&mut waiting, answers);
        if let Err(error) = &done {
            let (BatchError::RolledBack(error) | BatchError::InCommit(error)) = error;
            tracing::error!(%error, "could not write the queue");
            answers.extend(waiting.map(refuse));
        }
        done
    }

    fn try_all(
        &mut self,
        operations: &mut impl Iterator<Item = Operation>,
        answers: &mut Vec<Answer>,
    ) -> Result<bool, BatchError> {
        let db = self.db.begin()?;
        let mut session = Session::begin(&db, &self.clock)?;
        let mut added = false;
        for operation in operations {
            added |= !matches!(operation, Operation::Claim(..) | Operation::Extend(..));
            run(operation, &mut session, answers)?;
        }
        session.end()?;
        db.commit().map_err(BatchError::InCommit)?;
        self.db.committed();
        Ok(added)
    }
}

/// Does one operation and keeps its answer until the sync.
fn run(
    operation: Operation,
    session: &mut Session<'_>,
    answers: &mut Vec<Answer>,
) -> rusqlite::Result<()> {
    match operation {
        Operation::Enqueue(items, reply) => {
            let done = apply::enqueue(session, items);
            keep(done, reply, answers)
        }
        Operation::Claim(claim, reply) => {
            let done = apply::claim(session, &claim);
            keep(done, reply, answers)
        }
        Operation::Settle(settlements, reply) => {
            let done = apply::settle(session, settlements);
            keep(done, reply, answers)
        }
        Operation::Extend(receipts, hold, reply) => {
            let done = apply::extend(session, &receipts, hold);
            keep(done, reply, answers)
        }
    }
}

fn keep<T: Send + 'static>(
    done: rusqlite::Result<T>,
    reply: Reply<T>,
    answers: &mut Vec<Answer>,
) -> rusqlite::Result<()> {
    let (value, error) = match done {
        Ok(value) => (Some(value), None),
        Err(error) => (None, Some(error)),
    };
    answers.push(Box::new(move |synced: Result<(), Ask>| {
        let answer = synced.map(|()| value.expect("a batch with a failed operation is not synced"));
        // A caller that stopped waiting needs no answer.
        reply.send(answer).ok();
    }));
    error.map_or(Ok(()), Err)
}

/// The answer of an operation that was not reached.
fn refuse(operation: Operation) -> Answer {
    fn send<T: Send + 'static>(reply: Reply<T>) -> Answer {
        Box::new(move |failed| {
            if let Err(error) = failed {
                // A caller that stopped waiting needs no answer.
                reply.send(Err(error)).ok();
            }
        })
    }
    match operation {
        Operation::Enqueue(_, reply) => send(reply),
        Operation::Claim(_, reply) => send(reply),
        Operation::Settle(_, reply) | Operation::Extend(_, _, reply) => send(reply),
    }
}
