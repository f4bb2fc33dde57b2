//! A running host.

mod configure;
mod doors;
mod records;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fathom_record::Recorder;
use fathom_stack::{InterfaceId, Stack, UdpBind};
use fathom_wire::{Instant, IpProtocol};

use crate::resolve::Resolve;
use crate::runtime::{Runtime, Signal};
use crate::shard::Shard;
use crate::sync::lock;
use crate::task::{JoinHandle, joinable};
use crate::time::{Sleep, Timeout};
use crate::{Family, IcmpSocket, RawSocket, TcpListener, TcpStream, UdpSocket};

/// A running host: its sockets, its name, its clock, its tasks and its randomness.
///
/// Everything that a program needs from its world comes from its host, so the same program runs on a real
/// device in real time and in a simulated internet on virtual time. A clone is another handle of the same host.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    runtime: Arc<dyn Runtime>,
    /// The stacks of the host, each with its own lock and the connections that belong to it.
    shards: Vec<Shard>,
    interfaces: Mutex<Vec<InterfaceId>>,
    resolver: Mutex<Option<Arc<dyn Resolve>>>,
    /// What the programs tell.
    application: Mutex<Recorder>,
}

impl Host {
    /// A host named `name` that runs `stack` in the world of `runtime`.
    ///
    /// Programs get their hosts from a world or a driver; this is for those who write one.
    pub fn new(name: impl Into<String>, stack: Stack, runtime: Arc<dyn Runtime>) -> Host {
        // The ids of a host's own records are the ones of its programs too, from the other end.
        let application = Recorder::new(u16::MAX - stack.config().shard);
        Host {
            inner: Arc::new(Inner {
                name: name.into(),
                runtime,
                shards: vec![Shard::new(stack)],
                interfaces: Mutex::default(),
                resolver: Mutex::default(),
                application: Mutex::new(application),
            }),
        }
    }

    /// The host's name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    pub(crate) fn runtime(&self) -> &dyn Runtime {
        &*self.inner.runtime
    }

    /// The shard with number `index`.
    pub(crate) fn shard(&self, index: usize) -> &Shard {
        &self.inner.shards[index]
    }

    /// Ends all waiting for sockets with an error: nothing arrives or leaves any more.
    pub(crate) fn close(&self) {
        for shard in &self.inner.shards {
            shard.with(|state| state.close());
        }
    }

    // ---- time ----

    /// The time on the host's clock, which never goes back.
    pub fn now(&self) -> Instant {
        self.inner.runtime.now()
    }

    /// The time of day: since 1970-01-01 00:00 UTC. What certificates and `Date` headers go by.
    pub fn wall_clock(&self) -> Duration {
        self.inner.runtime.wall_clock()
    }

    /// Completes when `time` has passed.
    pub fn sleep(&self, time: Duration) -> Sleep {
        self.sleep_until(self.now() + time)
    }

    /// Completes at `deadline`.
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep::new(Arc::clone(&self.inner.runtime), deadline)
    }

    /// Runs `future` for at most `time`, and drops it then.
    pub fn timeout<F: Future>(&self, time: Duration, future: F) -> Timeout<F> {
        Timeout::new(future, self.sleep(time))
    }

    /// Runs `future` until `deadline` at most, and drops it then.
    pub fn timeout_at<F: Future>(&self, deadline: Instant, future: F) -> Timeout<F> {
        Timeout::new(future, self.sleep_until(deadline))
    }

    // ---- tasks ----

    /// Runs `future` beside the caller.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (task, handle) = joinable(future);
        self.inner.runtime.spawn(task);
        handle
    }

    /// Runs `future` to its end on the calling thread, which blocks while it waits.
    ///
    /// For hosts in real time, from threads that run no task of this host. A world on virtual time moves
    /// only while its own `block_on` runs.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let signal = Signal::new();
        let waker = Arc::clone(&signal).into();
        let mut cx = std::task::Context::from_waker(&waker);
        let mut future = std::pin::pin!(future);
        loop {
            if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
            self.inner.runtime.wait(self, &signal);
        }
    }

    // ---- randomness ----

    /// Fills `out` with random bytes: from the system in real time, from the world's seed otherwise.
    pub fn random(&self, out: &mut [u8]) {
        self.inner.runtime.random(out);
    }

    /// A random number.
    pub fn random_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.random(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    // ---- names ----

    /// Sets who finds addresses for names.
    pub fn set_resolver(&self, resolver: Option<Arc<dyn Resolve>>) {
        let before = std::mem::replace(&mut *lock(&self.inner.resolver), resolver);
        drop(before);
    }

    /// Who finds addresses for names, if anybody does.
    pub fn resolver(&self) -> Option<Arc<dyn Resolve>> {
        lock(&self.inner.resolver).clone()
    }

    /// The addresses of `name`. An address in writing is its own.
    ///
    /// # Errors
    /// Those of the resolver; [`Unsupported`](io::ErrorKind::Unsupported) when the host has none.
    pub async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        if let Ok(address) = name.parse() {
            return Ok(vec![address]);
        }
        match self.resolver() {
            Some(resolver) => resolver.resolve(self, name).await,
            None => {
                let message = format!("{} has no resolver to find the address of {name}", self.name());
                Err(io::Error::new(io::ErrorKind::Unsupported, message))
            }
        }
    }

    // ---- sockets ----

    /// Opens a TCP connection; see [`TcpStream::connect`].
    ///
    /// # Errors
    /// Those of [`TcpStream::connect`].
    pub async fn tcp_connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(self, to).await
    }

    /// Listens for TCP connections; see [`TcpListener`].
    ///
    /// # Errors
    /// Those of [`TcpListener::bind`].
    pub fn tcp_listen(&self, at: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::bind_now(self, at)
    }

    /// Opens a UDP socket; see [`UdpSocket`].
    ///
    /// # Errors
    /// Those of [`UdpSocket::bind`].
    pub fn udp_bind(&self, at: SocketAddr) -> io::Result<UdpSocket> {
        UdpSocket::bind_now(self, at)
    }

    /// Opens a UDP socket as `bind` says: shared, dual-stack, on one interface, at a routed network.
    ///
    /// # Errors
    /// Those of [`UdpSocket::bind_with`].
    pub fn udp_bind_with(&self, bind: UdpBind) -> io::Result<UdpSocket> {
        UdpSocket::bind_with(self, bind)
    }

    /// Opens a socket for ICMP echo requests.
    ///
    /// # Errors
    /// When the host has too many sockets.
    pub fn icmp_open(&self, family: Family) -> io::Result<IcmpSocket> {
        IcmpSocket::open(self, family)
    }

    /// Opens a socket for whole packets of one protocol; see [`RawSocket`].
    ///
    /// # Errors
    /// None, as long as the host runs.
    pub fn raw_open(&self, family: Family, protocol: IpProtocol) -> io::Result<RawSocket> {
        RawSocket::open(self, family, protocol)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Host").field(&self.inner.name).finish()
    }
}
