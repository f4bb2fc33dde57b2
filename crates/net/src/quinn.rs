//! quinn's QUIC on a host: its socket, its tasks, its timers, its randomness.
//!
//! ```
//! # async fn example(host: fathom_net::Host, server: quinn::ServerConfig) -> std::io::Result<()> {
//! let socket = host.udp_bind("[::]:443".parse().unwrap())?;
//! let endpoint = fathom_net::quinn::endpoint(socket, quinn::EndpointConfig::default(), Some(server))?;
//! while let Some(incoming) = endpoint.accept().await {
//!     let connection = incoming.await;
//! }
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use quinn::udp::{self, EcnCodepoint, Transmit};
use quinn::{AsyncTimer, AsyncUdpSocket, Endpoint, EndpointConfig, Runtime, ServerConfig, UdpPoller};

use fathom_stack::{PathMtuDiscovery, RecvMeta, SendDatagram};
use fathom_wire::Ecn;

use crate::{Host, Sleep, UdpSocket};

/// Datagrams of one call, as many as the stack takes (`UDP_MAX_SEGMENTS` of Linux).
const MAX_SEGMENTS: usize = 64;

/// A QUIC endpoint on `socket`: a client, and a server too if there is a configuration for one.
///
/// Tasks, timers and randomness are those of the socket's host, so an endpoint in a world runs on virtual time
/// and the same seed gives the same run, as far as the cryptography's own randomness lets it.
///
/// # Errors
/// Those of setting the socket's options.
pub fn endpoint(
    socket: UdpSocket,
    mut config: EndpointConfig,
    server: Option<ServerConfig>,
) -> io::Result<Endpoint> {
    let host = socket.host().clone();
    let mut seed = [0; 32];
    host.random(&mut seed);
    config.rng_seed(Some(seed));
    Endpoint::new_with_abstract_socket(
        config,
        server,
        Arc::new(QuicSocket::new(socket)?),
        Arc::new(QuicRuntime::new(host)),
    )
}

/// A UDP socket as quinn takes it: many datagrams in one call both ways, with their congestion marks and our
/// address, and never in fragments, so that quinn finds the path MTU (RFC 9000 14).
pub struct QuicSocket {
    socket: UdpSocket,
    local: SocketAddr,
}

impl QuicSocket {
    /// Sets the socket up for QUIC.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the socket is gone.
    pub fn new(socket: UdpSocket) -> io::Result<QuicSocket> {
        socket.set_options(|options| {
            options.path_mtu_discovery = PathMtuDiscovery::Probe;
            options.receive_offload = true;
        })?;
        let local = socket.local_addr()?;
        Ok(QuicSocket { socket, local })
    }
}

impl fmt::Debug for QuicSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QuicSocket").field(&self.socket).finish()
    }
}

impl AsyncUdpSocket for QuicSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller(self))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let to = of_family(transmit.destination, &self.local);
        let segment_size = transmit.segment_size.and_then(|size| u16::try_from(size).ok());
        let message = SendDatagram {
            source: transmit.src_ip,
            segment_size: segment_size.and_then(NonZeroU16::new),
            ecn: Some(transmit.ecn.map_or(Ecn::NotEct, |mark| Ecn::from_bits(mark as u8))),
            ..SendDatagram::to(transmit.contents, to)
        };
        match self.socket.try_send_msg(&message) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            // To QUIC a datagram that did not leave is one that was lost: it repeats what matters, finds the
            // path's MTU by what gets through, and gives the peer up in its own time (RFC 9000 14.2.1, 21.8).
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [udp::RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let most = buffers.len().min(metas.len());
        loop {
            let each = |index: usize, meta| metas[index] = described(&meta);
            match self.socket.poll_recv_msgs(cx, &mut buffers[..most], each) {
                // What an earlier datagram met says nothing of the next (RFC 9000 21.8).
                Poll::Ready(Err(error)) if is_about_a_peer(&error) => {}
                other => return other,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        MAX_SEGMENTS
    }

    fn max_receive_segments(&self) -> usize {
        MAX_SEGMENTS
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

/// IPv4 peers of a socket that speaks IPv6 have mapped addresses.
fn of_family(address: SocketAddr, local: &SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(v4) if local.is_ipv6() => SocketAddr::new(v4.to_ipv6_mapped().into(), address.port()),
        _ => address,
    }
}

fn described(meta: &RecvMeta) -> udp::RecvMeta {
    udp::RecvMeta {
        addr: meta.source,
        len: meta.len,
        stride: meta.stride.max(1),
        ecn: EcnCodepoint::from_bits(meta.ecn.bits()),
        dst_ip: Some(meta.destination),
    }
}

fn is_about_a_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, InvalidInput, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable | InvalidInput)
}

/// One task's wait for room in the socket.
#[derive(Debug)]
struct Poller(Arc<QuicSocket>);

impl UdpPoller for Poller {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.socket.poll_send_ready(cx)
    }
}

/// quinn's tasks and timers on a host.
///
/// quinn speaks of time in [`std::time::Instant`], which cannot be made from a number. One instant of the
/// machine stands for the host's epoch; all others are distances from it, so only the host's clock shows.
#[derive(Clone, Debug)]
pub struct QuicRuntime {
    host: Host,
    epoch: Instant,
}

impl QuicRuntime {
    /// The tasks and the clock of `host`.
    #[expect(clippy::disallowed_methods, reason = "an anchor: only distances from it are used")]
    pub fn new(host: Host) -> QuicRuntime {
        QuicRuntime { host, epoch: Instant::now() }
    }

    fn on_host(&self, instant: Instant) -> fathom_wire::Instant {
        fathom_wire::Instant::ZERO + instant.saturating_duration_since(self.epoch)
    }
}

impl Runtime for QuicRuntime {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(Timer { sleep: self.host.sleep_until(self.on_host(at)), runtime: self.clone() })
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.host.spawn(future);
    }

    fn wrap_udp_socket(&self, _: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let message = "a host has sockets of its own; make the endpoint from one of them";
        Err(io::Error::new(io::ErrorKind::Unsupported, message))
    }

    fn now(&self) -> Instant {
        self.epoch + (self.host.now() - fathom_wire::Instant::ZERO)
    }
}

#[derive(Debug)]
struct Timer {
    sleep: Sleep,
    runtime: QuicRuntime,
}

impl AsyncTimer for Timer {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        let at = self.runtime.on_host(at);
        self.sleep.reset(at);
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.sleep).poll(cx)
    }
}
