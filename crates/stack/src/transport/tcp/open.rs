//! Opening connections and listeners, and what comes of listeners (RFC 9293 3.10.1, OPEN call).

use alloc::sync::Arc;
use core::net::{IpAddr, SocketAddr};

use fathom_record::{DropReason, Engine, TcpStateName};
use fathom_wire::SeqNumber;

use super::connection::{Connection, Flags, Opening};
use super::half_open::Progress;
use super::listen::{Claim, Listener};
use super::state::State;
use super::{
    ConnectError, Decision, FlowRef, Incoming, IncomingId, ListenAt, TcpLayer, TcpListen, TcpOptions, isn,
    reset,
};
use crate::context::Context;
use crate::packet::Departing;
use crate::slab::Key;
use crate::socket::{ListenerId, TcpId};
use crate::table::FourTuple;
use crate::transport::udp::BindError;
use crate::transport::{mapped, port};

/// A connection to open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TcpConnect {
    /// The peer.
    pub remote: SocketAddr,
    /// Our end: an unspecified address for the one that fits the route, port 0 for a free one; the same
    /// for `None`.
    pub local: Option<SocketAddr>,
    /// Choices for the connection.
    pub options: TcpOptions,
}

impl TcpConnect {
    /// To `remote`, from whatever address and port fit, with the default choices.
    pub fn to(remote: SocketAddr) -> Self {
        TcpConnect { remote, local: None, options: TcpOptions::default() }
    }
}

/// How many ports are tried before one in TIME-WAIT will do.
const TRIES: u32 = 64;

impl TcpLayer {
    /// Begins a connection from one of our addresses.
    pub(crate) fn connect(
        &mut self,
        cx: &mut Context<'_>,
        (local, port): (IpAddr, u16),
        remote: SocketAddr,
        options: TcpOptions,
    ) -> Result<TcpId, ConnectError> {
        if self.connections.len() >= cx.config.tcp.connections {
            return Err(ConnectError::TooMany);
        }
        let tuple = match port {
            0 => self.choose_port(cx, local, remote)?,
            port => FourTuple::new(SocketAddr::new(local, port), remote),
        };
        let after = self.make_way(cx, &tuple)?;
        let flow = self.next_flow();
        let options = if options == *self.default_options {
            Arc::clone(&self.default_options)
        } else {
            Arc::new(options)
        };
        let opening = |key| Opening {
            id: TcpId(key),
            flow,
            tuple,
            state: State::Closed,
            iss: isn::initial(cx, &tuple, after),
            options: Arc::clone(&options),
            timestamp_offset: isn::timestamp_offset(cx, &tuple),
        };
        let key = self.connections.insert_with(|key| Connection::new(cx, opening(key)));
        self.flows.insert(self.flows.hash(&tuple), FlowRef::Connection(key));
        let (local, remote) = (tuple.local(), tuple.remote());
        let opened = cx.record(None, || Engine::TcpOpened { flow, local, remote, active: true });
        if let Some(connection) = self.connections.get_mut(key) {
            connection.open(cx, opened);
        }
        Ok(TcpId(key))
    }

    fn choose_port(
        &mut self,
        cx: &Context<'_>,
        local: IpAddr,
        remote: SocketAddr,
    ) -> Result<FourTuple, ConnectError> {
        let local = SocketAddr::new(local, 0);
        let tuple = |port| FourTuple { local_port: port, ..FourTuple::new(local, remote) };
        let mut next = self.next_port;
        let range = cx.config.tcp.ephemeral_ports;
        // TIME-WAIT gives way, but not while others are free. The search need not go through all ports for that.
        let mut choose = |tries_before: u32| {
            let mut tries = 0;
            let is_free = |port| {
                tries += 1;
                let tuple = tuple(port);
                match self.find(self.flows.hash(&tuple), &tuple) {
                    None => true,
                    Some(FlowRef::TimeWait(_)) => tries > tries_before,
                    Some(FlowRef::Connection(_) | FlowRef::HalfOpen(_)) => false,
                }
            };
            port::choose(cx.random, &mut next, local, Some(remote), range, is_free)
        };
        let chosen = choose(TRIES).or_else(|| choose(0));
        self.next_port = next;
        chosen.map(tuple).ok_or(ConnectError::AddressInUse)
    }

    /// A connection in TIME-WAIT gives way to one that is opened: with sequence numbers beyond what it had
    /// sent (by more than 64 KiB), and newer timestamps where there are some, the peer cannot mistake one for
    /// the other (RFC 9293 3.6.1, MAY-2; RFC 6191). Linux does the same (`tcp_tw_reuse`).
    fn make_way(
        &mut self,
        cx: &mut Context<'_>,
        tuple: &FourTuple,
    ) -> Result<Option<SeqNumber>, ConnectError> {
        match self.find(self.flows.hash(tuple), tuple) {
            None => Ok(None),
            Some(FlowRef::TimeWait(key)) => {
                let after = self.time_wait.get(key).map(|time_wait| time_wait.snd_nxt);
                self.remove_time_wait(cx, key);
                Ok(after)
            }
            Some(FlowRef::Connection(_) | FlowRef::HalfOpen(_)) => Err(ConnectError::AddressInUse),
        }
    }

    /// Begins to listen.
    pub(crate) fn listen(&mut self, cx: &Context<'_>, listen: TcpListen) -> Result<ListenerId, BindError> {
        let mut claim = Claim::new(&listen);
        if let ListenAt::Socket(at) = claim.local
            && at.port() == 0
        {
            let range = cx.config.tcp.ephemeral_ports;
            let mut next = self.next_port;
            let with_port = |port| ListenAt::Socket(SocketAddr::new(at.ip(), port));
            // A free port is one that nobody has, also where it could be shared.
            let alone = Claim { reuse_port: false, ..claim };
            let is_free = |port| !self.listening.conflicts(&Claim { local: with_port(port), ..alone });
            let chosen = port::choose(cx.random, &mut next, at, None, range, is_free);
            self.next_port = next;
            claim.local = with_port(chosen.ok_or(BindError::PortsExhausted)?);
        }
        if self.listening.conflicts(&claim) {
            return Err(BindError::AddressInUse);
        }
        let key = self.listeners.insert(Listener::new(listen, claim));
        self.listening.insert(claim, key);
        Ok(ListenerId(key))
    }

    pub(crate) fn listener_options(&self, id: ListenerId) -> Option<&TcpOptions> {
        self.listeners.get(id.0).map(|listener| &*listener.options)
    }

    /// Changes what later connections of a listener begin with. What SYN-ACKs have said stays.
    pub(crate) fn change_listener(&mut self, id: ListenerId, change: impl FnOnce(&mut TcpOptions)) {
        let Some(listener) = self.listeners.get_mut(id.0) else { return };
        let before = TcpOptions::clone(&listener.options);
        let options = Arc::make_mut(&mut listener.options);
        change(options);
        options.receive_buffer = before.receive_buffer;
        options.max_segment = before.max_segment;
        options.timestamps = before.timestamps;
        options.window_scaling = before.window_scaling;
        options.sack = before.sack;
    }

    /// Where a listener listens; the address of its network and port 0 if it has a whole network.
    pub(crate) fn listener_local(&self, id: ListenerId) -> Option<SocketAddr> {
        self.listeners.get(id.0).map(|listener| listener.claim.local.socket_addr())
    }

    pub(crate) fn listener_waiting(&self, id: ListenerId) -> Option<usize> {
        self.listeners.get(id.0).map(|listener| listener.accept.len())
    }

    pub(crate) fn set_backlog(&mut self, id: ListenerId, backlog: usize) {
        if let Some(listener) = self.listeners.get_mut(id.0) {
            listener.backlog = backlog.max(1);
        }
    }

    /// The oldest established connection of a listener.
    pub(crate) fn accept(&mut self, id: ListenerId) -> Option<TcpId> {
        self.listeners.get_mut(id.0)?.accept.pop_front()
    }

    /// The oldest connection of a listener that waits for a decision and was not given before.
    pub(crate) fn incoming(&mut self, id: ListenerId) -> Option<Incoming> {
        let listener = self.listeners.get_mut(id.0)?;
        let key = listener.incoming.pop_front()?;
        let tuple = &self.half_open.get(key)?.tuple;
        let seen = |address| if listener.maps() { mapped::map(address) } else { address };
        Some(Incoming { id: IncomingId(key), source: seen(tuple.remote()), destination: seen(tuple.local()) })
    }

    /// What the program has decided; gives what is to be sent.
    pub(crate) fn decide(
        &mut self,
        cx: &mut Context<'_>,
        id: IncomingId,
        decision: Decision,
    ) -> Option<Departing> {
        let half_open = self.half_open.get(id.0)?;
        if half_open.progress != Progress::Undecided {
            return None;
        }
        match decision {
            Decision::Accept => self.answer_syn(cx, id.0, None),
            Decision::Refuse => {
                let (tuple, ack) = (half_open.tuple, half_open.expects());
                self.remove_half_open(cx, id.0);
                cx.dropped(None, DropReason::TcpRefused, 0, None);
                Some(reset::to_syn(cx, &tuple, ack))
            }
            Decision::Ignore => {
                self.remove_half_open(cx, id.0);
                cx.dropped(None, DropReason::TcpRefused, 0, None);
                None
            }
        }
    }

    /// The program has decided for a connection, and has it from here on, in SYN-RECEIVED.
    pub(crate) fn accept_incoming(&mut self, cx: &mut Context<'_>, id: IncomingId) -> Option<TcpId> {
        let half_open = self.half_open.get(id.0)?;
        if half_open.progress != Progress::Undecided || self.connections.len() >= cx.config.tcp.connections {
            return None;
        }
        let listener = self.listeners.get(half_open.listener)?;
        let (mut options, maps) = (Arc::clone(&listener.options), listener.maps());
        if options.syn_retries.is_none() {
            // As other SYN-ACKs are.
            Arc::make_mut(&mut options).syn_retries = Some(cx.config.tcp.syn_ack_retries);
        }
        let half_open = self.take_half_open(cx, id.0)?;
        let hash = self.flows.hash(&half_open.tuple);
        let key = self.connections.insert_with(|key| half_open.into_connection(cx, TcpId(key), options));
        self.flows.insert(hash, FlowRef::Connection(key));
        let connection = self.connections.get_mut(key)?;
        connection.flags.set(Flags::MAPPED, maps);
        connection.want_transmit(cx);
        connection.arm(cx);
        Some(TcpId(key))
    }

    /// Ends a listener: what is half-open is forgotten, what nobody has accepted is reset.
    pub(crate) fn close_listener(&mut self, cx: &mut Context<'_>, id: ListenerId) {
        // The half-open entries are found by their listener, so that goes last.
        let half_open: alloc::vec::Vec<Key> = self
            .half_open
            .iter()
            .filter(|(_, half_open)| half_open.listener == id.0)
            .map(|(key, _)| key)
            .collect();
        for key in half_open {
            self.remove_half_open(cx, key);
        }
        let Some(listener) = self.listeners.remove(id.0) else { return };
        self.listening.remove(&listener.claim, id.0);
        for id in listener.accept {
            if let Some(connection) = self.connections.get_mut(id.0) {
                connection.abort(cx);
                connection.let_go(cx);
                self.settle(cx, id);
            }
        }
    }
}

impl Connection {
    /// Begins the handshake.
    fn open(&mut self, cx: &mut Context<'_>, opened: Option<fathom_record::RecordId>) {
        debug_assert_eq!(self.state.name(), TcpStateName::Closed);
        self.set_trigger(cx, opened);
        self.flags.insert(Flags::ACTIVE | Flags::SYN_DUE);
        self.set_state(cx, State::SynSent);
        // The SYN may never be asked for, when its interface is down.
        self.timers.close = cx.now + cx.config.tcp.connect_timeout.min(self.user_timeout(cx));
        self.arm(cx);
        self.want_transmit(cx);
    }
}
