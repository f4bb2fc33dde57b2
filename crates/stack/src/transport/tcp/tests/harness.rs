//! A TCP layer without the layers below: segments go in as headers, and come out as headers.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::vec::Vec;

use bytes::{BufMut, Bytes, BytesMut};
use fathom_record::{DropReason, Recorder, TcpStateName};
use fathom_wire::{
    Ecn, Instant, IpProtocol, SeqNumber, TcpFlags, TcpHeader, TcpOptions as WireOptions, TcpTimestamps,
};

use super::isns;
use crate::batch::ReceivedChecksum;
use crate::config::Config;
use crate::context::Context;
use crate::counters::Counters;
use crate::event::{Event, ReadyQueue};
use crate::interface::InterfaceId;
use crate::memory::{BlockPool, MemoryBudget};
use crate::packet::{Arrived, Departing, Disposition, Path, Transmission};
use crate::random::{Random, Seed};
use crate::send_queue::SendQueues;
use crate::socket::{ListenerId, TcpId};
use crate::timer::TimerKey;
use crate::transport::tcp::{Connection, TcpLayer, TcpListen, TcpOptions};
use crate::wheel::TimerWheel;

pub(super) const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 1)), 80);
pub(super) const REMOTE: SocketAddr =
    SocketAddr::new(IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 2)), 5000);
/// The peer's initial sequence number.
pub(super) const IRS: SeqNumber = SeqNumber(u32::MAX - 100);
pub(super) const MSS: usize = 1460;

pub(super) use fathom_wire::TcpFlags as F;

/// A segment, in or out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Seg {
    pub(super) seq: SeqNumber,
    pub(super) ack: SeqNumber,
    pub(super) flags: TcpFlags,
    pub(super) window: u16,
    /// The urgent pointer.
    pub(super) urgent: u16,
    pub(super) options: WireOptions,
    pub(super) data: Vec<u8>,
}

impl Seg {
    pub(super) fn new(flags: TcpFlags, seq: SeqNumber, ack: SeqNumber) -> Self {
        Seg { seq, ack, flags, window: 65_535, urgent: 0, options: WireOptions::default(), data: Vec::new() }
    }

    pub(super) fn data(self, data: &[u8]) -> Self {
        Seg { data: data.to_vec(), ..self }
    }

    pub(super) fn window(self, window: u16) -> Self {
        Seg { window, ..self }
    }

    pub(super) fn mss(mut self, mss: u16) -> Self {
        self.options.mss = Some(mss);
        self
    }

    pub(super) fn sack_permitted(mut self) -> Self {
        self.options.sack_permitted = true;
        self
    }

    pub(super) fn stamp(mut self, value: u32, echo: u32) -> Self {
        self.options.timestamps = Some(TcpTimestamps { value, echo });
        self
    }
}

impl From<&Departing> for Seg {
    fn from(departing: &Departing) -> Self {
        let TcpHeader { seq, mut ack, flags, window, urgent, mut options, .. } =
            TcpHeader::parse(&departing.header).unwrap();
        if flags.contains(F::ACK) {
            ack = isns::from_layer(ack);
        }
        for block in &mut options.sack {
            (block.left, block.right) = (isns::from_layer(block.left), isns::from_layer(block.right));
        }
        let mut data = departing.header[TcpHeader::data_offset(&departing.header)..].to_vec();
        data.extend(departing.slices.concat());
        Seg { seq, ack, flags, window, urgent, options, data }
    }
}

/// The layer with all that it works with, and a clock.
pub(super) struct Host {
    pub(super) layer: TcpLayer,
    pub(super) config: Config,
    pub(super) now: Instant,
    pub(super) recorder: Recorder,
    pub(super) memory: MemoryBudget,
    pub(super) path: Path,
    /// Who the segments come from.
    pub(super) remote: SocketAddr,
    timers: TimerWheel<TimerKey>,
    sendable: SendQueues,
    events: ReadyQueue,
    pub(super) counters: Counters,
    pool: BlockPool,
    random: Random,
}

impl Host {
    pub(super) fn new() -> Self {
        Host::with(Config::default())
    }

    pub(super) fn with(config: Config) -> Self {
        let random = Random::new(&Seed::from_u64(7));
        let mut host = Host {
            layer: TcpLayer::new(&random, &config.tcp),
            now: Instant::from_millis(1000),
            recorder: Recorder::new(0),
            memory: MemoryBudget::new(config.memory_limit),
            path: Path { mtu: 1500, max_bytes: 1500, max_segments: 1 },
            remote: REMOTE,
            timers: TimerWheel::new(),
            sendable: SendQueues::new(),
            events: ReadyQueue::new(),
            counters: Counters::default(),
            pool: BlockPool::new(),
            random,
            config,
        };
        isns::apply(&mut host);
        host
    }

    pub(super) fn parts(&mut self) -> (Context<'_>, &mut TcpLayer) {
        let Host {
            layer,
            config,
            now,
            recorder,
            memory,
            timers,
            sendable,
            events,
            counters,
            pool,
            random,
            ..
        } = self;
        let cx =
            Context { now: *now, config, timers, sendable, events, recorder, counters, pool, random, memory };
        (cx, layer)
    }

    /// A listener at [`LOCAL`].
    pub(super) fn listen(&mut self, backlog: usize, decide: bool) -> ListenerId {
        let listen = TcpListen { backlog, decide, options: plain(), ..TcpListen::at(LOCAL) };
        let (cx, layer) = self.parts();
        layer.listen(&cx, listen).unwrap()
    }

    pub(super) fn accept(&mut self, listener: ListenerId) -> Option<TcpId> {
        self.layer.accept(listener)
    }

    /// A connection to [`REMOTE`] that has not sent its SYN yet.
    pub(super) fn connect(&mut self, options: TcpOptions) -> TcpId {
        let (mut cx, layer) = self.parts();
        layer.connect(&mut cx, (LOCAL.ip(), LOCAL.port()), REMOTE, options).unwrap()
    }

    /// A segment from the remote end, [`REMOTE`] unless it is another, to [`LOCAL`]. Gives why it was dropped,
    /// and what was answered at once.
    pub(super) fn take(&mut self, seg: &Seg) -> (Option<DropReason>, Option<Seg>) {
        self.take_merged(seg, None)
    }

    /// The same for a super-segment, merged from segments of `size` bytes.
    pub(super) fn take_merged(&mut self, seg: &Seg, size: Option<u16>) -> (Option<DropReason>, Option<Seg>) {
        let header = TcpHeader {
            source_port: self.remote.port(),
            destination_port: LOCAL.port(),
            seq: isns::to_layer(seg.seq),
            ack: seg.ack,
            flags: seg.flags,
            window: seg.window,
            urgent: seg.urgent,
            options: seg.options.clone(),
        };
        let mut payload = BytesMut::zeroed(header.header_len());
        header.emit(&mut payload);
        let mut parts = seg.data.chunks(size.map_or(usize::MAX, usize::from).max(1));
        payload.put_slice(parts.next().unwrap_or_default());
        let followers = parts.map(Bytes::copy_from_slice).collect();
        self.take_arrived(payload.freeze(), followers, size)
    }

    /// The same for a segment of any bytes.
    pub(super) fn take_bytes(&mut self, segment: Vec<u8>) -> (Option<DropReason>, Option<Seg>) {
        self.take_arrived(segment.into(), Vec::new(), None)
    }

    fn take_arrived(
        &mut self,
        payload: Bytes,
        followers: Vec<Bytes>,
        size: Option<u16>,
    ) -> (Option<DropReason>, Option<Seg>) {
        let mut arrived = Arrived {
            followers,
            routed: false,
            interface: InterfaceId(0),
            mtu: 1500,
            source: self.remote.ip(),
            destination: LOCAL.ip(),
            protocol: IpProtocol::Tcp,
            hop_limit: 64,
            dscp: 0,
            ecn: Ecn::NotEct,
            payload,
            segment_size: size.and_then(core::num::NonZeroU16::new),
            checksum: ReceivedChecksum::Valid,
            broadcast: false,
            invoking: Bytes::new(),
            cause: None,
        };
        let (mut cx, layer) = self.parts();
        match layer.receive(&mut cx, &mut arrived) {
            Disposition::Accepted => (None, None),
            Disposition::Reply(answer) => (None, Some(Seg::from(&*answer))),
            Disposition::Drop(reason) => (Some(reason), None),
            Disposition::DropReply(reason, answer) => (Some(reason), Some(Seg::from(&*answer))),
            Disposition::Unreachable(..) => panic!("TCP answers with resets"),
        }
    }

    /// Whether a connection has asked to be asked for segments since the last time.
    pub(super) fn wants_transmit(&mut self) -> bool {
        let mut wanted = false;
        while let Some(socket) = self.sendable.pop_fresh() {
            self.sendable.release(socket);
            wanted = true;
        }
        wanted
    }

    /// All segments that a connection sends.
    pub(super) fn sends(&mut self, id: TcpId) -> Vec<Seg> {
        let path = self.path;
        let mut out = Vec::new();
        loop {
            let (mut cx, layer) = self.parts();
            let Transmission::Segment(segment) = layer.transmit(&mut cx, id, &path) else { return out };
            out.push(Seg::from(&*segment));
            assert!(out.len() < 1000, "it never stops sending");
        }
    }

    /// The only segment that a connection sends.
    #[track_caller]
    pub(super) fn sends_one(&mut self, id: TcpId) -> Seg {
        let mut sent = self.sends(id);
        assert_eq!(sent.len(), 1, "{sent:#?}");
        sent.remove(0)
    }

    /// Lets time pass; gives the SYN-ACKs that are sent again meanwhile.
    pub(super) fn pass(&mut self, time: Duration) -> Vec<Seg> {
        let end = self.now + time;
        let mut again = Vec::new();
        while let Some(next) = self.timers.next_deadline().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            while let Some(key) = self.timers.pop_expired(self.now) {
                let (mut cx, layer) = self.parts();
                match key {
                    TimerKey::Tcp(id) => layer.handle_timer(&mut cx, id),
                    TimerKey::TcpHalfOpen(key) => {
                        again.extend(layer.handle_half_open_timer(&mut cx, key).map(|seg| Seg::from(&seg)));
                    }
                    TimerKey::TcpTimeWait(key) => layer.handle_time_wait_timer(&mut cx, key),
                    _ => panic!("no timer of TCP"),
                }
            }
        }
        self.now = end;
        again
    }

    /// Lets time pass in which nothing runs, as for a process that is suspended. What has arrived meanwhile
    /// may be taken before [`fire`](Host::fire) does what is overdue, or after.
    pub(super) fn suspend(&mut self, time: Duration) {
        self.now += time;
    }

    /// Does what is due.
    pub(super) fn fire(&mut self) {
        self.pass(Duration::ZERO);
    }

    /// Lets time pass until a connection sends, and gives when and what. `None` after an hour of silence.
    pub(super) fn next_sent(&mut self, id: TcpId) -> Option<(Duration, Vec<Seg>)> {
        let begin = self.now;
        while self.now - begin < Duration::from_secs(3600) {
            let next = self.timers.next_deadline()?;
            self.pass(next - self.now);
            let sent = self.sends(id);
            if !sent.is_empty() {
                return Some((self.now - begin, sent));
            }
        }
        None
    }

    pub(super) fn with_connection<R>(
        &mut self,
        id: TcpId,
        change: impl FnOnce(&mut Connection, &mut Context<'_>) -> R,
    ) -> R {
        let (mut cx, layer) = self.parts();
        layer.with(&mut cx, id, change).expect("the connection is there")
    }

    pub(super) fn write(&mut self, id: TcpId, data: &[u8]) {
        assert_eq!(self.with_connection(id, |connection, cx| connection.send(cx, data)), Ok(data.len()));
    }

    pub(super) fn read(&mut self, id: TcpId) -> Vec<u8> {
        let mut out = [0; 65_536];
        let n = self.with_connection(id, |connection, cx| connection.recv(cx, &mut out));
        out[..n.unwrap_or(0)].to_vec()
    }

    pub(super) fn state(&self, id: TcpId) -> Option<TcpStateName> {
        self.layer.get(id).map(Connection::state_name)
    }

    /// Timers that are set, and bytes of all that ever were at once beyond a page.
    pub(super) fn timers_in_use(&self) -> (usize, usize) {
        (self.timers.len(), self.timers.memory().saturating_sub(4096))
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.events.pop()).collect()
    }

    /// A connection that was accepted after a round trip of 100 ms, and the peer's view of it.
    pub(super) fn established(&mut self) -> Peer {
        self.established_with(|syn| syn)
    }

    /// The same, with a SYN of choice.
    pub(super) fn established_with(&mut self, syn: impl FnOnce(Seg) -> Seg) -> Peer {
        let listener = self.listen(8, false);
        let syn = syn(Seg::new(F::SYN, IRS, SeqNumber(0)).mss(MSS as u16));
        let (_, syn_ack) = self.take(&syn);
        let syn_ack = syn_ack.expect("a SYN-ACK");
        let mut peer = Peer { id: TcpId(key()), nxt: IRS + 1, una: syn_ack.seq + 1, stamps: None };
        if let (Some(ours), Some(_)) = (syn.options.timestamps, syn_ack.options.timestamps) {
            peer.stamps = Some(ours.value);
        }
        self.pass(Duration::from_millis(100));
        let third = peer.ack();
        assert_eq!(self.take(&third), (None, None));
        peer.id = self.accept(listener).expect("a connection");
        self.events();
        peer
    }
}

/// A key that is replaced before it is used.
fn key() -> crate::slab::Key {
    crate::slab::Key { index: 0, generation: 0 }
}

/// Options without timestamps and scaling, so that scripts have plain numbers.
pub(super) fn plain() -> TcpOptions {
    TcpOptions {
        receive_buffer: Some(65_535),
        send_buffer: Some(1 << 20),
        timestamps: true,
        window_scaling: false,
        ..TcpOptions::default()
    }
}

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) id: TcpId,
    /// The peer's SND.NXT.
    pub(super) nxt: SeqNumber,
    /// The peer's RCV.NXT: our SND.UNA as it sees it.
    pub(super) una: SeqNumber,
    /// The peer's timestamp, when it sends them.
    pub(super) stamps: Option<u32>,
}

impl Peer {
    pub(super) fn seg(&self, flags: TcpFlags) -> Seg {
        let seg = Seg::new(flags, self.nxt, self.una);
        match self.stamps {
            Some(value) => seg.stamp(value, 0),
            None => seg,
        }
    }

    pub(super) fn ack(&self) -> Seg {
        self.seg(F::ACK)
    }

    /// The next data.
    pub(super) fn data(&mut self, data: &[u8]) -> Seg {
        let seg = self.seg(F::ACK | F::PSH).data(data);
        self.nxt += data.len() as u32;
        seg
    }

    /// Acknowledges `n` more.
    pub(super) fn acks(&mut self, n: u32) -> Seg {
        self.una += n;
        self.ack()
    }
}
