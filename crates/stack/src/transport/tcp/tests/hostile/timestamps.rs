//! Games with timestamps (RFC 7323).

use core::time::Duration;

use fathom_record::DropReason;
use fathom_wire::TcpTimestamps;

use super::super::harness::{Host, MSS, Peer, Seg};
use super::{MS, info};

/// A connection with timestamps, the peer's clock at 1000.
fn stamped(host: &mut Host) -> Peer {
    host.established_with(|syn| syn.stamp(1000, 0))
}

/// RFC 7323 4.3, 5.3: the timestamp of a segment that does not continue the stream is not kept, so that one which
/// was injected into the window does not make the peer's own look old.
#[test]
fn a_timestamp_from_the_future_out_of_order_does_not_shut_the_peer_out() {
    let mut host = Host::new();
    let mut peer = stamped(&mut host);
    for offset in [1, 100, 60_000] {
        let forged = Seg { seq: peer.nxt + offset, ..peer.ack() }.stamp(1000 + (1 << 31) - 1, 0).data(b"?");
        host.take(&forged);
        host.sends(peer.id);
    }
    peer.stamps = Some(1001);
    let data = peer.data(b"w");
    assert_eq!(host.take(&data), (None, None));
    assert_eq!(host.read(peer.id), b"w?", "what came first stays");
}

/// RFC 7323 5.3, R1: what is older is answered and dropped, whatever else is right about it.
#[test]
fn a_timestamp_that_goes_back_brings_nothing() {
    let mut host = Host::new();
    let mut peer = stamped(&mut host);
    for older in [999, 0, 1000_u32.wrapping_sub(1 << 30), 1001_u32.wrapping_add(1 << 31)] {
        let old = peer.ack().stamp(older, 0).data(b"old");
        assert_eq!(host.take(&old).0, Some(DropReason::TcpPaws), "{older}");
        host.sends(peer.id);
    }
    assert_eq!(host.read(peer.id), b"");
    let data = peer.data(b"new");
    assert_eq!(host.take(&data), (None, None));
    assert_eq!(host.read(peer.id), b"new");
}

/// RFC 7323 5.5: a clock that was not heard of for 24 days may be anywhere.
#[test]
fn a_timestamp_that_went_back_during_a_pause_of_weeks_counts() {
    let mut host = Host::new();
    let mut peer = stamped(&mut host);
    host.pass(Duration::from_secs(25 * 24 * 3600));
    peer.stamps = Some(5);
    let data = peer.data(b"after the holidays");
    assert_eq!(host.take(&data), (None, None));
}

/// An echo tells which transmission was answered, and is no measure by itself: no echo, whatever it says, makes the
/// retransmission timeout shorter or longer than the answers themselves.
#[test]
fn a_wrong_echo_moves_the_timeout_nowhere() {
    let timeout = |echo: fn(u32) -> u32| {
        let mut host = Host::new();
        let mut peer = stamped(&mut host);
        for _ in 0..20 {
            host.write(peer.id, &[1; MSS - 12]);
            let sent = host.sends_one(peer.id);
            host.pass(MS(100));
            let ours = sent.options.timestamps.expect("both have timestamps").value;
            let mut ack = peer.acks(MSS as u32 - 12);
            ack.options.timestamps = Some(TcpTimestamps { value: 1000, echo: echo(ours) });
            assert_eq!(host.take(&ack), (None, None));
        }
        info(&host, peer.id).rto
    };
    let right = timeout(|ours| ours);
    let wrong: [fn(u32) -> u32; 5] =
        [|_| 0, |ours| ours + 90, |ours| ours - 100_000, |ours| ours ^ 1 << 31, |_| u32::MAX];
    for (number, echo) in wrong.into_iter().enumerate() {
        assert_eq!(timeout(echo), right, "echo number {number}");
    }
}

/// RFC 7323 3.2: without timestamps they are not begun with, and with them a segment without is taken
/// unless the configuration says otherwise.
#[test]
fn timestamps_that_come_and_go_change_nothing() {
    let mut host = Host::new();
    let mut peer = host.established();
    let data = peer.data(b"a").stamp(7, 7);
    assert_eq!(host.take(&data), (None, None));
    assert_eq!(host.sends(peer.id)[0].options.timestamps, None);

    let mut host = Host::new();
    let mut peer = stamped(&mut host);
    for number in 0..4 {
        let mut data = peer.data(b"b");
        data.options.timestamps = data.options.timestamps.filter(|_| number % 2 == 0);
        assert_eq!(host.take(&data), (None, None));
        let sent = host.sends(peer.id);
        assert!(sent.iter().all(|seg| seg.options.timestamps.is_some()), "ours go on");
    }
    assert_eq!(host.read(peer.id), b"bbbb");
}
