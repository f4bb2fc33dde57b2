//! Peers that do not keep the rules, and strangers who would like to be taken for peers.
//!
//! `docs/hostile.md` has a row for each: what is done, and what must come of it.

mod acknowledgements;
mod flood;
mod injection;
mod options;
mod timestamps;
mod windows;

use core::time::Duration;
use std::vec;
use std::vec::Vec;

use super::harness::{Host, MSS, Peer, Seg};
use crate::socket::TcpId;
use crate::transport::tcp::TcpInfo;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn info(host: &Host, id: TcpId) -> TcpInfo {
    host.layer.get(id).unwrap().info(host.now, &host.config.tcp, &host.memory)
}

/// A connection with a round-trip time of 100 ms and `n` full segments in flight. The peer permits SACK.
fn in_flight(host: &mut Host, n: usize) -> Peer {
    let mut peer = host.established_with(Seg::sack_permitted);
    while info(host, peer.id).snd_cwnd < (n * MSS) as u64 {
        let len = info(host, peer.id).snd_cwnd as usize / MSS * MSS;
        host.write(peer.id, &vec![0; len]);
        host.sends(peer.id);
        host.pass(MS(100));
        let ack = peer.acks(len as u32);
        host.take(&ack);
    }
    host.write(peer.id, &vec![1; n * MSS]);
    assert_eq!(bytes(&host.sends(peer.id)), n * MSS);
    peer
}

/// Bytes of data in segments.
fn bytes(sent: &[Seg]) -> usize {
    sent.iter().map(|seg| seg.data.len()).sum()
}

/// Everything that the program can read.
fn read_all(host: &mut Host, id: TcpId) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let part = host.read(id);
        if part.is_empty() {
            return all;
        }
        all.extend(part);
    }
}

/// The connection is as good as before: data goes both ways, and in order.
#[track_caller]
fn still_works(host: &mut Host, peer: &mut Peer) {
    read_all(host, peer.id);
    host.sends(peer.id);
    let data = peer.data(b"still there?");
    assert_eq!(host.take(&data), (None, None));
    assert_eq!(host.read(peer.id), b"still there?");
    host.write(peer.id, b"yes");
    let sent = host.sends(peer.id);
    let answer = sent.iter().find(|seg| !seg.data.is_empty()).expect("an answer");
    assert_eq!((&answer.data[..], answer.seq, answer.ack), (&b"yes"[..], peer.una, peer.nxt));
    let ack = peer.acks(3);
    assert_eq!(host.take(&ack), (None, None));
    assert_eq!(info(host, peer.id).unacked, 0);
}
