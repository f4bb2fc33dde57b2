//! smoltcp 0.14 on a TAP interface, through the device that comes with it.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;

use fathom_tests::Namespace;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, Medium, TunTapInterface, wait};
use smoltcp::socket::tcp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr, IpEndpoint};

use super::{CHUNK, Client, PATIENCE, SPELL};

/// Bytes of each socket buffer.
const BUFFER: usize = 1 << 20;
/// The longest sleep.
const NAP: Duration = Duration::from_millis(10);

pub(super) struct Smoltcp {
    device: TunTapInterface,
    interface: Interface,
    sockets: SocketSet<'static>,
    listener: TcpListener,
    port: u16,
}

impl Smoltcp {
    pub(super) fn new(namespace: &Namespace) -> io::Result<Self> {
        namespace.add_tap("smoltcp0", &["10.87.0.1/24"]);
        // The device cannot leave the thread that is inside; its descriptor can.
        let (fd, mtu) = namespace.inside(|| -> io::Result<_> {
            let device = TunTapInterface::new("smoltcp0", Medium::Ethernet)?;
            let (fd, mtu) = (device.as_raw_fd(), device.capabilities().max_transmission_unit);
            std::mem::forget(device);
            Ok((fd, mtu))
        })?;
        let mut device = TunTapInterface::from_fd(fd, Medium::Ethernet, mtu)?;
        let address = HardwareAddress::Ethernet(EthernetAddress([2, 0, 0, 0, 0, 2]));
        let mut interface = Interface::new(Config::new(address), &mut device, Instant::now());
        interface.update_ip_addrs(|addresses| {
            let full = addresses.push(IpCidr::new(IpAddress::v4(10, 87, 0, 2), 24));
            assert!(full.is_ok(), "one address fits");
        });
        let listener = namespace.inside(|| TcpListener::bind("10.87.0.1:0"))?;
        Ok(Smoltcp { device, interface, sockets: SocketSet::new(Vec::new()), listener, port: 40_000 })
    }

    /// A new connection, in place of the last.
    fn connect(&mut self, to: SocketAddr) -> io::Result<SocketHandle> {
        let SocketAddr::V4(to) = to else { return Err(io::Error::other("not an IPv4 address")) };
        let receive = tcp::SocketBuffer::new(vec![0; BUFFER]);
        let send = tcp::SocketBuffer::new(vec![0; BUFFER]);
        let mut socket = tcp::Socket::new(receive, send);
        self.port += 1;
        let target = IpEndpoint::new(IpAddress::Ipv4(*to.ip()), to.port());
        socket.connect(self.interface.context(), target, self.port).map_err(io::Error::other)?;
        self.sockets = SocketSet::new(Vec::new());
        let handle = self.sockets.add(socket);
        self.run(handle, |socket| socket.may_send())?;
        Ok(handle)
    }

    /// Lets the stack work until `step`, which uses the socket after each turn, says that it is done.
    fn run(
        &mut self,
        handle: SocketHandle,
        mut step: impl FnMut(&mut tcp::Socket<'_>) -> bool,
    ) -> io::Result<()> {
        let started = Instant::now();
        loop {
            let now = Instant::now();
            self.interface.poll(now, &mut self.device, &mut self.sockets);
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
            if step(socket) {
                self.interface.poll(now, &mut self.device, &mut self.sockets);
                return Ok(());
            }
            if now > started + PATIENCE.into() {
                return Err(ErrorKind::TimedOut.into());
            }
            let delay = self.interface.poll_delay(Instant::now(), &self.sockets).unwrap_or(NAP);
            if delay > Duration::ZERO {
                wait(self.device.as_raw_fd(), Some(delay.min(NAP)))?;
            }
        }
    }
}

impl Client for Smoltcp {
    fn listener(&self) -> &TcpListener {
        &self.listener
    }

    fn send(&mut self, to: SocketAddr) -> io::Result<()> {
        let handle = self.connect(to)?;
        let chunk = vec![7; CHUNK];
        let end = Instant::now() + SPELL.into();
        self.run(handle, |socket| {
            while socket.can_send() && socket.send_slice(&chunk).is_ok_and(|taken| taken > 0) {}
            Instant::now() >= end
        })?;
        self.sockets.get_mut::<tcp::Socket<'_>>(handle).close();
        self.run(handle, |socket| !socket.may_recv() && socket.send_queue() == 0)
    }

    fn receive(&mut self, from: SocketAddr) -> io::Result<f64> {
        let handle = self.connect(from)?;
        let mut buffer = vec![0; CHUNK];
        let (mut bytes, mut started) = (0, None);
        self.run(handle, |socket| {
            while socket.can_recv() {
                let len = socket.recv_slice(&mut buffer).unwrap_or(0);
                match started {
                    // The clock starts with the first bytes, which do not count.
                    None => started = Some(Instant::now()),
                    Some(_) => bytes += len,
                }
            }
            !socket.may_recv()
        })?;
        let elapsed = Instant::now() - started.ok_or(ErrorKind::UnexpectedEof)?;
        self.sockets.get_mut::<tcp::Socket<'_>>(handle).close();
        self.run(handle, |socket| !socket.is_active() || socket.state() == tcp::State::LastAck)?;
        Ok(bytes as f64 * 1e6 / elapsed.total_micros().max(1) as f64)
    }
}
