//! OPEN and CLOSE beside what is there already (RFC 9293 3.9.1.1 and 3.10.4), and limits that connections do not
//! share (RFC 5961 7).

use std::vec::Vec;

use fathom_record::TcpStateName;
use fathom_wire::SeqNumber;

use super::harness::{F, Host, IRS, Peer, REMOTE, Seg, plain};
use super::states::bring_to;
use crate::socket::TcpId;

/// A SYN from another port than that of [`REMOTE`], and the answer.
fn syn_from_elsewhere(host: &mut Host) -> Seg {
    host.remote.set_port(REMOTE.port() + 1);
    let answer = host.take(&Seg::new(F::SYN, IRS, SeqNumber(0))).1.expect("an answer");
    host.remote = REMOTE;
    answer
}

#[test]
fn a_listener_on_the_port_of_a_connection_leaves_it_alone() {
    use TcpStateName::{Established, SynReceived, SynSent};
    for state in [SynSent, SynReceived, Established] {
        let mut host = Host::new();
        let (id, iss) = match state {
            SynReceived => {
                let peer = bring_to(&mut host, state);
                (peer.id, peer.una)
            }
            _ => {
                let id = host.connect(plain());
                (id, host.sends_one(id).seq)
            }
        };
        let syn_ack = Seg::new(F::SYN | F::ACK, IRS, iss + 1);
        if state == Established {
            host.take(&syn_ack);
        }
        host.listen(8, false);
        // RFC9293-MUST-42
        assert_eq!(syn_from_elsewhere(&mut host).flags, F::SYN | F::ACK, "{state:?}");
        // RFC9293-MUST-41
        assert_eq!(host.state(id), Some(state));
        host.take(&syn_ack);
        let mut peer = Peer { id, nxt: IRS + 1, una: iss + 1, stamps: None };
        let data = peer.data(b"data");
        host.take(&data);
        // RFC9293-MUST-41
        assert_eq!((host.state(id), &host.read(id)[..]), (Some(Established), &b"data"[..]), "{state:?}");
    }
}

#[test]
fn a_close_in_syn_sent_forgets_the_connection() {
    let mut host = Host::new();
    let id = host.connect(plain());
    let iss = host.sends_one(id).seq;
    host.with_connection(id, |connection, cx| connection.let_go(cx));
    // RFC9293-X-22
    assert_eq!(host.state(id), None);
    let (_, answer) = host.take(&Seg::new(F::SYN | F::ACK, IRS, iss + 1));
    // RFC9293-X-22
    assert_eq!(answer.map(|answer| answer.flags), Some(F::RST));
}

#[test]
fn a_close_in_syn_received_is_a_fin_behind_the_handshake() {
    let mut host = Host::new();
    let peer = bring_to(&mut host, TcpStateName::SynReceived);
    host.with_connection(peer.id, |connection, cx| connection.let_go(cx));
    host.sends(peer.id);
    host.take(&Seg::new(F::ACK, peer.nxt, peer.una + 1));
    let sent = host.sends(peer.id);
    // RFC9293-X-22
    assert_eq!(sent.last().map(|seg| (seg.flags, seg.seq)), Some((F::FIN | F::ACK, peer.una + 1)));
    assert_eq!(host.state(peer.id), Some(TcpStateName::FinWait1));
}

#[test]
fn one_connection_does_not_use_up_the_challenges_of_another() {
    let mut host = Host::new();
    let first = host.established();
    let syn_ack = syn_from_elsewhere(&mut host);
    host.remote.set_port(REMOTE.port() + 1);
    host.take(&Seg::new(F::ACK, IRS + 1, syn_ack.seq + 1));
    let second = host.layer.connection_ids().into_iter().find(|id| *id != first.id).unwrap();
    let challenged = |host: &mut Host, id: TcpId| {
        host.take(&Seg::new(F::RST, IRS + 2, SeqNumber(0)));
        host.sends(id).len()
    };
    host.remote = REMOTE;
    let answers: Vec<usize> = (0..10).map(|_| challenged(&mut host, first.id)).collect();
    assert_eq!(answers.last(), Some(&0), "its own are used up");
    host.remote.set_port(REMOTE.port() + 1);
    // RFC5961-R5
    assert_eq!(challenged(&mut host, second), 1);
}
