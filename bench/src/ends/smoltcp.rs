//! A host of smoltcp 0.14.

use std::collections::VecDeque;

use smoltcp::iface::{Config, Interface, PollIngressSingleResult, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{self, Checksum, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};

use super::{BUFFER, Form, SMALL_BUFFER};

/// A device buffer and the bytes of the frame in it.
type Buffer = (Vec<u8>, usize);

/// The device of a host.
struct Wire {
    form: Form,
    incoming: VecDeque<Buffer>,
    outgoing: VecDeque<Buffer>,
    /// Buffers for frames to send.
    free: Vec<Vec<u8>>,
    /// Buffers of frames that were taken in.
    spent: Vec<Vec<u8>>,
}

pub(crate) struct Received<'a> {
    buffer: Buffer,
    spent: &'a mut Vec<Vec<u8>>,
}

pub(crate) struct Room<'a> {
    outgoing: &'a mut VecDeque<Buffer>,
    free: &'a mut Vec<Vec<u8>>,
}

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        let (buffer, len) = self.buffer;
        let result = f(&buffer[..len]);
        self.spent.push(buffer);
        result
    }
}

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let size = if len <= SMALL_BUFFER { SMALL_BUFFER } else { BUFFER };
        let mut buffer =
            self.free.pop().filter(|buffer| buffer.len() >= len).unwrap_or_else(|| vec![0; size]);
        let result = f(&mut buffer[..len]);
        self.outgoing.push_back((buffer, len));
        result
    }
}

impl Device for Wire {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, Room<'_>)> {
        let buffer = self.incoming.pop_front()?;
        let received = Received { buffer, spent: &mut self.spent };
        Some((received, Room { outgoing: &mut self.outgoing, free: &mut self.free }))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Room<'_>> {
        Some(Room { outgoing: &mut self.outgoing, free: &mut self.free })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        match self.form {
            Form::Mtu1500 => capabilities.max_transmission_unit = 1514,
            Form::SuperSegments => {
                capabilities.max_transmission_unit = BUFFER;
                capabilities.checksum.tcp = Checksum::None;
            }
        }
        capabilities
    }
}

/// A host with one interface.
pub(crate) struct End {
    pub(crate) interface: Interface,
    wire: Wire,
    pub(crate) sockets: SocketSet<'static>,
}

impl End {
    /// The host 10.0.0.`number`.
    pub(crate) fn new(number: u8, form: Form) -> Self {
        let mut wire = Wire {
            form,
            incoming: VecDeque::new(),
            outgoing: VecDeque::new(),
            free: Vec::new(),
            spent: Vec::new(),
        };
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

    /// A new socket with `buffer` bytes each way, Nagle off.
    pub(crate) fn add(&mut self, buffer: usize) -> SocketHandle {
        let receive = tcp::SocketBuffer::new(vec![0; buffer]);
        let send = tcp::SocketBuffer::new(vec![0; buffer]);
        let mut socket = tcp::Socket::new(receive, send);
        socket.set_nagle_enabled(false);
        self.sockets.add(socket)
    }

    pub(crate) fn socket(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// Takes in all that has arrived, and sends all that is to be sent.
    pub(crate) fn poll(&mut self, now: Instant) {
        self.interface.poll(now, &mut self.wire, &mut self.sockets);
    }

    /// Takes in all that has arrived.
    pub(crate) fn receive(&mut self, now: Instant) {
        while self.interface.poll_ingress_single(now, &mut self.wire, &mut self.sockets)
            != PollIngressSingleResult::None
        {}
    }

    /// Sends all that is to be sent, and hands it to the other end.
    pub(crate) fn transmit(&mut self, now: Instant, to: &mut End) {
        while self.interface.poll_egress(now, &mut self.wire, &mut self.sockets) != PollResult::None {}
        self.hand_over(to);
    }

    /// Hands every frame that was sent to the other end, and takes back the buffers of those that it has read.
    /// Gives whether there was a frame.
    pub(crate) fn hand_over(&mut self, to: &mut End) -> bool {
        let any = !self.wire.outgoing.is_empty();
        to.wire.incoming.append(&mut self.wire.outgoing);
        self.wire.free.append(&mut to.wire.spent);
        any
    }
}

/// Carries frames between two hosts until none has any.
pub(crate) fn settle(a: &mut End, b: &mut End, now: Instant) {
    loop {
        a.poll(now);
        let there = a.hand_over(b);
        if there {
            b.poll(now);
        }
        let back = b.hand_over(a);
        if !there && !back {
            return;
        }
    }
}
