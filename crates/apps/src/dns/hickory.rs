//! hickory's resolver on a host's sockets.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use fathom_net::{Host, TcpSocket, TcpStream, UdpSocket};
use hickory_net::runtime::iocompat::AsyncIoTokioAsStd;
use hickory_net::runtime::{DnsUdpSocket, RuntimeProvider, TokioHandle, TokioTime};

/// How long a connection may take to stand, where hickory does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Gives hickory's resolver the sockets of a host.
///
/// Its tasks and timers are tokio's: hickory asks for timers where it has no host at hand, and takes the ages
/// of its answers from the machine's clock. So the host has to be one in real time, and the resolver has to
/// be used within a tokio runtime that has its timers on. [`DnsResolver`](super::DnsResolver) needs neither.
///
/// ```ignore
/// let resolver = Resolver::builder_with_config(config, HostProvider::new(&host)).build()?;
/// ```
#[derive(Clone)]
pub struct HostProvider {
    host: Host,
    tasks: TokioHandle,
}

impl HostProvider {
    /// The sockets of `host`.
    pub fn new(host: &Host) -> HostProvider {
        HostProvider { host: host.clone(), tasks: TokioHandle::default() }
    }
}

impl std::fmt::Debug for HostProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostProvider").field("host", &self.host).finish_non_exhaustive()
    }
}

impl RuntimeProvider for HostProvider {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = HostUdp;
    type Tcp = AsyncIoTokioAsStd<TcpStream>;

    fn create_handle(&self) -> TokioHandle {
        self.tasks.clone()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        local: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Tcp>>>> {
        let host = self.host.clone();
        Box::pin(async move {
            let socket = if server.is_ipv4() { TcpSocket::new_v4(&host) } else { TcpSocket::new_v6(&host) }?;
            if let Some(local) = local {
                socket.bind(local)?;
            }
            socket.set_nodelay(true)?;
            let connecting = Box::pin(socket.connect(server));
            let stream = host.timeout(timeout.unwrap_or(CONNECT_TIMEOUT), connecting).await??;
            Ok(AsyncIoTokioAsStd(stream))
        })
    }

    fn bind_udp(
        &self,
        local: SocketAddr,
        _server: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<HostUdp>>>> {
        let host = self.host.clone();
        Box::pin(async move { Ok(HostUdp(UdpSocket::bind(&host, local).await?)) })
    }
}

/// A UDP socket of a host, as hickory takes it.
#[derive(Debug)]
pub struct HostUdp(UdpSocket);

impl DnsUdpSocket for HostUdp {
    type Time = TokioTime;

    fn poll_recv_from(&self, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.0.poll_recv_from(cx, out)
    }

    fn poll_send_to(&self, cx: &mut Context<'_>, data: &[u8], to: SocketAddr) -> Poll<io::Result<usize>> {
        self.0.poll_send_to(cx, data, to)
    }
}
