//! What the timers of the stack are for.

use crate::slab::Key;
use crate::socket::TcpId;

/// Names the owner of a timer in the wheel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TimerKey {
    /// The earliest deadline of a TCP connection.
    Tcp(TcpId),
    /// A half-open TCP connection.
    TcpHalfOpen(Key),
    /// A TCP connection in TIME-WAIT.
    TcpTimeWait(Key),
    /// The state of a neighbour (ARP, neighbour unreachability detection).
    Neighbour(Key),
    /// A packet under reassembly.
    Reassembly(Key),
    /// Duplicate address detection of an address.
    Address(Key),
}
