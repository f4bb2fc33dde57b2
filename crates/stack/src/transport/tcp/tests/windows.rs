//! The send window: its size, and what becomes of data when it shrinks (RFC 9293 3.1 and 3.8.6; RFC 7323 2.4).

use core::time::Duration;
use std::vec::Vec;

use super::harness::{F, Host, IRS, MSS, Peer, Seg, plain};
use crate::socket::TcpId;
use crate::transport::tcp::TcpOptions;

fn lens(sent: &[Seg]) -> Vec<usize> {
    sent.iter().map(|seg| seg.data.len()).collect()
}

fn sends(host: &mut Host, id: TcpId) -> Vec<usize> {
    lens(&host.sends(id))
}

/// A connection whose peer has room for `segments`, and has that many on their way and more to come.
fn full(host: &mut Host, segments: u16) -> Peer {
    let peer = host.established();
    host.take(&peer.ack().window(segments * MSS as u16));
    host.write(peer.id, &[1; 20 * MSS]);
    assert_eq!(sends(host, peer.id), std::vec![MSS; segments.into()]);
    peer
}

#[test]
fn the_window_field_has_no_sign_and_windows_have_32_bits() {
    for (shift, window, wanted) in
        [(None, 65_535, 65_535), (None, 32_768, 32_768), (Some(14), 65_535, 65_535 << 14)]
    {
        let mut host = Host::new();
        let id = host.connect(TcpOptions { window_scaling: shift.is_some(), ..plain() });
        let iss = host.sends_one(id).seq;
        let mut syn_ack = Seg::new(F::SYN | F::ACK, IRS, iss + 1).mss(MSS as u16).window(10);
        syn_ack.options.window_scale = shift;
        host.take(&syn_ack);
        host.take(&Seg::new(F::ACK, IRS + 1, iss + 1).window(window));
        // RFC9293-MUST-1, RFC9293-REC-1: the send window
        assert_eq!(host.layer.get(id).unwrap().snd.wnd, wanted);
        host.sends(id);
        host.write(id, &[0; 10 * MSS]);
        // RFC9293-MUST-1
        assert_eq!(sends(&mut host, id), [MSS; 10]);
    }
}

#[test]
fn new_data_obeys_the_window_of_the_latest_acknowledgement() {
    let mut host = Host::new();
    let mut peer = full(&mut host, 5);
    // The edge stays where it is, and moves by one segment then.
    let ack = peer.acks(MSS as u32).window(4 * MSS as u16);
    host.take(&ack);
    // RFC7323-R9
    assert_eq!(sends(&mut host, peer.id), []);
    host.take(&peer.ack().window(5 * MSS as u16));
    // RFC7323-R9
    assert_eq!(sends(&mut host, peer.id), [MSS]);
}

#[test]
fn a_window_that_shrinks_below_what_is_on_its_way_stops_new_data_only() {
    let mut host = Host::new();
    let peer = full(&mut host, 5);
    host.take(&peer.ack().window(2 * MSS as u16));
    // RFC9293-SHLD-15
    assert_eq!(sends(&mut host, peer.id), []);
    let (_, again) = host.next_sent(peer.id).unwrap();
    // RFC9293-SHLD-16: what lies within the window is sent again as ever
    assert_eq!((lens(&again), again[0].seq), (std::vec![MSS], peer.una));
}

#[test]
fn a_window_that_opens_again_lets_everything_through() {
    let mut host = Host::new();
    let mut peer = full(&mut host, 5);
    host.take(&peer.ack().window(MSS as u16));
    host.pass(Duration::from_secs(10));
    host.sends(peer.id);
    let mut taken = 0;
    while taken < 20 * MSS {
        let ack = peer.acks(MSS as u32);
        host.take(&ack);
        host.sends(peer.id);
        taken += MSS;
    }
    let snd = &host.layer.get(peer.id).unwrap().snd;
    // RFC9293-MUST-34
    assert_eq!((snd.una, snd.nxt), (snd.max, snd.max));
}
