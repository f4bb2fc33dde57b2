//! Connections: from `socket` to `close`.

use super::{Pair, at, icmp_error, kernel, taken};
use crate::Errno;
use crate::consts::*;

#[test]
fn a_connection_stands_carries_data_both_ways_and_ends() {
    let mut pair = Pair::new();
    let listener = pair.listen("192.0.2.2:80");
    let socket = pair.a.socket(AF_INET, SOCK_STREAM, 0).unwrap();
    assert_eq!(socket, 3);
    assert_eq!(pair.b.accept(listener), Err(Errno::EAGAIN));
    assert_eq!(pair.a.connect(socket, at("192.0.2.2:80")), Err(Errno::EINPROGRESS));
    assert_eq!(pair.a.connect(socket, at("192.0.2.2:80")), Err(Errno::EALREADY));
    assert_eq!(pair.a.send(socket, b"early", 0), Err(Errno::EAGAIN));
    let mut count = -1;
    assert_eq!(pair.a.ioctl(socket, SIOCOUTQ, &mut count), Ok(()));
    assert_eq!(count, 0, "a SYN is no data");
    pair.exchange();
    assert_eq!(pair.a.connect(socket, at("192.0.2.2:80")), Ok(()));
    assert_eq!(pair.a.connect(socket, at("192.0.2.2:80")), Err(Errno::EISCONN));

    let (accepted, peer) = pair.b.accept(listener).unwrap();
    assert_eq!(peer, pair.a.getsockname(socket).unwrap());
    assert_eq!(pair.b.getpeername(accepted), Ok(peer));
    assert_eq!(pair.a.getpeername(socket), Ok(at("192.0.2.2:80")));

    let mut buffer = [0; 16];
    assert_eq!(pair.b.read(accepted, &mut buffer), Err(Errno::EAGAIN));
    assert_eq!(pair.a.write(socket, b"request"), Ok(7));
    assert_eq!(pair.b.write(accepted, b"answer"), Ok(6));
    assert_eq!(pair.a.ioctl(socket, SIOCOUTQ, &mut count), Ok(()));
    assert_eq!(count, 7);
    pair.exchange();
    assert_eq!(pair.b.read(accepted, &mut buffer), Ok(7));
    assert_eq!(&buffer[..7], b"request");
    assert_eq!(pair.a.read(socket, &mut buffer), Ok(6));
    assert_eq!(&buffer[..6], b"answer");

    assert_eq!(pair.a.shutdown(socket, SHUT_WR), Ok(()));
    assert_eq!(pair.a.write(socket, b"more"), Err(Errno::EPIPE));
    pair.exchange();
    assert_eq!(pair.b.read(accepted, &mut buffer), Ok(0));
    assert_eq!(pair.b.close(accepted), Ok(()));
    pair.exchange();
    assert_eq!(pair.a.read(socket, &mut buffer), Ok(0));
    assert_eq!(pair.a.close(socket), Ok(()));
    assert_eq!(pair.a.close(socket), Err(Errno::EBADF));
}

#[test]
fn a_refused_connection_tells_so_once_and_the_socket_can_try_again() {
    let mut pair = Pair::new();
    let socket = pair.a.socket(AF_INET, SOCK_STREAM, 0).unwrap();
    assert_eq!(pair.a.connect(socket, at("192.0.2.2:80")), Err(Errno::EINPROGRESS));
    pair.exchange();
    let ready = pair.a.ready(socket, POLLIN | POLLOUT | POLLRDHUP);
    assert_eq!(ready, POLLIN | POLLOUT | POLLRDHUP | POLLERR | POLLHUP);
    assert_eq!(pair.a.connect(socket, at("192.0.2.2:80")), Err(Errno::ECONNREFUSED));
    pair.listen("192.0.2.2:80");
    assert_eq!(pair.a.connect(socket, at("192.0.2.2:80")), Err(Errno::EINPROGRESS));
    pair.exchange();
    assert_eq!(pair.a.connect(socket, at("192.0.2.2:80")), Ok(()));
}

#[test]
fn the_error_of_a_connection_is_taken_by_so_error() {
    let mut pair = Pair::new();
    let socket = pair.a.socket(AF_INET, SOCK_STREAM, 0).unwrap();
    assert_eq!(pair.a.connect(socket, at("192.0.2.2:80")), Err(Errno::EINPROGRESS));
    pair.exchange();
    let refused = Errno::ECONNREFUSED.raw();
    assert_eq!(pair.a.getsockopt_int(socket, SOL_SOCKET, SO_ERROR), Ok(refused));
    assert_eq!(pair.a.getsockopt_int(socket, SOL_SOCKET, SO_ERROR), Ok(0));
    assert_eq!(pair.a.connect(socket, at("192.0.2.2:80")), Err(Errno::ECONNABORTED));
}

#[test]
fn poll_says_what_linux_says() {
    let mut pair = Pair::new();
    const ALL: i16 = POLLIN | POLLOUT | POLLRDHUP | POLLRDNORM | POLLWRNORM;
    let fresh = pair.a.socket(AF_INET, SOCK_STREAM, 0).unwrap();
    assert_eq!(pair.a.ready(fresh, ALL), POLLOUT | POLLWRNORM | POLLHUP);
    let listener = pair.listen("192.0.2.2:80");
    assert_eq!(pair.b.ready(listener, ALL), 0);
    assert_eq!(pair.a.connect(fresh, at("192.0.2.2:80")), Err(Errno::EINPROGRESS));
    assert_eq!(pair.a.ready(fresh, ALL), 0);
    pair.exchange();
    assert_eq!(pair.a.ready(fresh, ALL), POLLOUT | POLLWRNORM);
    assert_eq!(pair.b.ready(listener, ALL), POLLIN | POLLRDNORM);
    let (accepted, _) = pair.b.accept(listener).unwrap();
    pair.a.write(fresh, b"x").unwrap();
    pair.exchange();
    assert_eq!(pair.b.ready(accepted, ALL), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
    assert_eq!(pair.b.ready(accepted, POLLOUT), POLLOUT);
    pair.a.shutdown(fresh, SHUT_WR).unwrap();
    pair.exchange();
    assert_eq!(pair.b.ready(accepted, ALL), ALL);
    pair.b.shutdown(accepted, SHUT_WR).unwrap();
    assert_eq!(pair.b.ready(accepted, ALL), ALL | POLLHUP);
    assert_eq!(pair.b.ready(77, ALL), POLLNVAL);
}

#[test]
fn a_bound_port_is_taken_unless_both_share_it() {
    let mut kernel = kernel("address=192.0.2.1/24");
    let mut bound = |address, option| {
        let fd = kernel.socket(AF_INET, SOCK_STREAM, 0).unwrap();
        if option != 0 {
            kernel.setsockopt_int(fd, SOL_SOCKET, option, 1).unwrap();
        }
        kernel.bind(fd, at(address))
    };
    assert_eq!(bound("192.0.2.1:80", 0), Ok(()));
    assert_eq!(bound("192.0.2.1:80", SO_REUSEADDR), Err(Errno::EADDRINUSE));
    assert_eq!(bound("0.0.0.0:80", 0), Err(Errno::EADDRINUSE));
    assert_eq!(bound("127.0.0.1:80", 0), Ok(()));
    assert_eq!(bound("0.0.0.0:81", SO_REUSEADDR), Ok(()));
    assert_eq!(bound("192.0.2.1:81", SO_REUSEADDR), Ok(()));
    assert_eq!(bound("192.0.2.1:81", SO_REUSEPORT), Err(Errno::EADDRINUSE));
    assert_eq!(bound("192.0.2.9:82", 0), Err(Errno::EADDRNOTAVAIL));
}

#[test]
fn a_port_in_time_wait_is_taken_for_who_does_not_reuse_addresses() {
    let mut pair = Pair::new();
    let (client, server) = pair.connect();
    pair.b.close(server).unwrap();
    pair.exchange();
    pair.a.close(client).unwrap();
    pair.exchange();
    let again = pair.b.socket(AF_INET, SOCK_STREAM, 0).unwrap();
    assert_eq!(pair.b.bind(again, at("192.0.2.2:80")), Err(Errno::EADDRINUSE));
    assert_eq!(pair.b.setsockopt_int(again, SOL_SOCKET, SO_REUSEADDR, 1), Ok(()));
    assert_eq!(pair.b.bind(again, at("192.0.2.2:80")), Ok(()));
}

#[test]
fn time_fires_what_is_due_in_order_and_never_goes_back() {
    let mut kernel = kernel("address=192.0.2.1/24; seed=1");
    let socket = kernel.socket(AF_INET, SOCK_STREAM, 0).unwrap();
    assert_eq!(kernel.connect(socket, at("192.0.2.2:80")), Err(Errno::EINPROGRESS));
    kernel.advance_to(200_000_000).unwrap();
    let seconds: Vec<u64> =
        taken(&mut kernel).iter().map(|packet| packet.departure_us() / 1_000_000).collect();
    assert_eq!(seconds, [0, 1, 3, 7, 15, 31, 63]);
    assert_eq!(kernel.now_us(), 200_000_000);
    assert_eq!(kernel.connect(socket, at("192.0.2.2:80")), Err(Errno::ETIMEDOUT));
    assert_eq!(kernel.advance_to(199_999_999), Err(Errno::EINVAL));
}

#[test]
fn the_same_seed_gives_the_same_packets() {
    let run = || {
        let mut pair = Pair::new();
        let (client, server) = pair.connect();
        pair.a.write(client, &[7; 5000]).unwrap();
        pair.b.close(server).unwrap();
        let mut packets = taken(&mut pair.a);
        packets.extend(taken(&mut pair.b));
        packets
    };
    assert!(!run().is_empty());
    assert_eq!(run(), run());
}

#[test]
fn a_listener_takes_one_more_than_its_backlog_and_the_backlog_can_change() {
    let mut pair = Pair::new();
    let listener = pair.b.socket(AF_INET, SOCK_STREAM, 0).unwrap();
    pair.b.bind(listener, at("192.0.2.2:80")).unwrap();
    pair.b.listen(listener, 1).unwrap();
    let connect = |pair: &mut Pair| {
        let socket = pair.a.socket(AF_INET, SOCK_STREAM, 0).unwrap();
        assert_eq!(pair.a.connect(socket, at("192.0.2.2:80")), Err(Errno::EINPROGRESS));
        pair.exchange();
        pair.a.ready(socket, POLLOUT) == POLLOUT
    };
    assert!(connect(&mut pair));
    assert!(connect(&mut pair));
    assert!(!connect(&mut pair));
    pair.b.listen(listener, 2).unwrap();
    pair.advance_to(5_000_000);
    let mut accepted = 0;
    while pair.b.accept(listener).is_ok() {
        accepted += 1;
    }
    assert_eq!(accepted, 3);
}

#[test]
fn a_host_on_an_ip_link_is_silent_until_it_is_asked_for_something() {
    let mut kernel = kernel("address=192.0.2.1/24; address=2001:db8::1/64; gateway=192.0.2.9");
    assert_eq!(kernel.next_deadline_us(), None);
    kernel.advance_to(60_000_000).unwrap();
    assert_eq!(taken(&mut kernel), []);
}

#[test]
fn a_narrow_path_shows_in_the_options_of_a_connection() {
    let mut pair = Pair::new();
    let (client, _server) = pair.connect();
    let pmtu = |pair: &mut Pair| {
        let mut info = [0; 64];
        pair.a.getsockopt(client, SOL_TCP, TCP_INFO, &mut info).unwrap();
        u32::from_le_bytes([info[60], info[61], info[62], info[63]])
    };
    assert_eq!((pair.a.getsockopt_int(client, SOL_IP, IP_MTU), pmtu(&mut pair)), (Ok(1500), 1500));
    pair.a.write(client, &[0; 1448]).unwrap();
    let packet = pair.a.take().unwrap().bytes;
    pair.a.put(&icmp_error(3, 4, 1000, &packet));
    assert_eq!((pair.a.getsockopt_int(client, SOL_IP, IP_MTU), pmtu(&mut pair)), (Ok(1000), 1000));
    // At once in pieces that fit.
    let again = taken(&mut pair.a);
    assert_eq!(again.iter().map(|packet| packet.bytes.len()).collect::<Vec<_>>(), [1000, 552]);
    assert_eq!(pair.a.getsockopt_int(client, SOL_TCP, TCP_MAXSEG), Ok(948));
}
