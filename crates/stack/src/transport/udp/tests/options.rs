//! What a program sets for its datagrams, and what it learns of their fate.

use super::*;
use crate::tests::host::Host;
use crate::{IcmpErrorKind, PathMtuDiscovery};

fn set(host: &mut Host, id: UdpId, change: impl FnOnce(&mut UdpOptions)) {
    let mut udp = host.stack.udp(host.now, id).unwrap();
    let mut options = udp.options();
    change(&mut options);
    udp.set_options(options);
}

fn send(host: &mut Host, id: UdpId, len: usize, to: &str) -> Result<usize, UdpError> {
    host.stack.udp(host.now, id).unwrap().send_to(&vec![7; len], address(to))
}

#[test]
fn only_who_may_sends_to_everybody() {
    for to in ["255.255.255.255:9", "192.0.2.255:9"] {
        let mut host = Host::new().knows_neighbour();
        let id = bind(&mut host, "0.0.0.0:7").unwrap();
        assert_eq!(send(&mut host, id, 1, to), Err(UdpError::BroadcastDenied));
        let connected = host.stack.udp(host.now, id).unwrap().connect(address(to));
        assert_eq!(connected, Err(UdpError::BroadcastDenied));
        set(&mut host, id, |options| options.broadcast = true);
        send(&mut host, id, 1, to).unwrap();
        assert_eq!(host.sent()[0][..6], [0xff; 6], "{to}");
    }
}

/// What is larger than the path takes is cut, refused or sent regardless, and may be cut by routers or not.
#[test]
fn the_way_to_deal_with_the_path_mtu_can_be_chosen() {
    use PathMtuDiscovery::{Do, Off, Probe, Want};
    // mode, data bytes (28 of headers come to them), frames or the error, DF
    let table = [
        (Off, 900, Ok(1), false),
        (Off, 1000, Ok(2), false),
        (Want, 900, Ok(1), true),
        (Want, 1000, Ok(2), false),
        (Do, 972, Ok(1), true),
        (Do, 973, Err(UdpError::TooLarge), true),
        (Probe, 1472, Ok(1), true),
        (Probe, 1473, Err(UdpError::TooLarge), true),
    ];
    for (mode, len, expected, dont_fragment) in table {
        let mut host = Host::new().knows_neighbour();
        let id = bind(&mut host, "192.0.2.1:7").unwrap();
        send(&mut host, id, 1400, "192.0.2.2:9").unwrap();
        let invoking = host.sent().remove(0).slice(EthernetHeader::LEN..);
        let error =
            Icmpv4Message::DestinationUnreachable { code: 4, next_hop_mtu: 1000, invoking: &invoking[..28] };
        host.receive_packet(&icmpv4_packet("192.0.2.2", "192.0.2.1", &error));
        set(&mut host, id, |options| options.path_mtu_discovery = mode);
        let sent = send(&mut host, id, len, "192.0.2.2:9").map(|_| host.sent());
        assert_eq!(sent.as_ref().map(Vec::len).map_err(|error| *error), expected, "{mode:?} {len}");
        for frame in sent.iter().flatten() {
            // RFC8085-R1
            assert_eq!(frame[EthernetHeader::LEN + 6] & 0x40 != 0, dont_fragment, "{mode:?} {len}");
        }
    }
}

#[test]
fn the_path_mtu_towards_the_peer_is_known() {
    let mut host = Host::new().knows_neighbour();
    let id = bind(&mut host, "192.0.2.1:7").unwrap();
    assert_eq!(host.stack.udp(host.now, id).unwrap().path_mtu(), None, "it has no peer");
    host.stack.udp(host.now, id).unwrap().connect(address("192.0.2.2:9")).unwrap();
    // RFC8085-R1
    assert_eq!(host.stack.udp(host.now, id).unwrap().path_mtu(), Some(1500));
}

#[test]
fn a_datagram_that_may_not_be_cut_and_is_too_large_is_reported() {
    let mut host = Host::new().knows_neighbour();
    let id = bind(&mut host, "192.0.2.1:7").unwrap();
    set(&mut host, id, |options| options.path_mtu_discovery = PathMtuDiscovery::Do);
    host.stack.udp(host.now, id).unwrap().connect(address("192.0.2.2:9")).unwrap();
    send(&mut host, id, 1400, "192.0.2.2:9").unwrap();
    let invoking = host.sent().remove(0).slice(EthernetHeader::LEN..);
    let error =
        Icmpv4Message::DestinationUnreachable { code: 4, next_hop_mtu: 1000, invoking: &invoking[..28] };
    host.receive_packet(&icmpv4_packet("192.0.2.2", "192.0.2.1", &error));
    assert_eq!(send(&mut host, id, 1, "192.0.2.2:9"), Err(UdpError::TooLarge), "told once");
    assert_eq!(send(&mut host, id, 1, "192.0.2.2:9"), Ok(1));
    assert_eq!(host.stack.udp(host.now, id).unwrap().path_mtu(), Some(1000));
}

/// Also a socket that talks to many learns of every error, and of who told it, when it asks.
#[test]
fn reports_tell_what_happened_to_which_datagram_and_who_says_so() {
    let mut host = Host::new().knows_neighbour();
    let id = bind(&mut host, "0.0.0.0:7").unwrap();
    let told = |host: &mut Host| {
        send(host, id, 20, "192.0.2.2:9").unwrap();
        let sent = host.sent();
        let exceeded = Icmpv4Message::TimeExceeded { code: 0, invoking: &sent[0][EthernetHeader::LEN..] };
        host.receive_packet(&icmpv4_packet("192.0.2.77", "192.0.2.1", &exceeded));
        host.stack.udp(host.now, id).unwrap().recv_error()
    };
    assert_eq!(told(&mut host), None);
    set(&mut host, id, |options| options.report_errors = true);
    let report = told(&mut host).unwrap();
    // RFC1122-R61
    assert_eq!(report.icmp, Some(IcmpErrorKind::HopLimitExceeded));
    assert_eq!(report.offender, Some("192.0.2.77".parse().unwrap()));
    assert_eq!(report.destination, address("192.0.2.2:9"));
    assert_eq!(&report.data[..], [7; 20]);
    assert_eq!(report.received_at, host.now);
    assert_eq!(host.stack.udp(host.now, id).unwrap().recv_error(), None);
    assert_eq!(host.stack.udp(host.now, id).unwrap().take_error(), None, "the datagram may yet arrive");
    assert_eq!(host.stack.memory_in_use(), 0);
}

#[test]
fn reports_that_nobody_reads_are_bounded_and_counted() {
    let mut config = Config::default();
    config.datagram.receive_buffer = 1000;
    let mut host = Host::with(config).knows_neighbour();
    let id = bind(&mut host, "0.0.0.0:7").unwrap();
    set(&mut host, id, |options| options.report_errors = true);
    for _ in 0..10 {
        send(&mut host, id, 20, "192.0.2.2:9").unwrap();
        let sent = host.sent();
        let exceeded = Icmpv4Message::TimeExceeded { code: 0, invoking: &sent[0][EthernetHeader::LEN..] };
        host.receive_packet(&icmpv4_packet("192.0.2.77", "192.0.2.1", &exceeded));
    }
    assert_eq!(host.drops(), [(DropReason::UdpBufferFull, 7)], "three of 276 bytes fit");
    assert_eq!(host.stack.udp(host.now, id).unwrap().dropped(), 7);
    host.stack.udp(host.now, id).unwrap().close();
    assert_eq!(host.stack.memory_in_use(), 0);
}

#[test]
fn buffers_have_the_size_that_the_program_sets() {
    let mut host = Host::new().knows_neighbour();
    let id = bind(&mut host, "192.0.2.1:7").unwrap();
    set(&mut host, id, |options| (options.receive_buffer, options.send_buffer) = (2000, 3000));
    for _ in 0..4 {
        host.receive_packet(&udp_packet("192.0.2.2", "192.0.2.1", (9, 7), &[0; 400]));
    }
    assert_eq!((host.stack.udp(host.now, id).unwrap().dropped(), received(&mut host, id).len()), (1, 3));
    assert_eq!(send(&mut host, id, 3000, "192.0.2.2:9"), Err(UdpError::TooLarge));
    send(&mut host, id, 2000, "192.0.2.2:9").unwrap();
    assert_eq!(send(&mut host, id, 2000, "192.0.2.2:9"), Err(UdpError::WouldBlock));
    set(&mut host, id, |options| options.send_buffer = usize::MAX);
    assert_eq!(host.stack.udp(host.now, id).unwrap().options().send_buffer, 16 << 20, "the most there is");
}

/// A socket that talks to many could not tell whom an error concerns, unless it reads the reports.
#[test]
fn a_socket_without_a_peer_learns_of_errors_only_with_reports() {
    for reports in [false, true] {
        let mut host = Host::new().knows_neighbour();
        let id = bind(&mut host, "0.0.0.0:7").unwrap();
        set(&mut host, id, |options| options.report_errors = reports);
        send(&mut host, id, 1, "192.0.2.2:9").unwrap();
        let sent = host.sent();
        let invoking = &sent[0][EthernetHeader::LEN..];
        let refused = Icmpv4Message::DestinationUnreachable { code: 3, next_hop_mtu: 0, invoking };
        host.receive_packet(&icmpv4_packet("192.0.2.2", "192.0.2.1", &refused));
        let expected = if reports { Err(UdpError::Refused) } else { Ok(1) };
        assert_eq!(send(&mut host, id, 1, "192.0.2.2:9"), expected);
    }
}
