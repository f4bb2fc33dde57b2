//! A whole stack whose programs and whose peers do what the input says.
//!
//! The peers know what the stack sends, so that their segments fit its connections, or nearly fit: each action
//! names a flow, how far sequence and acknowledgement numbers are from the right ones, flags, options and
//! data; others quote what the stack sent in ICMP errors, send it back, cut it into fragments, or change bytes
//! of it. Time goes on by any amount. What the stack sends is held against what it may send ([`answers`]).

mod answers;
mod flow;
mod peer;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use fathom_stack::{
    Batch, Config, CongestionAlgorithm, Family, Frame, IcmpId, Interface, InterfaceId, Keepalive, ListenerId,
    Seed, Stack, TcpConnect, TcpId, TcpListen, TcpOptions, UdpId,
};
use fathom_wire::{EthernetAddress, Instant};

use crate::actions::{self, Action};
use crate::trace;
use answers::Answers;
use peer::Peer;

/// Our Ethernet address, and that of every peer.
const OURS: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
const THEIRS: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);
/// The port of the listener, and of the UDP socket.
const PORT: u16 = 80;
/// Frames that may leave without that anything arrives or time goes on.
const FRAMES: usize = 1 << 16;
/// Timers that may run out until a stack that nobody uses is at rest.
const TIMERS: usize = 100_000;
/// Most connections that programs hold.
const CONNECTIONS: usize = 16;

/// A program of what happens to a host.
pub(crate) fn host(bytes: &[u8]) {
    let mut actions = actions::read(bytes);
    let Some(settings) = actions.next() else { return };
    let mut host = Host::new(settings);
    for action in actions {
        host.act(action);
    }
    host.comes_to_rest();
}

struct Host {
    stack: Stack,
    interface: InterfaceId,
    ethernet: bool,
    mtu: usize,
    now: Instant,
    listener: Option<ListenerId>,
    connections: Vec<TcpId>,
    udp: Option<UdpId>,
    icmp: Option<IcmpId>,
    /// Frames that arrive together with the next one.
    waiting: Batch,
    peer: Peer,
    answers: Answers,
}

impl Host {
    fn new(settings: Action) -> Host {
        let router = settings.bit(2, 0) && settings.bit(2, 1);
        let mut config = Config {
            memory_limit: 1 << (16 + settings.byte(1) % 9),
            forwarding: router,
            ..Config::default()
        };
        config.internet.coalesce = !settings.bit(2, 2);
        config.internet.duplicate_address_transmits = settings.byte(2) >> 3 & 1;
        config.tcp.syn_cookies = !settings.bit(2, 4);
        config.tcp.require_timestamps = settings.bit(2, 5);
        config.tcp.half_open = if settings.bit(2, 6) { 2 } else { 64 };
        config.tcp.half_open_per_listener = config.tcp.half_open;
        config.tcp.time_waits = if settings.bit(2, 7) { 2 } else { 64 };
        config.tcp.congestion_control =
            if settings.bit(3, 0) { CongestionAlgorithm::Reno } else { CongestionAlgorithm::default() };
        config.tcp.max_receive_buffer = 64 << 10 << (settings.byte(3) >> 1 & 3);
        let mut options = TcpOptions {
            timestamps: !settings.bit(3, 3),
            sack: !settings.bit(3, 4),
            window_scaling: !settings.bit(3, 5),
            nodelay: settings.bit(3, 6),
            ..TcpOptions::default()
        };
        if settings.bit(3, 7) {
            options.receive_buffer = Some(usize::from(settings.word(4)) + 1);
        }
        let ethernet = settings.bit(6, 0);
        let mtu = [1500, 1280, 1400, 9000][usize::from(settings.byte(6) >> 1 & 3)];
        let medium = if ethernet { Interface::ethernet("eth0", OURS) } else { Interface::ip("ip0") };
        let mut stack = Stack::new(config, Seed::from_u64(settings.byte(7).into()));
        let interface = stack.add_interface(Interface { mtu, ..medium });
        // Some time after boot, so that what is old is not before the beginning.
        let now = Instant::ZERO + Duration::from_secs(1000);
        for address in ["10.0.0.1/24", "fd00::1/64"] {
            let address = address.parse().expect("an address");
            stack.add_address(now, interface, address).expect("two addresses fit");
        }
        let backlog = if settings.bit(6, 3) { 1 } else { 8 };
        let at = SocketAddr::new([0_u16; 8].into(), PORT);
        let listen = TcpListen { backlog, decide: settings.bit(6, 4), options, ..TcpListen::at(at) };
        let listener = stack.tcp_listen(now, listen).ok();
        let udp = stack.udp_bind(now, at).ok();
        let icmp = stack.icmp_open(now, Family::V4, Some(7)).ok();
        let mut host = Host {
            stack,
            interface,
            ethernet,
            mtu,
            now,
            listener,
            connections: Vec::new(),
            udp,
            icmp,
            waiting: Batch::new(),
            peer: Peer::default(),
            answers: Answers::new(router),
        };
        host.settle();
        host
    }

    fn act(&mut self, action: Action) {
        trace::note(self.now, || format!("{action:?}: {}", action.kind(24)));
        match action.kind(24) {
            0 => {
                let span = action.scaled(1) << (action.byte(2) % 24);
                self.pass(Duration::from_micros(span.min(4 * 3600 * 1_000_000)));
            }
            1 | 2 => self.pass_to_deadline(),
            3 => self.connect(action),
            4 => self.accept(action),
            5 => self.on_connection(action, |tcp, action, answers| {
                let len = usize::from(action.word(2)).min(64 << 10) + 1;
                let data = answers.next_bytes(tcp, len);
                if let Ok(written) = tcp.send(&data) {
                    answers.note_written(tcp, written);
                }
            }),
            6 => self.on_connection(action, |tcp, action, _| {
                let mut buffer = vec![0; usize::from(action.word(2)) + 1];
                // An error is the peer's doing.
                let _ = tcp.recv(&mut buffer);
            }),
            7 => self.on_connection(action, set_option),
            8 => self.let_go(action),
            9 => self.datagrams(action),
            10 => self.interfaces(action),
            _ => {
                let frames = self.peer.frames(action, self.answers.flows(), self.now);
                for packet in frames {
                    self.arrive(packet);
                }
                if let Some(whole) = self.peer.whole.take() {
                    self.answers.note_arrival(&whole);
                }
                // Some wait, to arrive in one batch with what comes next.
                if action.bit(0, 7) && self.waiting.len() < 64 {
                    return;
                }
            }
        }
        self.settle();
        self.audit();
    }

    /// What the stack keeps count of recounts to the same.
    fn audit(&self) {
        let wrong = self.stack.audit().wrong;
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    fn connect(&mut self, action: Action) {
        if self.connections.len() >= CONNECTIONS {
            return;
        }
        let remote = match action.byte(1) % 4 {
            0 => peer::address(action.bit(1, 2), 2),
            1 => peer::address(action.bit(1, 2), 3),
            // Oneself, by way of loopback.
            2 => peer::address(action.bit(1, 2), 1),
            _ => peer::address(action.bit(1, 2), 77),
        };
        let port = if action.bit(1, 3) { PORT } else { 1000 + u16::from(action.byte(2) & 3) };
        let mut connect = TcpConnect::to(SocketAddr::new(remote, port));
        if action.bit(1, 4) {
            let local: IpAddr = if remote.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
            connect.local = Some(SocketAddr::new(local, 2000 + u16::from(action.byte(3) & 1)));
        }
        connect.options.sack = !action.bit(4, 0);
        connect.options.timestamps = !action.bit(4, 1);
        connect.options.window_scaling = !action.bit(4, 2);
        connect.options.max_segment = action.bit(4, 3).then(|| action.word(5).max(1));
        // A refusal for want of ports or memory is an answer as well.
        if let Ok(id) = self.stack.tcp_connect(self.now, connect) {
            self.hold(id);
        }
    }

    /// A program has a connection.
    fn hold(&mut self, id: TcpId) {
        self.connections.push(id);
        if let Some(tcp) = self.stack.tcp(self.now, id) {
            self.answers.note_opened(&tcp);
        }
    }

    fn accept(&mut self, action: Action) {
        let Some(listener) = self.listener else { return };
        while let Some(incoming) = self.stack.tcp_incoming(listener) {
            let decision = match action.byte(1) % 4 {
                0 => fathom_stack::Decision::Refuse,
                1 => fathom_stack::Decision::Ignore,
                _ => fathom_stack::Decision::Accept,
            };
            self.stack.tcp_decide(self.now, incoming.id, decision);
        }
        while self.connections.len() < CONNECTIONS {
            let Some(id) = self.stack.tcp_accept(self.now, listener) else { break };
            self.hold(id);
        }
        if action.byte(2) == 255 {
            self.stack.tcp_close_listener(self.now, listener);
            self.listener = None;
        }
    }

    fn on_connection(
        &mut self,
        action: Action,
        run: impl FnOnce(&mut fathom_stack::Tcp<'_>, Action, &mut Answers),
    ) {
        let Some(id) = self.chosen(action) else { return };
        match self.stack.tcp(self.now, id) {
            Some(mut tcp) => run(&mut tcp, action, &mut self.answers),
            None => self.connections.retain(|other| *other != id),
        }
    }

    fn chosen(&self, action: Action) -> Option<TcpId> {
        let index = usize::from(action.byte(1)) % self.connections.len().max(1);
        self.connections.get(index).copied()
    }

    fn let_go(&mut self, action: Action) {
        let Some(id) = self.chosen(action) else { return };
        if let Some(mut tcp) = self.stack.tcp(self.now, id) {
            match action.byte(2) % 4 {
                0 => {
                    let _ = tcp.shutdown();
                    return;
                }
                1 => tcp.abort(),
                _ => {}
            }
            tcp.close();
        }
        self.connections.retain(|other| *other != id);
    }

    fn datagrams(&mut self, action: Action) {
        let to = SocketAddr::new(peer::address(action.bit(1, 0), action.byte(2) % 5), action.word(3) % 100);
        if let Some(mut udp) = self.udp.and_then(|id| self.stack.udp(self.now, id)) {
            let mut buffer = [0; 2048];
            while udp.recv_from(&mut buffer).is_ok() {}
            let _ = udp.take_error();
            let _ = udp.send_to(&vec![7; usize::from(action.word(5)) % 20_000], to);
        }
        if let Some(mut icmp) = self.icmp.and_then(|id| self.stack.icmp(self.now, id)) {
            while icmp.recv().is_some() {}
        }
    }

    fn interfaces(&mut self, action: Action) {
        match action.byte(1) % 8 {
            0 => self.stack.set_link(self.now, self.interface, false),
            1 => {
                let address = peer::address(action.bit(2, 0), 1);
                self.stack.remove_address(self.now, self.interface, address);
            }
            2 => {
                let text = if action.bit(2, 0) { "10.0.0.1/24" } else { "fd00::1/64" };
                // It may be there already.
                let _ = self.stack.add_address(self.now, self.interface, text.parse().expect("an address"));
            }
            _ => self.stack.set_link(self.now, self.interface, true),
        }
    }

    /// A packet is on its way to the stack.
    fn arrive(&mut self, packet: Vec<u8>) {
        self.answers.note_arrival(&packet);
        trace::frame(self.now, || "arrives:".into(), &packet, false);
        let bytes = if self.ethernet { peer::framed(&packet, OURS, THEIRS) } else { packet };
        self.waiting.push(Frame::new(Bytes::from(bytes)));
    }

    fn pass(&mut self, span: Duration) {
        self.settle();
        // Step by step: programs that sleep past a deadline are woken by it.
        let end = self.now + span;
        for _ in 0..64 {
            let Some(deadline) = self.stack.poll_timeout().filter(|deadline| *deadline < end) else { break };
            self.now = self.now.max(deadline);
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    fn pass_to_deadline(&mut self) {
        self.settle();
        if let Some(deadline) = self.stack.poll_timeout() {
            self.now = self.now.max(deadline);
            self.settle();
        }
    }

    /// Hands over what waits, and takes what leaves.
    fn settle(&mut self) {
        let arrived = self.waiting.len();
        let mut batch = std::mem::take(&mut self.waiting);
        self.stack.handle_frames(self.now, self.interface, &mut batch);
        self.stack.handle_timeout(self.now);
        let mut controls = 0;
        for count in 0.. {
            assert!(count < FRAMES, "frames without end");
            let Some(transmit) = self.stack.poll_transmit(self.now, self.interface) else { break };
            let bytes = transmit.to_bytes();
            trace::frame(self.now, || "sent:".into(), &bytes, self.ethernet);
            controls += usize::from(self.answers.check(&bytes, self.ethernet, self.mtu));
            if let Some(reply) = self.peer.note(&bytes, self.ethernet) {
                // Addresses are resolved honestly, so that packets leave.
                self.waiting.push(Frame::new(Bytes::from(reply)));
            }
        }
        assert!(controls <= 3 * arrived + 128, "{controls} answers to {arrived} frames");
        for count in 0.. {
            assert!(count < FRAMES, "events without end");
            if self.stack.poll_event().is_none() {
                break;
            }
        }
        let (in_use, limit) = (self.stack.memory_in_use(), self.stack.config().memory_limit);
        assert!(in_use <= limit, "{in_use} of {limit} bytes in use");
        if !self.waiting.is_empty() {
            self.settle();
        }
    }

    /// With everything closed and the peers silent, timers run out and memory comes back.
    fn comes_to_rest(mut self) {
        self.stack.set_link(self.now, self.interface, true);
        self.settle();
        for id in std::mem::take(&mut self.connections) {
            if let Some(tcp) = self.stack.tcp(self.now, id) {
                tcp.close();
            }
        }
        if let Some(listener) = self.listener {
            self.stack.tcp_close_listener(self.now, listener);
        }
        if let Some(mut udp) = self.udp.and_then(|id| self.stack.udp(self.now, id)) {
            udp.close();
        }
        if let Some(mut icmp) = self.icmp.and_then(|id| self.stack.icmp(self.now, id)) {
            icmp.close();
        }
        let end = self.now + Duration::from_secs(24 * 3600);
        for count in 0.. {
            assert!(count < TIMERS, "timers without end");
            self.settle();
            let Some(deadline) = self.stack.poll_timeout() else { break };
            assert!(deadline < end, "a timer is set for {deadline:?}, a day after the last use");
            self.now = self.now.max(deadline);
        }
        self.audit();
        assert_eq!(self.stack.memory_in_use(), 0, "bytes that nobody holds");
    }
}

fn set_option(tcp: &mut fathom_stack::Tcp<'_>, action: Action, _: &mut Answers) {
    let value = usize::from(action.word(3));
    let on = action.bit(3, 0);
    let span = Duration::from_millis(action.scaled(3) * 100 + 1);
    match action.byte(2) % 14 {
        0 => tcp.set_nodelay(on),
        1 => tcp.set_cork(on),
        2 => tcp.set_quick_ack(on),
        3 => tcp.set_keepalive(on.then_some(Keepalive { idle: span, interval: span, probes: 3 })),
        4 => tcp.set_user_timeout(on.then_some(span)),
        5 => tcp.set_linger(on.then_some(Duration::ZERO)),
        6 => tcp.set_max_segment(Some(value as u16)),
        7 => tcp.set_send_buffer(Some(value)),
        8 => tcp.set_receive_buffer(Some(value)),
        9 => tcp.set_notsent_low_water(Some(value)),
        10 => tcp.set_receive_low_water(value),
        11 => tcp.set_congestion_control(if on {
            CongestionAlgorithm::Reno
        } else {
            CongestionAlgorithm::default()
        }),
        12 => tcp.set_hop_limit(Some((value as u8).max(1))),
        _ => {
            let _ = (tcp.info(), tcp.readiness(), tcp.available(), tcp.take_error());
        }
    }
}
