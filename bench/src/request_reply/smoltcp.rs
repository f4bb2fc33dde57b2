//! smoltcp 0.14 under the same load: two interfaces joined by two queues of frames.

use std::collections::VecDeque;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr, IpEndpoint};

use super::{ACTIVE_BUFFER, FIRST_PORT, IDLE_BUFFER, Load, MESSAGE, SERVER_PORT};

/// One direction of the wire: each frame in a contiguous buffer of its own.
type Queue = VecDeque<Vec<u8>>;

/// The device of one end: takes from one queue and gives to the other.
#[derive(Default)]
struct Wire {
    incoming: Queue,
    outgoing: Queue,
}

struct Received(Vec<u8>);
struct Room<'a>(&'a mut Queue);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push_back(frame);
        result
    }
}

impl Device for Wire {
    type RxToken<'a> = Received;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received, Room<'_>)> {
        let frame = self.incoming.pop_front()?;
        Some((Received(frame), Room(&mut self.outgoing)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Room<'_>> {
        Some(Room(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = 1514;
        capabilities.medium = Medium::Ethernet;
        capabilities
    }
}

struct End {
    interface: Interface,
    wire: Wire,
    sockets: SocketSet<'static>,
}

impl End {
    fn new(number: u8) -> Self {
        let mut wire = Wire::default();
        let address = HardwareAddress::Ethernet(EthernetAddress([2, 0, 0, 0, 0, number]));
        let mut config = Config::new(address);
        config.random_seed = u64::from(number);
        let mut interface = Interface::new(config, &mut wire, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            let full = addresses.push(IpCidr::new(IpAddress::v4(10, 0, 0, number), 24));
            assert!(full.is_ok(), "one address fits");
        });
        End { interface, wire, sockets: SocketSet::new(Vec::new()) }
    }

    fn add(&mut self, buffer: usize) -> SocketHandle {
        let receive = tcp::SocketBuffer::new(vec![0; buffer]);
        let send = tcp::SocketBuffer::new(vec![0; buffer]);
        let mut socket = tcp::Socket::new(receive, send);
        socket.set_nagle_enabled(false);
        self.sockets.add(socket)
    }

    fn socket(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    fn poll(&mut self, now: Instant) {
        self.interface.poll(now, &mut self.wire, &mut self.sockets);
    }
}

/// A client and a server of smoltcp with one busy connection beside idle ones.
pub(super) struct Smoltcp {
    client: End,
    server: End,
    now: Instant,
    near: SocketHandle,
    far: SocketHandle,
}

impl Smoltcp {
    fn step(&mut self) {
        self.client.poll(self.now);
        self.server.wire.incoming.append(&mut self.client.wire.outgoing);
        self.server.poll(self.now);
        self.client.wire.incoming.append(&mut self.server.wire.outgoing);
    }

    fn pass_on(from: &mut End, handle: SocketHandle, buffer: &mut [u8]) -> usize {
        from.socket(handle).recv_slice(buffer).unwrap_or(0)
    }
}

impl Load for Smoltcp {
    fn new(idle: usize) -> Self {
        let (mut client, mut server) = (End::new(1), End::new(2));
        let target = IpEndpoint::new(IpAddress::v4(10, 0, 0, 2), SERVER_PORT);
        let mut pairs = Vec::new();
        for number in 0..=idle {
            let buffer = if number == idle { ACTIVE_BUFFER } else { IDLE_BUFFER };
            let (near, far) = (client.add(buffer), server.add(buffer));
            server.socket(far).listen(SERVER_PORT).expect("the socket is new");
            pairs.push((near, far));
        }
        let mut bench =
            Smoltcp { client, server, now: Instant::ZERO, near: pairs[idle].0, far: pairs[idle].1 };
        // A few at a time: sockets are walked for each frame, so a single burst would cost the square.
        for (number, (near, _)) in pairs.iter().enumerate() {
            let port = FIRST_PORT + number as u16;
            let context = bench.client.interface.context();
            let socket = bench.client.sockets.get_mut::<tcp::Socket>(*near);
            socket.connect(context, target, port).expect("the socket is new");
            if number % 100 == 99 || number == idle {
                for _ in 0..4 {
                    bench.step();
                }
            }
        }
        for (near, far) in &pairs {
            assert!(bench.client.socket(*near).may_send(), "connected");
            assert!(bench.server.socket(*far).may_recv(), "accepted");
        }
        // Delayed acknowledgements of the set-up are out of the way.
        for _ in 0..4 {
            bench.now += smoltcp::time::Duration::from_secs(1);
            bench.step();
        }
        bench
    }

    fn exchange(&mut self) {
        let mut buffer = [0; MESSAGE];
        self.now += smoltcp::time::Duration::from_micros(10);
        let (near, far) = (self.near, self.far);
        let sent = self.client.socket(near).send_slice(&[1; MESSAGE]);
        assert_eq!(sent, Ok(MESSAGE));
        self.client.poll(self.now);
        self.server.wire.incoming.append(&mut self.client.wire.outgoing);
        self.server.poll(self.now);
        assert_eq!(Self::pass_on(&mut self.server, far, &mut buffer), MESSAGE);
        let sent = self.server.socket(far).send_slice(&buffer);
        assert_eq!(sent, Ok(MESSAGE));
        self.server.poll(self.now);
        self.client.wire.incoming.append(&mut self.server.wire.outgoing);
        self.client.poll(self.now);
        assert_eq!(Self::pass_on(&mut self.client, near, &mut buffer), MESSAGE);
        self.server.wire.incoming.append(&mut self.client.wire.outgoing);
    }
}
