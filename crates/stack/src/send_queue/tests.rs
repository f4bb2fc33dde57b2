use super::*;
use crate::slab::Slab;
use crate::socket::UdpId;

const ETH0: InterfaceId = InterfaceId(1);

/// Queues for one interface, and some sockets.
fn queues() -> (SendQueues, [SocketId; 3]) {
    let mut queues = SendQueues::new();
    queues.add_interface();
    queues.add_interface();
    let mut slab = Slab::new();
    (queues, [(); 3].map(|()| SocketId::Udp(UdpId(slab.insert(())))))
}

/// Files all fresh sockets under the interface.
fn file_all(queues: &mut SendQueues) {
    while let Some(socket) = queues.pop_fresh() {
        queues.file(socket, ETH0);
    }
}

#[test]
fn a_socket_is_queued_once_however_often_it_says_so() {
    let (mut queues, [a, b, _]) = queues();
    for socket in [a, b, a, a] {
        queues.push(socket);
    }
    file_all(&mut queues);
    queues.push(a);
    assert_eq!(queues.pop_fresh(), None, "it is filed");
    assert_eq!((queues.pop(ETH0), queues.pop(ETH0), queues.pop(ETH0)), (Some(a), Some(b), None));
}

#[test]
fn a_socket_with_more_to_send_goes_behind_the_others_once() {
    let (mut queues, [a, b, _]) = queues();
    for socket in [a, b] {
        queues.push(socket);
    }
    file_all(&mut queues);
    assert_eq!(queues.pop(ETH0), Some(a));
    // While it was asked it said again that it wants to send.
    queues.push(a);
    queues.push_back(a, ETH0);
    file_all(&mut queues);
    assert_eq!((queues.pop(ETH0), queues.pop(ETH0), queues.pop(ETH0)), (Some(b), Some(a), None));
}

#[test]
fn a_parked_socket_is_in_no_queue_until_it_may_go_on() {
    let (mut queues, [a, ..]) = queues();
    queues.push(a);
    file_all(&mut queues);
    assert_eq!(queues.pop(ETH0), Some(a));
    queues.park(a);
    queues.push(a);
    assert_eq!(queues.pop_fresh(), None);
    queues.unpark(a);
    queues.unpark(a);
    assert_eq!(queues.pop_fresh(), Some(a));
    queues.release(a);
    queues.push(a);
    assert_eq!(queues.pop_fresh(), Some(a));
}

#[test]
fn the_sockets_of_an_interface_that_is_down_are_routed_anew_in_their_order() {
    let (mut queues, sockets) = queues();
    for socket in sockets {
        queues.push(socket);
    }
    file_all(&mut queues);
    queues.refile(ETH0);
    assert!(!queues.has_filed(ETH0));
    assert_eq!(sockets.map(|_| queues.pop_fresh()), sockets.map(Some));
}
