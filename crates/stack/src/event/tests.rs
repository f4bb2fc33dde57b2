use super::*;
use crate::slab::{Key, Slab};
use crate::socket::{TcpId, UdpId};

/// A key, and that of the next tenant of the same slot.
fn tenants() -> [Key; 2] {
    let mut slab = Slab::new();
    let first = slab.insert(());
    slab.remove(first);
    [first, slab.insert(())]
}

#[test]
fn a_socket_has_one_entry_with_merged_bits() {
    let [key, _] = tenants();
    let (tcp, udp) = (SocketId::Tcp(TcpId(key)), SocketId::Udp(UdpId(key)));
    let mut queue = ReadyQueue::new();
    queue.push(tcp, Readiness::READABLE);
    queue.push(udp, Readiness::WRITABLE);
    queue.push(tcp, Readiness::ERROR);
    let merged = Readiness::READABLE | Readiness::ERROR;
    assert_eq!(queue.pop(), Some(Event { socket: tcp, readiness: merged }));
    assert_eq!(queue.pop(), Some(Event { socket: udp, readiness: Readiness::WRITABLE }));
    assert_eq!(queue.pop(), None);
}

#[test]
fn an_event_that_was_taken_can_come_again() {
    let socket = SocketId::Udp(UdpId(tenants()[0]));
    let mut queue = ReadyQueue::new();
    for _ in 0..2 {
        queue.push(socket, Readiness::READABLE);
        assert_eq!(queue.pop(), Some(Event { socket, readiness: Readiness::READABLE }));
        assert_eq!(queue.pop(), None);
    }
}

#[test]
fn a_successor_in_the_same_place_does_not_inherit_readiness() {
    let [old, new] = tenants().map(|key| SocketId::Tcp(TcpId(key)));
    let mut queue = ReadyQueue::new();
    queue.push(old, Readiness::ERROR);
    queue.push(new, Readiness::CONNECTED);
    assert_eq!(queue.pop(), Some(Event { socket: new, readiness: Readiness::CONNECTED }));
    assert_eq!(queue.pop(), None);
}
