//! The queue without its type, so that nobody who handles events is generic over a storage engine.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use firelight_store::{
    Claim, ClaimError, Claims, Depth, EnqueueError, NewItem, Queue, ReadError, Receipt,
    SettleError, Settled, Settlement,
};
use tokio::sync::watch;

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`Queue`] as an object.
pub(crate) trait AnyQueue: Send + Sync + 'static {
    fn enqueue(&self, items: Vec<NewItem>) -> Answer<'_, Result<(), EnqueueError>>;
    fn claim(&self, claim: Claim) -> Answer<'_, Result<Claims, ClaimError>>;
    fn settle(&self, settlement: Settlement) -> Answer<'_, Result<Settled, SettleError>>;
    fn extend(&self, receipt: Receipt, hold: Duration) -> Answer<'_, Result<Settled, SettleError>>;
    fn depths(&self) -> Answer<'_, Result<Vec<Depth>, ReadError>>;
    fn hints(&self) -> watch::Receiver<u64>;
}

impl<Q: Queue> AnyQueue for Q {
    fn enqueue(&self, items: Vec<NewItem>) -> Answer<'_, Result<(), EnqueueError>> {
        Box::pin(Queue::enqueue(self, items))
    }

    fn claim(&self, claim: Claim) -> Answer<'_, Result<Claims, ClaimError>> {
        Box::pin(Queue::claim(self, claim))
    }

    fn settle(&self, settlement: Settlement) -> Answer<'_, Result<Settled, SettleError>> {
        Box::pin(async move { Ok(first(Queue::settle(self, vec![settlement]).await?)) })
    }

    fn extend(&self, receipt: Receipt, hold: Duration) -> Answer<'_, Result<Settled, SettleError>> {
        Box::pin(async move { Ok(first(Queue::extend(self, vec![receipt], hold).await?)) })
    }

    fn depths(&self) -> Answer<'_, Result<Vec<Depth>, ReadError>> {
        Box::pin(Queue::depths(self))
    }

    fn hints(&self) -> watch::Receiver<u64> {
        Queue::hints(self)
    }
}

/// One question has one answer.
fn first(answers: Vec<Settled>) -> Settled {
    answers.into_iter().next().unwrap_or(Settled::Stale)
}
