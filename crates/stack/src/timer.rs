//! What the timers of the stack are for.

use crate::interface::InterfaceId;
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
    /// What is to be told of a multicast group.
    Group(Key),
    /// The answer to a query about all groups of an interface, of IPv6 or IPv4.
    Groups(InterfaceId, bool),
}
