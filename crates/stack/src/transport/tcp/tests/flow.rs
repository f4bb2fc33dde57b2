//! Flow control between program, buffers and windows, and what is told of it (design notes P-83, P-86, P-110).

use core::time::Duration;
use std::vec;

use super::harness::{F, Host, IRS, MSS, Seg, plain};
use crate::socket::TcpId;
use crate::transport::tcp::{TcpInfo, TcpOptions};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn info(host: &Host, id: TcpId) -> TcpInfo {
    host.layer.get(id).unwrap().info(host.now, &host.config.tcp, &host.memory)
}

/// About as long, to what the times are counted in.
fn about(time: Duration, millis: u64) -> bool {
    time.abs_diff(MS(millis)) <= Duration::from_micros(200)
}

#[test]
fn the_times_tell_what_held_the_sender_back() {
    let mut host = Host::new();
    let mut peer = host.established();
    let id = peer.id;
    host.pass(MS(500));
    assert_eq!(info(&host, id).busy_time, Duration::ZERO, "it has nothing to do");
    // 100 ms for a segment on its way.
    host.write(id, &[0; MSS]);
    host.sends(id);
    host.pass(MS(100));
    let ack = peer.acks(MSS as u32).window(2 * MSS as u16);
    host.take(&ack);
    host.pass(MS(300));
    // 100 ms behind a window of two segments, and what it opens to then takes the rest.
    host.write(id, &[0; 5 * MSS]);
    assert_eq!(host.sends(id).len(), 2);
    host.pass(MS(100));
    let ack = peer.acks(2 * MSS as u32);
    host.take(&ack);
    assert_eq!(host.sends(id).len(), 3);
    host.pass(MS(50));
    let now = info(&host, id);
    assert!(about(now.busy_time, 250) && about(now.rwnd_limited, 100), "{now:#?}");
    assert_eq!(now.sndbuf_limited, Duration::ZERO);
    let ack = peer.acks(3 * MSS as u32);
    host.take(&ack);
    host.pass(MS(1000));
    assert!(about(info(&host, id).busy_time, 250));
}

#[test]
fn an_acknowledgement_with_repeated_data_moves_no_right_edge() {
    let mut host = Host::new();
    let mut peer = host.established();
    let id = peer.id;
    // Data of the peer is lost, and an acknowledgement of behind it sets the window.
    let lost = peer.data(&[1; 100]);
    host.take(&peer.ack().window(2 * MSS as u16));
    host.write(id, &[0; 5 * MSS]);
    assert_eq!(host.sends(id).len(), 2);
    // What comes again acknowledges one segment, and offers no more than before.
    let again = Seg { ack: peer.una + MSS as u32, ..lost }.window(MSS as u16);
    host.take(&again);
    let data: usize = host.sends(id).iter().map(|seg| seg.data.len()).sum();
    assert_eq!(data, 0, "bytes beyond the window");
}

#[test]
fn a_send_buffer_that_is_too_small_is_told_of() {
    let mut host = Host::new();
    let mut peer = host.established();
    let id = peer.id;
    host.with_connection(id, |connection, cx| connection.set_send_buffer(cx, Some(3 * MSS)));
    let taken = host.with_connection(id, |connection, cx| connection.send(cx, &[0; 9 * MSS]));
    assert_eq!(taken, Ok(3 * MSS));
    assert_eq!(host.sends(id).len(), 3);
    host.pass(MS(80));
    let ack = peer.acks(3 * MSS as u32);
    host.take(&ack);
    let now = info(&host, id);
    assert!(about(now.sndbuf_limited, 80) && about(now.busy_time, 80), "{now:#?}");
}

#[test]
fn the_times_since_the_last_segments_are_told() {
    let mut host = Host::new();
    let mut peer = host.established();
    host.write(peer.id, b"x");
    host.sends(peer.id);
    host.pass(MS(10));
    let seg = peer.data(b"y");
    host.take(&seg);
    host.pass(MS(20));
    let ack = peer.acks(1);
    host.take(&ack);
    host.pass(MS(30));
    let now = info(&host, peer.id);
    assert_eq!((now.last_data_sent, now.last_data_recv, now.last_ack_recv), (MS(60), MS(50), MS(30)));
    assert_eq!((now.unacked, now.rcv_space, now.snd_buffer), (0, 65_535, 1 << 20));
}

/// P-83: the congestion window is used up, and the peer's window closes. What stands in it is what is sent again,
/// and the probes go on when all of that is acknowledged.
#[test]
fn a_closed_window_is_probed_also_when_the_congestion_window_is_used_up() {
    let mut host = Host::new();
    let mut peer = host.established();
    host.write(peer.id, &vec![0; 40 * MSS]);
    assert_eq!(host.sends(peer.id).len(), 10);
    // All arrives and nothing is read: the window is closed, and the acknowledgements grow nothing.
    let ack = peer.acks(10 * MSS as u32).window(0);
    host.take(&ack);
    assert!(host.sends(peer.id).is_empty());
    for _ in 0..3 {
        let (_, probe) = host.next_sent(peer.id).expect("the window is probed");
        assert_eq!((probe.len(), probe[0].data.len()), (1, 1));
        host.take(&peer.ack().window(0));
    }
    host.take(&peer.ack());
    assert!(host.sends(peer.id).len() > 1, "it goes on when the window opens");
}

/// P-86: the update that opens the window is lost, also when the window was not quite closed.
#[test]
fn a_lost_window_update_costs_one_probe() {
    for left in [0, 1, 3, MSS as u16 / 3] {
        let mut host = Host::new();
        let mut peer = host.established();
        host.write(peer.id, &[0; MSS]);
        host.sends(peer.id);
        let ack = peer.acks(MSS as u32).window(left);
        host.take(&ack);
        host.write(peer.id, &[0; 3 * MSS]);
        host.sends(peer.id);
        // The update is lost. The answer to what is sent next has the window.
        let (time, probe) = host.next_sent(peer.id).expect("it is not stuck");
        assert!(time <= Duration::from_secs(1), "{left}: {time:?}");
        let got: usize = probe.iter().map(|seg| seg.data.len()).sum();
        assert_eq!(got, usize::from(left.max(1)), "what the window takes, and one byte at least");
        let ack = peer.acks(got as u32);
        host.take(&ack);
        let rest: usize = host.sends(peer.id).iter().map(|seg| seg.data.len()).sum();
        assert_eq!(rest, 3 * MSS - got, "{left}");
    }
}

/// P-110: a window of one or two of the peer's segments does not wait for a second segment that cannot come.
#[test]
fn a_buffer_of_one_or_two_segments_is_acknowledged_at_once() {
    for segments in [1, 2] {
        let mut host = Host::new();
        let id = host.connect(TcpOptions { receive_buffer: Some(segments * MSS), ..plain() });
        let iss = host.sends_one(id).seq;
        host.take(&Seg::new(F::SYN | F::ACK, IRS, iss + 1).mss(MSS as u16));
        host.sends(id);
        host.with_connection(id, |connection, cx| connection.set_quick_ack(cx, false));
        let mut seq = IRS + 1;
        for round in 0..20 {
            host.take(&Seg::new(F::ACK, seq, iss + 1).data(&[0; MSS]));
            seq += MSS as u32;
            assert_eq!(host.read(id).len(), MSS);
            assert_eq!(host.sends_one(id).ack, seq, "{segments} segments, round {round}");
        }
    }
}

/// P-88, SHLD-14: the right edge never goes back, whatever sizes segments and reads have.
#[test]
fn the_right_edge_never_goes_back() {
    for (segment, read) in [(1, 1), (7, 3), (MSS, 100), (MSS, MSS), (100, 5000)] {
        let mut host = Host::new();
        let mut peer = host.established();
        let mut edge = None;
        for _ in 0..300 {
            let seg = peer.data(&vec![0; segment]);
            host.take(&seg);
            host.with_connection(peer.id, |connection, cx| connection.recv(cx, &mut vec![0; read])).ok();
            for sent in host.sends(peer.id) {
                let right = sent.ack + u32::from(sent.window);
                assert!(edge.is_none_or(|edge| right.ge(edge)), "{segment} {read}");
                edge = Some(right);
            }
        }
    }
}
