//! Connections in each state that has a control block, for tables over states.

use fathom_record::TcpStateName;

use super::harness::{F, Host, IRS, Peer, Seg, plain};

/// The synchronized states of RFC 9293 3.10.7.4, and SYN-RECEIVED, of which a simultaneous open is the way
/// to a control block.
pub(super) const STATES: [TcpStateName; 8] = [
    TcpStateName::SynReceived,
    TcpStateName::Established,
    TcpStateName::FinWait1,
    TcpStateName::FinWait2,
    TcpStateName::CloseWait,
    TcpStateName::Closing,
    TcpStateName::LastAck,
    TcpStateName::TimeWait,
];

/// The states in which text of the peer is taken.
pub(super) const TAKE_TEXT: [TcpStateName; 3] =
    [TcpStateName::Established, TcpStateName::FinWait1, TcpStateName::FinWait2];

/// A connection in `state`, with nothing owed to the peer, and the peer's view of it: `nxt` is our RCV.NXT,
/// `una` our SND.UNA. The program holds the handle.
pub(super) fn bring_to(host: &mut Host, state: TcpStateName) -> Peer {
    let peer = match state {
        TcpStateName::SynReceived => {
            let id = host.connect(plain());
            let iss = host.sends_one(id).seq;
            assert_eq!(host.take(&Seg::new(F::SYN, IRS, fathom_wire::SeqNumber(0))), (None, None));
            // SND.UNA is ISS until the SYN is acknowledged.
            Peer { id, nxt: IRS + 1, una: iss, stamps: None }
        }
        state => {
            let mut peer = host.established();
            closing_steps(host, &mut peer, state);
            peer
        }
    };
    host.sends(peer.id);
    host.events();
    assert_eq!(host.state(peer.id), Some(state));
    peer
}

fn closing_steps(host: &mut Host, peer: &mut Peer, state: TcpStateName) {
    use TcpStateName::{CloseWait, Closing, FinWait1, FinWait2, LastAck, TimeWait};
    if matches!(state, CloseWait | LastAck) {
        peer_ends(host, peer);
    }
    if matches!(state, FinWait1 | FinWait2 | Closing | TimeWait | LastAck) {
        host.with_connection(peer.id, |connection, cx| connection.shutdown(cx)).unwrap();
        assert_eq!(host.sends_one(peer.id).flags, F::FIN | F::ACK);
    }
    if matches!(state, FinWait2 | TimeWait) {
        let ack = peer.acks(1);
        assert_eq!(host.take(&ack), (None, None));
    }
    if matches!(state, Closing | TimeWait) {
        peer_ends(host, peer);
    }
}

/// The peer's FIN arrives.
fn peer_ends(host: &mut Host, peer: &mut Peer) {
    assert_eq!(host.take(&peer.seg(F::FIN | F::ACK)).0, None);
    peer.nxt += 1;
    host.sends(peer.id);
}

/// What came of a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Outcome {
    pub(super) dropped: Option<fathom_record::DropReason>,
    /// Everything that was sent because of it.
    pub(super) sent: std::vec::Vec<Seg>,
    pub(super) state: Option<TcpStateName>,
}

/// Gives a segment to a connection, and tells what comes of it at once.
pub(super) fn outcome(host: &mut Host, peer: &Peer, seg: &Seg) -> Outcome {
    let (dropped, answer) = host.take(seg);
    let mut sent: std::vec::Vec<Seg> = answer.into_iter().collect();
    sent.extend(host.sends(peer.id));
    Outcome { dropped, sent, state: host.state(peer.id) }
}
