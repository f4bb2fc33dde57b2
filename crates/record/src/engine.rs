//! Records of the engine: what it decided and why.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use crate::{DropReason, InterfaceIndex, RecordId};

/// Names a conversation within one stack: the socket's number, never reused while records can name it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FlowId(pub u64);

/// The states of RFC 9293 3.3.2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub enum TcpStateName {
    Closed,
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}

impl fmt::Display for TcpStateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TcpStateName::Closed => "CLOSED",
            TcpStateName::Listen => "LISTEN",
            TcpStateName::SynSent => "SYN-SENT",
            TcpStateName::SynReceived => "SYN-RECEIVED",
            TcpStateName::Established => "ESTABLISHED",
            TcpStateName::FinWait1 => "FIN-WAIT-1",
            TcpStateName::FinWait2 => "FIN-WAIT-2",
            TcpStateName::CloseWait => "CLOSE-WAIT",
            TcpStateName::Closing => "CLOSING",
            TcpStateName::LastAck => "LAST-ACK",
            TcpStateName::TimeWait => "TIME-WAIT",
        })
    }
}

/// Why a packet left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendReason {
    /// Opens a connection.
    Syn,
    /// Answers a SYN.
    SynAck,
    /// Data sent for the first time.
    NewData,
    /// The end of the data, with or without the last of it.
    Fin,
    /// The retransmission timer ran out for the `number`-th time in a row (from 1).
    RetransmissionTimeout {
        /// Consecutive expiries, this one included.
        number: u32,
    },
    /// Acknowledgements showed a loss: three duplicates, a partial one, or reports of what arrived behind it.
    FastRetransmit,
    /// A loss is being repaired, no new data may be sent, and this may be lost too although acknowledgements
    /// do not show it (RFC 6675 4, NextSeg 3 and 4).
    Rescue,
    /// The window is closed: asks the receiver whether it has reopened.
    WindowProbe {
        /// Consecutive unanswered probes, this one included.
        number: u32,
    },
    /// The peer was silent for long: asks whether it is there (RFC 9293 3.8.4).
    Keepalive {
        /// Consecutive unanswered probes, this one included.
        number: u32,
    },
    /// Acknowledges data at once.
    Ack,
    /// Acknowledges data after the delay of RFC 9293 3.8.6.3.
    DelayedAck,
    /// Acknowledges again because a segment was out of order, old or a duplicate.
    DuplicateAck,
    /// Tells the sender that the window has opened.
    WindowUpdate,
    /// Challenges a segment that could be forged (RFC 5961).
    ChallengeAck,
    /// Refuses or aborts a connection.
    Reset,
    /// A datagram of a program.
    Datagram,
    /// An ICMP echo request of a program.
    EchoRequest,
    /// Answers an ICMP echo request.
    EchoReply,
    /// Tells a sender of an error.
    IcmpError,
    /// Asks for a neighbour's link address (ARP or neighbour solicitation).
    NeighbourRequest,
    /// Answers such a question.
    NeighbourReply,
    /// Forwards a packet for others.
    Forward,
    /// Other traffic of the host itself (router solicitations, duplicate address detection).
    Housekeeping,
}

/// What keeps a sender from sending more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Limit {
    /// The program has written no more.
    Application,
    /// The receive window of the peer.
    ReceiveWindow,
    /// The congestion window.
    CongestionWindow,
    /// A short segment waits for the acknowledgement of another (RFC 9293 3.7.4).
    Nagle,
}

/// Why the congestion window changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CwndReason {
    /// Set at the start of the connection.
    Initial,
    /// Grows by what was acknowledged, below the slow start threshold.
    SlowStart,
    /// Grows by one segment a round trip.
    CongestionAvoidance,
    /// Cut, since a loss was detected by acknowledgements.
    FastRecovery,
    /// Recovery ended.
    RecoveryExit,
    /// Cut to one segment, since the retransmission timer ran out.
    RetransmissionTimeout,
    /// Cut, since the connection was idle.
    Idle,
    /// Restored: what it was last cut for had been late, not lost.
    Undo,
}

/// A record of the engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Engine {
    /// A TCP connection came into being.
    TcpOpened {
        /// The connection.
        flow: FlowId,
        /// Our address and port.
        local: SocketAddr,
        /// The peer's address and port.
        remote: SocketAddr,
        /// Opened by us, not by the peer.
        active: bool,
    },
    /// A TCP connection changed its state.
    TcpState {
        /// The connection.
        flow: FlowId,
        /// The state it left.
        from: TcpStateName,
        /// The state it is in.
        to: TcpStateName,
    },
    /// A TCP segment (or super-segment) was handed to the internet layer.
    TcpSegment {
        /// The connection.
        flow: FlowId,
        /// Why it was sent.
        why: SendReason,
        /// Sequence number of its first byte.
        seq: u32,
        /// Acknowledgement number.
        ack: u32,
        /// Bytes of data.
        len: u32,
    },
    /// A packet other than a TCP segment was handed to the internet layer or the link layer.
    Packet {
        /// Why it was sent.
        why: SendReason,
    },
    /// A round-trip time was measured (RFC 6298).
    Rtt {
        /// The connection.
        flow: FlowId,
        /// The sample.
        sample: Duration,
        /// Smoothed round-trip time after it.
        srtt: Duration,
        /// Round-trip time variation after it.
        rttvar: Duration,
        /// Retransmission timeout after it.
        rto: Duration,
    },
    /// The congestion window changed.
    Cwnd {
        /// The connection.
        flow: FlowId,
        /// Bytes.
        cwnd: u64,
        /// Slow start threshold in bytes; `u64::MAX` before the first loss.
        ssthresh: u64,
        /// What changed it.
        why: CwndReason,
    },
    /// Something else than before holds the sender back.
    Limited {
        /// The connection.
        flow: FlowId,
        /// What it is.
        by: Limit,
    },
    /// A retransmission timer ran out; the segments it brings name this record as their cause.
    Timeout {
        /// The connection.
        flow: FlowId,
        /// Consecutive expiries, this one included.
        number: u32,
        /// How long the timer had run.
        rto: Duration,
    },
    /// Acknowledgements showed a loss.
    LossDetected {
        /// The connection.
        flow: FlowId,
        /// Sequence number of the first lost byte.
        seq: u32,
    },
    /// Data reached the peer after it had been lost: the first cumulative acknowledgement of it.
    LossRepaired {
        /// The connection.
        flow: FlowId,
        /// Sequence number up to which the repair reached.
        up_to: u32,
    },
    /// A segment of the peer arrived beyond a hole.
    HoleOpened {
        /// The connection.
        flow: FlowId,
        /// The first missing byte.
        seq: u32,
    },
    /// The last hole was filled; the data behind it went to the program.
    HoleFilled {
        /// The connection.
        flow: FlowId,
        /// The first byte that is still to come.
        seq: u32,
    },
    /// Something was not accepted or could not be sent.
    Dropped {
        /// The interface it came in on or was to leave by, where there is one.
        interface: Option<InterfaceIndex>,
        /// Why.
        reason: DropReason,
        /// Bytes of the frame or packet.
        len: u32,
    },
    /// A link disposed of a frame in another way than delivering it unchanged and in order.
    Link {
        /// The interface on which the frame was sent (or, for the way in, would have arrived).
        interface: InterfaceIndex,
        /// What became of it.
        fate: crate::LinkFate,
        /// The frame.
        frame: Option<RecordId>,
    },
}
