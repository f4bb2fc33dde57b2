//! A TUN-to-SOCKS proxy: everything that a TUN interface brings, whatever its address and port, goes out through
//! a SOCKS5 proxy (RFC 1928). TCP by CONNECT, refused where the proxy cannot connect: fifty lines. UDP by UDP
//! ASSOCIATE: forty more.
//!
//! ```text
//! ip tuntap add dev tun0 mode tun user "$USER" && ip address add 10.99.0.1/24 dev tun0 && ip link set tun0 up
//! ip route add 203.0.113.0/24 dev tun0    # or default, with the way to the proxy itself left outside
//! cargo run --release -p fathom-net --example tun_socks -- tun0 127.0.0.1:1080
//! ```
#![allow(clippy::disallowed_methods, reason = "the way to the proxy is the system's, on tokio")]

use std::collections::HashMap;
use std::io::{ErrorKind, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fathom_device::TunDevice;
use fathom_net::driver::{Attachment, RealTime};
use fathom_net::{IncomingListener, IpCidr, ReceivedDatagram, Route, SendDatagram, UdpBind, UdpSocket};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, Sender, channel};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [tun, proxy] = &arguments[..] else { return Err("usage: tun_socks TUN PROXY_ADDRESS:PORT".into()) };
    Ok(run(TunDevice::open(tun)?, proxy.parse()?).await?)
}

/// Runs the proxy on a TUN interface until it fails.
pub(crate) async fn run(device: TunDevice, proxy: SocketAddr) -> Result<()> {
    let driver = RealTime::builder("tun_socks").start()?;
    let (tun, host) = (driver.attach(Attachment::new(device))?, driver.host());
    for all in [IpCidr::IPV4_ANY, IpCidr::IPV6_ANY] {
        host.add_route(Route { destination: all, gateway: None, interface: tun, metric: 0 })?;
        host.add_local_prefix(tun, all)?;
        tokio::spawn(tcp(IncomingListener::any(host, all)?, proxy));
        tokio::spawn(udp(Arc::new(UdpSocket::bind_with(host, UdpBind::any(all))?), proxy));
    }
    std::future::pending().await
}

/// Each attempt is accepted once the proxy has connected, and refused when it could not.
async fn tcp(listener: IncomingListener, proxy: SocketAddr) -> Result<()> {
    loop {
        let incoming = listener.incoming().await?;
        tokio::spawn(async move {
            let Ok((mut out, _)) = ask(proxy, 1, incoming.destination()).await else {
                return incoming.refuse();
            };
            let Ok(mut stream) = incoming.accept().await else { return };
            let _ = copy_bidirectional(&mut stream, &mut out).await;
        });
    }
}

/// Asks the proxy to CONNECT (1) or to take datagrams (3). Gives the connection, and the address that it names.
async fn ask(proxy: SocketAddr, command: u8, to: SocketAddr) -> Result<(TcpStream, SocketAddr)> {
    let mut stream = TcpStream::connect(proxy).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&[5, 1, 0]).await?;
    let no_password = stream.read_u16().await? == 0x0500;
    stream.write_all(&[&[5, command, 0], &address(to)[..]].concat()).await?;
    let granted = stream.read_u16().await? == 0x0500 && stream.read_u8().await? == 0;
    let bound = read_address(&mut stream).await?;
    if no_password && granted { Ok((stream, bound)) } else { Err(ErrorKind::ConnectionRefused.into()) }
}

/// An address as SOCKS has it: its type, its bytes, the port.
fn address(at: SocketAddr) -> Vec<u8> {
    match at.ip() {
        IpAddr::V4(ip) => [&[1], &ip.octets()[..], &at.port().to_be_bytes()].concat(),
        IpAddr::V6(ip) => [&[4], &ip.octets()[..], &at.port().to_be_bytes()].concat(),
    }
}

async fn read_address(from: &mut (impl AsyncRead + Unpin)) -> Result<SocketAddr> {
    let ip = match from.read_u8().await? {
        1 => Ipv4Addr::from(from.read_u32().await?).into(),
        4 => Ipv6Addr::from(from.read_u128().await?).into(),
        _ => return Err(ErrorKind::Unsupported.into()),
    };
    Ok(SocketAddr::new(ip, from.read_u16().await?))
}

/// Each client's port has an association with the proxy, for all that it sends to.
async fn udp(socket: Arc<UdpSocket>, proxy: SocketAddr) -> Result<()> {
    let mut clients: HashMap<SocketAddr, Sender<ReceivedDatagram>> = HashMap::new();
    loop {
        let datagram = socket.recv_datagram().await?;
        if clients.get(&datagram.source).is_none_or(Sender::is_closed) {
            clients.retain(|_, client| !client.is_closed());
            let (sender, datagrams) = channel(64);
            clients.insert(datagram.source, sender);
            tokio::spawn(associate(Arc::clone(&socket), datagram.source, datagrams, proxy));
        }
        // What comes faster than the proxy takes it is lost, as on any link.
        let _ = clients[&datagram.source].try_send(datagram);
    }
}

/// Carries the datagrams of one client both ways, until none comes for a minute or the proxy ends it.
async fn associate(
    socket: Arc<UdpSocket>,
    client: SocketAddr,
    mut datagrams: Receiver<ReceivedDatagram>,
    proxy: SocketAddr,
) -> Result<()> {
    let any_port = SocketAddr::new(if proxy.is_ipv4() { [0; 4].into() } else { [0; 16].into() }, 0);
    let (mut control, relay) = ask(proxy, 3, any_port).await?;
    let out = tokio::net::UdpSocket::bind(any_port).await?;
    out.connect(if relay.ip().is_unspecified() { (proxy.ip(), relay.port()).into() } else { relay }).await?;
    let mut packet = vec![0; 65_535];
    loop {
        tokio::select! {
            datagram = datagrams.recv() => {
                let Some(datagram) = datagram else { return Ok(()) };
                let to = address((datagram.destination, datagram.destination_port).into());
                out.send(&[&[0; 3], &to[..], &datagram.data].concat()).await?;
            }
            len = out.recv(&mut packet) => {
                let mut data = packet[..len?].get(3..).ok_or(ErrorKind::InvalidData)?;
                let from = read_address(&mut data).await?;
                let (source, source_port) = (Some(from.ip()), Some(from.port()));
                let answer = SendDatagram { source, source_port, ..SendDatagram::to(data, client) };
                socket.send_msg(&answer).await?;
            }
            _ = control.read_u8() => return Ok(()),
            _ = socket.host().sleep(Duration::from_secs(60)) => return Ok(()),
        }
    }
}
