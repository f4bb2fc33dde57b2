//! hyper's tasks and timers on a host, for programs that use hyper themselves. Its connections take a
//! [`TcpStream`](fathom_net::TcpStream) inside [`TokioIo`](hyper_util::rt::TokioIo).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use fathom_net::Host;

/// Runs hyper's tasks on a host.
#[derive(Clone, Debug)]
pub struct HostExecutor(pub Host);

impl<F> hyper::rt::Executor<F> for HostExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

/// Gives hyper the host's clock.
///
/// hyper speaks of time in [`std::time::Instant`], which cannot be made from a number. One instant of the
/// machine stands for the host's epoch; all others are distances from it, so only the host's clock shows.
#[derive(Clone, Debug)]
pub struct HostTimer {
    host: Host,
    epoch: Instant,
}

impl HostTimer {
    /// The clock of `host`.
    #[expect(clippy::disallowed_methods, reason = "an anchor: only distances from it are used")]
    pub fn new(host: Host) -> Self {
        HostTimer { host, epoch: Instant::now() }
    }
}

impl hyper::rt::Timer for HostTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(HostSleep(self.host.sleep(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        let since_epoch = deadline.saturating_duration_since(self.epoch);
        Box::pin(HostSleep(self.host.sleep_until(fathom_net::Instant::ZERO + since_epoch)))
    }

    fn now(&self) -> Instant {
        self.epoch + (self.host.now() - fathom_net::Instant::ZERO)
    }
}

struct HostSleep(fathom_net::Sleep);

impl Future for HostSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl hyper::rt::Sleep for HostSleep {}
