//! A server as its owner holds it, and the end of it.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use fathom_net::{Host, TcpInfo, TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::serve::{Common, accept};
use super::{Config, Handler};

/// A server that runs.
#[derive(Clone, Debug)]
pub struct Server {
    phase: Arc<watch::Sender<Phase>>,
    /// One permit for each connection that there may be.
    places: Arc<Semaphore>,
    /// One permit for each closed connection that may wait for its client to close too.
    lingering: Arc<Semaphore>,
    limit: usize,
    open: Arc<AtomicUsize>,
    accepted: Arc<AtomicU64>,
}

/// Where a server stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Phase {
    /// It accepts connections.
    Serving,
    /// It accepts none; requests that have begun are answered.
    Draining,
    /// Nothing goes on.
    Over,
}

impl Server {
    /// A server without a listener, for at most so many connections at once.
    pub fn new(connections: usize) -> Server {
        let limit = connections.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        Server {
            phase: Arc::new(watch::Sender::new(Phase::Serving)),
            places: Arc::new(Semaphore::new(limit)),
            lingering: Arc::new(Semaphore::new(limit)),
            limit,
            open: Arc::default(),
            accepted: Arc::default(),
        }
    }

    /// Answers the connections of another listener too, as [`serve`](super::serve). Both share the limit of
    /// connections, which is the one of the first, and end together.
    ///
    /// # Errors
    /// As [`serve`](super::serve).
    pub fn serve(
        &self,
        host: &Host,
        listener: TcpListener,
        config: Config,
        handler: Arc<dyn Handler>,
    ) -> Result<(), rustls::Error> {
        let Config { identity, limits, observer } = config;
        let tls = match identity {
            Some(identity) => {
                Some(Arc::new(crate::tls::server::config(host, identity, &["h2", "http/1.1"])?))
            }
            None => None,
        };
        let common = Common { host: host.clone(), tls, limits, observer, handler, server: self.clone() };
        host.spawn(accept(listener, Arc::new(common)));
        Ok(())
    }

    /// Accepts no more connections, lets the requests that have begun be answered, and completes when the
    /// last connection is closed.
    pub async fn shut_down(&self) {
        self.enter(Phase::Draining);
        // The semaphores are never closed.
        let _ = self.places.acquire_many(self.limit as u32).await;
        let _ = self.lingering.acquire_many(self.limit as u32).await;
    }

    /// Closes the listener and every connection, whatever is going on.
    pub fn abort(&self) {
        self.enter(Phase::Over);
    }

    /// Connections open at this moment.
    pub fn connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|current| {
            let later = *current < phase;
            *current = phase.max(*current);
            later
        });
    }

    /// Counts a connection, which is open until the guard is dropped.
    pub(super) fn count(&self) -> Open {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(&self.open))
    }

    pub(super) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Completes when the server accepts no more.
    pub(super) async fn draining(&self) {
        reached(&mut self.phase(), Phase::Draining).await;
    }

    /// A place for a connection, as soon as there is one.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// Leave to wait for a client to close, unless too many others do.
    pub(super) fn linger(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.lingering).try_acquire_owned().ok()
    }
}

/// Completes when the server has come to `phase`.
async fn reached(at: &mut watch::Receiver<Phase>, phase: Phase) {
    // An error: the server's handles are gone, and nobody can end it any more.
    if at.wait_for(|now| *now >= phase).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What a connection is doing: counted by whoever moves its bytes and answers its requests.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Bytes in and out.
    bytes: AtomicU64,
    /// Handlers at work.
    handlers: AtomicU64,
    /// Whether somebody wants to know what TCP knew at the end.
    wants_info: bool,
    info: Mutex<Option<TcpInfo>>,
}

impl Activity {
    pub(super) fn new(wants_info: bool) -> Activity {
        Activity { wants_info, ..Activity::default() }
    }

    /// Keeps what TCP knows at the end.
    pub(super) fn ended(&self, stream: &TcpStream) {
        if self.wants_info {
            *self.info.lock().unwrap_or_else(PoisonError::into_inner) = stream.info().ok();
        }
    }

    pub(super) fn take_info(&self) -> Option<TcpInfo> {
        self.info.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn moved(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A handler is at work until the guard is dropped.
    pub(super) fn handler(self: &Arc<Self>) -> AtWork {
        self.handlers.fetch_add(1, Ordering::Relaxed);
        AtWork(Arc::clone(self))
    }

    /// Completes when nothing has happened for `limit`, or somewhat longer.
    pub(super) async fn idle(&self, host: &Host, limit: Duration) {
        let mut seen = self.bytes.load(Ordering::Relaxed);
        let mut since = host.now();
        // Looked at now and then rather than at each byte: a look costs a timer, a byte costs an addition.
        let look = limit / 4;
        loop {
            host.sleep(look).await;
            let bytes = self.bytes.load(Ordering::Relaxed);
            if bytes != seen || self.handlers.load(Ordering::Relaxed) > 0 {
                (seen, since) = (bytes, host.now());
            } else if host.now() - since >= limit {
                return;
            }
        }
    }
}

/// A connection that is open.
#[derive(Debug)]
pub(super) struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A handler at work.
#[derive(Debug)]
pub(super) struct AtWork(Arc<Activity>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.handlers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs `connection` until it ends, the server is over, or `idle` completes (`None` for these two). `wind_up`
/// is called once when the server begins to drain.
pub(super) async fn guarded<C: Future>(
    connection: C,
    mut phase: watch::Receiver<Phase>,
    idle: impl Future<Output = ()>,
    wind_up: impl Fn(Pin<&mut C>),
) -> Option<C::Output> {
    let mut connection = pin!(connection);
    let mut idle = pin!(idle);
    let mut changed = Box::pin(async move {
        reached(&mut phase, Phase::Draining).await;
        phase
    });
    let mut over = None;
    poll_fn(|cx| {
        if over.is_none()
            && let Poll::Ready(mut phase) = changed.as_mut().poll(cx)
        {
            wind_up(connection.as_mut());
            over = Some(Box::pin(async move { reached(&mut phase, Phase::Over).await }));
        }
        if let Poll::Ready(output) = connection.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        let is_over = over.as_mut().is_some_and(|over| over.as_mut().poll(cx).is_ready());
        if is_over || idle.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        Poll::Pending
    })
    .await
}
