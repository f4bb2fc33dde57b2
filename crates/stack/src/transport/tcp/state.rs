//! The states of a connection (RFC 9293 3.3.2).

use fathom_record::TcpStateName;

/// The state of a connection that has a control block. (LISTEN is a listener's; SYN-RECEIVED after a
/// passive open is a half-open entry; TIME-WAIT is left to a compact record.)
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// We sent a SYN and wait for the peer's.
    SynSent,
    /// SYNs crossed: we have the peer's, and wait for the acknowledgement of ours.
    SynReceived,
    Established,
    /// Our FIN is queued or sent, and not acknowledged.
    FinWait1,
    /// Our FIN is acknowledged; the peer may go on sending.
    FinWait2,
    /// The peer's FIN is in; we may go on sending.
    CloseWait,
    /// Both FINs crossed; ours is not acknowledged.
    Closing,
    /// The peer's FIN came first; ours is not acknowledged.
    LastAck,
    /// All is done; a compact record watches over late segments.
    TimeWait,
    Closed,
}

impl State {
    /// The state's name in records and in [`TcpInfo`](super::TcpInfo).
    pub(crate) const fn name(self) -> TcpStateName {
        match self {
            State::SynSent => TcpStateName::SynSent,
            State::SynReceived => TcpStateName::SynReceived,
            State::Established => TcpStateName::Established,
            State::FinWait1 => TcpStateName::FinWait1,
            State::FinWait2 => TcpStateName::FinWait2,
            State::CloseWait => TcpStateName::CloseWait,
            State::Closing => TcpStateName::Closing,
            State::LastAck => TcpStateName::LastAck,
            State::TimeWait => TcpStateName::TimeWait,
            State::Closed => TcpStateName::Closed,
        }
    }

    /// Before the three-way handshake is complete.
    pub(crate) const fn is_opening(self) -> bool {
        matches!(self, State::SynSent | State::SynReceived)
    }

    /// No segment belongs to the connection any more.
    pub(crate) const fn is_over(self) -> bool {
        matches!(self, State::TimeWait | State::Closed)
    }

    /// The peer may send data (RFC 9293 3.10.7.4, seventh: process the segment text).
    pub(crate) const fn takes_text(self) -> bool {
        matches!(self, State::Established | State::FinWait1 | State::FinWait2)
    }

    /// We may send data, or have some that is not acknowledged (RFC 9293 3.10.2, SEND call).
    pub(crate) const fn may_transmit(self) -> bool {
        matches!(
            self,
            State::Established | State::CloseWait | State::FinWait1 | State::Closing | State::LastAck
        )
    }

    /// The state after we end our data (RFC 9293 3.10.4, CLOSE call); `None` where that changes nothing.
    pub(crate) const fn after_close(self) -> Option<State> {
        match self {
            State::SynReceived | State::Established => Some(State::FinWait1),
            State::CloseWait => Some(State::LastAck),
            _ => None,
        }
    }

    /// The state after our FIN is acknowledged (RFC 9293 3.10.7.4, fifth: check the ACK field).
    pub(crate) const fn after_fin_acknowledged(self) -> State {
        match self {
            State::FinWait1 => State::FinWait2,
            State::Closing => State::TimeWait,
            State::LastAck => State::Closed,
            other => other,
        }
    }

    /// The state after the peer's FIN is in (RFC 9293 3.10.7.4, eighth: check the FIN bit). Our FIN, if
    /// this very segment acknowledged it, has been dealt with before.
    pub(crate) const fn after_fin_received(self) -> State {
        match self {
            State::SynReceived | State::Established => State::CloseWait,
            State::FinWait1 => State::Closing,
            State::FinWait2 => State::TimeWait,
            other => other,
        }
    }
}
