//! A process that is suspended while its peer goes on.

use core::time::Duration;

use fathom_record::TcpStateName;

use super::Pair;
use super::connections::{established, state};
use crate::{TcpError, TcpId, UdpError};

const LEN: usize = 50_000;

fn read(pair: &mut Pair, a: bool, id: TcpId) -> usize {
    let now = pair.now;
    let end = if a { &mut pair.a } else { &mut pair.b };
    end.stack.tcp(now, id).and_then(|mut tcp| tcp.recv(&mut [0; LEN]).ok()).unwrap_or(0)
}

/// Ten minutes are less than the peer's patience.
#[test]
fn a_transfer_goes_on_both_ways_after_a_sleep() {
    for ethernet in [true, false] {
        for timers_first in [true, false] {
            let mut pair = if ethernet { Pair::new() } else { Pair::ip() };
            let (a, b) = established(&mut pair);
            let now = pair.now;
            assert_eq!(pair.a.stack.tcp(now, a).unwrap().send(&[1; LEN]), Ok(LEN));
            assert_eq!(pair.b.stack.tcp(now, b).unwrap().send(&[2; LEN]), Ok(LEN));
            pair.drive_for(pair.latency + Duration::from_millis(1));
            pair.suspend_a(Duration::from_secs(600), timers_first);
            let awake = pair.now;
            let mut got = [0; 2];
            pair.drive_until(|pair| {
                got[0] += read(pair, true, a);
                got[1] += read(pair, false, b);
                got == [LEN; 2]
            });
            // The peer has backed off meanwhile; our segments tell it that we are back.
            let took = pair.now - awake;
            assert!(took < Duration::from_secs(121), "{ethernet} {timers_first}: {took:?}");
            let now = pair.now;
            let info = pair.a.stack.tcp(now, a).unwrap().info();
            assert!(info.rto < Duration::from_secs(2), "no sample of the sleep: {:?}", info.rto);
        }
    }
}

/// An hour is more: the peer has given up, and says so when it is asked.
#[test]
fn a_connection_that_the_peer_has_given_up_is_reset() {
    for timers_first in [true, false] {
        let mut pair = Pair::ip();
        let (a, b) = established(&mut pair);
        let now = pair.now;
        assert_eq!(pair.b.stack.tcp(now, b).unwrap().send(&[2; LEN]), Ok(LEN));
        pair.flush();
        pair.suspend_a(Duration::from_secs(3600), timers_first);
        let now = pair.now;
        assert_eq!(pair.b.stack.tcp(now, b).unwrap().take_error(), Some(TcpError::TimedOut));
        pair.b.stack.tcp(now, b).unwrap().close();
        // What had come before is there.
        assert!(read(&mut pair, true, a) > 0);
        let now = pair.now;
        let _ = pair.a.stack.tcp(now, a).unwrap().send(b"are you there?");
        let awake = pair.now;
        pair.drive_until(|pair| state(pair, true, a) == Some(TcpStateName::Closed));
        assert!(pair.now - awake < Duration::from_secs(5), "{:?}", pair.now - awake);
        let now = pair.now;
        assert_eq!(pair.a.stack.tcp(now, a).unwrap().take_error(), Some(TcpError::Reset));
    }
}

#[test]
fn an_idle_connection_and_a_datagram_socket_sleep_without_harm() {
    let mut pair = Pair::new();
    let (a, b) = established(&mut pair);
    pair.drive_for(Duration::from_secs(1));
    let udp = pair.a.stack.udp_bind(pair.now, "0.0.0.0:0".parse().unwrap()).unwrap();
    pair.suspend_a(Duration::from_secs(24 * 3600), true);
    let now = pair.now;
    assert_eq!(pair.a.stack.udp(now, udp).unwrap().recv().err(), Some(UdpError::WouldBlock));
    pair.a.stack.tcp(now, a).unwrap().send(b"good morning").unwrap();
    let begin = pair.now;
    let mut got = 0;
    pair.drive_until(|pair| {
        got += read(pair, false, b);
        got == 12
    });
    assert!(pair.now - begin < Duration::from_secs(1));
    assert_eq!(state(&mut pair, true, a), Some(TcpStateName::Established));
}
