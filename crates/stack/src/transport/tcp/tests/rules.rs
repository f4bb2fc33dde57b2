//! RFC 9293 3.10.7.4, step by step: each of first to eighth in each state, as tables.
//!
//! CLOSED, LISTEN and SYN-SENT (3.10.7.1 to 3.10.7.3) are in `handshake`; what a segment does once it is
//! taken (delivery, acknowledgement, reassembly) in `receive`.

use core::time::Duration;

use fathom_record::{DropReason, TcpStateName};
use fathom_wire::SeqNumber;

use super::harness::{F, Host, IRS, MSS, Peer, Seg};
use super::states::{Outcome, STATES, TAKE_TEXT, bring_to, outcome};
use crate::transport::tcp::TcpError;

/// The right edge of the window that the connections of these tests offer, from RCV.NXT.
const WINDOW: i64 = 65_535;

fn at(peer: &Peer, offset: i64) -> SeqNumber {
    SeqNumber(peer.nxt.0.wrapping_add(offset as u32))
}

/// What the peer would acknowledge: all that was sent.
fn all_sent(host: &Host, peer: &Peer) -> SeqNumber {
    host.layer.get(peer.id).unwrap().snd.max
}

fn offered(host: &Host, peer: &Peer) -> i64 {
    i64::from(host.layer.get(peer.id).unwrap().rcv.window())
}

/// Fills the window of a connection, of which nothing is read.
fn close_window(host: &mut Host, peer: &mut Peer) {
    while offered(host, peer) > 0 {
        let room = offered(host, peer).min(MSS as i64) as usize;
        let seg = peer.data(&std::vec![1; room]);
        assert_eq!(host.take(&seg), (None, None));
        host.sends(peer.id);
    }
    host.pass(Duration::from_secs(1));
    host.sends(peer.id);
}

fn take_error(host: &mut Host, peer: &Peer) -> Option<TcpError> {
    host.with_connection(peer.id, |connection, _| connection.take_error())
}

/// First: check the sequence number. `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>` answers what is not acceptable.
#[test]
fn first_a_segment_outside_of_the_window_is_answered_by_an_acknowledgement_and_dropped() {
    for state in STATES {
        for (offset, data) in
            [(-10, &b"old"[..]), (-1, b""), (-1, b"x"), (WINDOW + 10, b"new"), (WINDOW + 1, b"")]
        {
            let mut host = Host::new();
            let peer = bring_to(&mut host, state);
            let seg = Seg { seq: at(&peer, offset), ack: all_sent(&host, &peer), ..peer.ack() }.data(data);
            let got = outcome(&mut host, &peer, &seg);
            let context = std::format!("{state:?} at {offset} with {}", data.len());
            assert_eq!(got.state, Some(state), "{context}");
            // A bare acknowledgement in TIME-WAIT is not answered, or two such ends would never be silent.
            let silent = state == TcpStateName::TimeWait && data.is_empty();
            assert_eq!(got.sent.len(), usize::from(!silent), "{context}");
            let taken = state == TcpStateName::TimeWait && !data.is_empty();
            // RFC9293-X-5
            assert_eq!(got.dropped, (!taken).then_some(DropReason::TcpOutOfWindow), "{context}");
            for ack in got.sent {
                // RFC9293-X-6
                assert_eq!((ack.flags, ack.ack, ack.data.len()), (F::ACK, peer.nxt, 0), "{context}");
                assert_eq!(ack.seq, all_sent(&host, &peer), "{context}");
            }
            assert_eq!(host.read(peer.id), b"", "{context}");
        }
    }
}

/// First, with a window of 0: no text is acceptable, the acknowledgement of a segment at RCV.NXT is.
#[test]
fn first_with_a_closed_window_a_probe_counts_for_its_acknowledgement_only() {
    for (flags, data, dropped) in [
        (F::ACK, &b""[..], None),
        (F::ACK, b"p", Some(DropReason::TcpOutOfWindow)),
        (F::ACK | F::FIN, b"", Some(DropReason::TcpOutOfWindow)),
        (F::ACK | F::FIN, b"p", Some(DropReason::TcpOutOfWindow)),
    ] {
        let mut host = Host::new();
        let mut peer = host.established();
        close_window(&mut host, &mut peer);
        host.take(&peer.ack().window(0));
        host.write(peer.id, b"waits for the window");
        assert_eq!(host.sends(peer.id), []);
        let probe = Seg { flags, ..peer.ack() }.data(data);
        let got = outcome(&mut host, &peer, &probe);
        // RFC9293-X-5
        assert_eq!((got.dropped, got.state), (dropped, Some(TcpStateName::Established)));
        let sent = got.sent.iter().find(|seg| !seg.data.is_empty()).expect("the probe opened the window");
        assert_eq!((&sent.data[..], sent.ack, sent.window), (&b"waits for the window"[..], peer.nxt, 0));
        let received = host.read(peer.id);
        assert!(received.len() == 65_535 && received.iter().all(|byte| *byte == 1));
        // With room again the same segment is taken.
        host.sends(peer.id);
        assert_eq!(host.take(&Seg { ack: peer.una, ..probe }).0, None);
    }
}

#[test]
fn first_with_a_closed_window_nothing_but_rcv_nxt_is_acceptable() {
    for offset in [-1, 1, 5] {
        let mut host = Host::new();
        let mut peer = host.established();
        close_window(&mut host, &mut peer);
        host.take(&peer.ack().window(0));
        host.write(peer.id, b"waits");
        host.sends(peer.id);
        let seg = Seg { seq: at(&peer, offset), ..peer.ack() }.data(b"p");
        let got = outcome(&mut host, &peer, &seg);
        assert_eq!(got.dropped, Some(DropReason::TcpOutOfWindow), "{offset}");
        assert!(got.sent.iter().all(|seg| seg.data.is_empty()), "its window does not count: {offset}");
    }
}

/// Window probes that cross, and are both taken in: neither end has counted its own, so that the segments of
/// each begin one too low for the other. Their acknowledgements count, and the connection goes on.
///
/// RFC 9293 A.2
#[test]
fn first_after_probes_that_crossed_the_acknowledgement_of_what_seems_old_counts() {
    for data in [&b""[..], b"p"] {
        let mut host = Host::new();
        let mut peer = host.established();
        host.take(&peer.ack().window(0));
        host.write(peer.id, b"waits for the window");
        assert_eq!(host.sends(peer.id), []);
        let (_, probe) = host.next_sent(peer.id).expect("a probe");
        assert_eq!(probe[0].data, b"w");
        assert_eq!(host.take(&peer.data(b"p").window(0)), (None, None));
        // The peer has the probe, and repeats what it does not know to have arrived.
        let again = Seg { seq: at(&peer, -1), ..peer.acks(1) }.data(data);
        let got = outcome(&mut host, &peer, &again);
        assert_eq!(got.dropped, Some(DropReason::TcpOutOfWindow));
        let sent: std::vec::Vec<u8> = got.sent.iter().flat_map(|seg| seg.data.clone()).collect();
        assert_eq!(sent, b"aits for the window", "its acknowledgement and its window count");
        assert_eq!(host.read(peer.id), b"p", "its text does not");
    }
}

/// Second: check the RST bit, in every state, at every edge, with an open and with a closed window.
#[test]
fn second_only_a_reset_at_rcv_nxt_resets() {
    for state in STATES {
        let mut reference = Host::new();
        let edge = if state == TcpStateName::TimeWait {
            WINDOW
        } else {
            let peer = bring_to(&mut reference, state);
            offered(&reference, &peer)
        };
        for offset in [-1, 0, 1, edge - 1, edge, edge + 1] {
            for flags in [F::RST, F::RST | F::ACK] {
                let mut host = Host::new();
                let peer = bring_to(&mut host, state);
                let seg = Seg { flags, seq: at(&peer, offset), ..peer.ack() };
                let got = outcome(&mut host, &peer, &seg);
                let context = std::format!("{state:?} at {offset}: {got:?}");
                let (exact, inside) = (offset == 0, (0..edge).contains(&offset));
                if state == TcpStateName::TimeWait {
                    // RFC 1337: it would end the wait too early.
                    // RFC1337-R1
                    assert_eq!((got.state, got.sent.len()), (Some(state), 0), "{context}");
                } else if exact {
                    // RFC5961-R1
                    assert_eq!((got.state, got.sent.len()), (Some(TcpStateName::Closed), 0), "{context}");
                } else {
                    assert_eq!(got.state, Some(state), "{context}");
                    let challenges = usize::from(inside);
                    // RFC5961-R1
                    assert_eq!(got.sent.len(), challenges, "{context}");
                    let reason =
                        if inside { DropReason::TcpChallengeReset } else { DropReason::TcpOutOfWindow };
                    assert_eq!(got.dropped, Some(reason), "{context}");
                    assert!(got.sent.iter().all(|ack| ack.ack == peer.nxt && ack.flags == F::ACK));
                }
            }
        }
    }
}

#[test]
fn second_with_a_closed_window_a_reset_at_rcv_nxt_resets() {
    for state in TAKE_TEXT {
        for (offset, ends) in [(-1, false), (0, true), (1, false)] {
            let mut host = Host::new();
            let mut peer = bring_to(&mut host, state);
            close_window(&mut host, &mut peer);
            let got = outcome(&mut host, &peer, &Seg { flags: F::RST, seq: at(&peer, offset), ..peer.ack() });
            // RFC9293-MUST-66
            assert_eq!(got.state == Some(TcpStateName::Closed), ends, "{state:?} at {offset}");
            assert_eq!(got.sent.len(), 0, "{state:?} at {offset}");
        }
    }
}

/// Second: what the program hears of a reset.
#[test]
fn second_a_reset_is_an_error_unless_everything_was_delivered() {
    use TcpStateName::{CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, SynReceived};
    for (state, error) in [
        (SynReceived, Some(TcpError::Refused)),
        (Established, Some(TcpError::Reset)),
        (FinWait1, Some(TcpError::Reset)),
        (FinWait2, Some(TcpError::Reset)),
        (CloseWait, Some(TcpError::BrokenPipe)),
        (Closing, None),
        (LastAck, None),
    ] {
        let mut host = Host::new();
        let peer = bring_to(&mut host, state);
        host.take(&peer.seg(F::RST));
        // RFC9293-MUST-11: the active side
        assert_eq!(take_error(&mut host, &peer), error, "{state:?}");
    }
}

#[test]
fn second_a_reset_may_carry_text() {
    for state in [TcpStateName::Established, TcpStateName::CloseWait] {
        let mut host = Host::new();
        let peer = bring_to(&mut host, state);
        let got = outcome(&mut host, &peer, &peer.seg(F::RST).data(b"because"));
        // RFC9293-SHLD-2
        assert_eq!((got.state, got.sent.len()), (Some(TcpStateName::Closed), 0));
        assert_eq!(host.read(peer.id), b"");
    }
}

/// Fourth: check the SYN bit. Wherever it is, in whatever synchronized state, it is challenged, and what it
/// carries is not taken.
#[test]
fn fourth_a_syn_is_challenged_in_every_state() {
    for state in STATES {
        for offset in [-5, 0, 5, WINDOW + 5] {
            for flags in [F::SYN, F::SYN | F::ACK] {
                if state == TcpStateName::TimeWait && offset > 0 && flags == F::SYN {
                    continue; // A new connection: see `close`.
                }
                let mut host = Host::new();
                let peer = bring_to(&mut host, state);
                let seg = Seg { flags, seq: at(&peer, offset), ..peer.ack() }.data(b"garbage");
                let got = outcome(&mut host, &peer, &seg);
                let context = std::format!("{state:?} at {offset}: {got:?}");
                assert_eq!(got.state, Some(state), "{context}");
                assert!(got.dropped.is_some(), "{context}");
                assert_eq!(got.sent.len(), 1, "{context}");
                let challenge = &got.sent[0];
                // RFC5961-R2
                assert_eq!((challenge.flags, challenge.ack), (F::ACK, peer.nxt), "{context}");
                assert_eq!(host.read(peer.id), b"");
            }
        }
    }
}

/// Fourth, in SYN-RECEIVED after a passive open: it does not go back to LISTEN.
#[test]
fn fourth_a_syn_within_the_window_does_not_end_a_handshake() {
    let mut host = Host::new();
    let listener = host.listen(8, false);
    let syn_ack = host.take(&Seg::new(F::SYN, IRS, SeqNumber(0))).1.unwrap();
    let (dropped, challenge) = host.take(&Seg::new(F::SYN, IRS + 100, SeqNumber(0)));
    assert_eq!(dropped, Some(DropReason::TcpChallengeSyn));
    assert_eq!(challenge.map(|seg| (seg.flags, seg.ack)), Some((F::ACK, IRS + 1)));
    host.take(&Seg::new(F::ACK, IRS + 1, syn_ack.seq + 1));
    assert!(host.accept(listener).is_some());
}

/// The peer has missed the third segment, and repeats its SYN-ACK.
#[test]
fn fourth_a_repeated_syn_ack_is_answered_by_an_acknowledgement() {
    let mut host = Host::new();
    let id = host.connect(super::harness::plain());
    let iss = host.sends_one(id).seq;
    let syn_ack = Seg::new(F::SYN | F::ACK, IRS, iss + 1);
    host.take(&syn_ack);
    host.sends(id);
    for _ in 0..3 {
        host.pass(Duration::from_secs(1));
        assert_eq!(host.take(&syn_ack), (Some(DropReason::TcpOutOfWindow), None));
        let third = host.sends_one(id);
        // RFC9293-X-21
        assert_eq!((third.flags, third.seq, third.ack), (F::ACK, iss + 1, IRS + 1));
        assert_eq!(host.state(id), Some(TcpStateName::Established));
    }
}

/// Fifth: check the ACK field. If the ACK bit is off, drop the segment and return.
#[test]
fn fifth_without_the_ack_bit_nothing_is_taken() {
    for state in STATES {
        let mut host = Host::new();
        let peer = bring_to(&mut host, state);
        let got = outcome(&mut host, &peer, &Seg { flags: F::FIN, ..peer.ack() }.data(b"text"));
        if state == TcpStateName::TimeWait {
            // All that can come is the peer's FIN again, which is acknowledged whatever it is made of.
            assert_eq!((got.dropped, got.sent.len(), got.state), (None, 1, Some(state)));
            continue;
        }
        let nothing = Outcome { dropped: Some(DropReason::TcpNoAck), sent: std::vec![], state: Some(state) };
        // RFC9293-X-8
        assert_eq!(got, nothing, "{state:?}");
        assert_eq!(host.read(peer.id), b"");
    }
}

/// Fifth, SYN-RECEIVED: `SND.UNA < SEG.ACK =< SND.NXT` or a reset with `SEQ=SEG.ACK`.
#[test]
fn fifth_in_syn_received_only_the_acknowledgement_of_the_syn_will_do() {
    for offset in [-1000i32, -1, 0, 1, 2, 1000] {
        let mut host = Host::new();
        let peer = bring_to(&mut host, TcpStateName::SynReceived);
        let ack = SeqNumber(peer.una.0.wrapping_add_signed(offset));
        let got = outcome(&mut host, &peer, &Seg { ack, ..peer.ack() }.data(b"text"));
        if offset == 1 {
            assert_eq!(got.state, Some(TcpStateName::Established));
            assert_eq!(host.read(peer.id), b"text");
        } else {
            assert_eq!(
                (got.dropped, got.state),
                (Some(DropReason::TcpBadAck), Some(TcpStateName::SynReceived))
            );
            assert_eq!((got.sent.len(), got.sent[0].flags, got.sent[0].seq), (1, F::RST, ack), "{offset}");
            assert_eq!(host.read(peer.id), b"");
        }
    }
}

/// Fifth: what acknowledges more than was sent, or is older than the largest window, draws an
/// acknowledgement and brings nothing, neither text nor window nor FIN, in every synchronized state.
#[test]
fn fifth_an_unacceptable_acknowledgement_brings_nothing_in_any_state() {
    for state in STATES.into_iter().skip(1) {
        for beyond in [true, false] {
            let mut host = Host::new();
            let peer = bring_to(&mut host, state);
            if state == TcpStateName::TimeWait {
                let got = outcome(&mut host, &peer, &Seg { ack: peer.una + 5, ..peer.ack() });
                assert_eq!((got.sent.len(), got.state), (0, Some(state)));
                continue;
            }
            let ack = if beyond { all_sent(&host, &peer) + 1 } else { peer.una - 65_536 };
            let seg = Seg { flags: F::ACK | F::FIN, ack, ..peer.ack() }.data(b"text");
            let got = outcome(&mut host, &peer, &seg);
            let context = std::format!("{state:?} {beyond}: {got:?}");
            // RFC5961-R3, RFC9293-MAY-12
            assert_eq!((got.dropped, got.state), (Some(DropReason::TcpBadAck), Some(state)), "{context}");
            assert_eq!(got.sent.len(), 1, "{context}");
            assert_eq!((got.sent[0].flags, got.sent[0].ack), (F::ACK, peer.nxt), "{context}");
            assert_eq!(host.read(peer.id), b"", "{context}");
        }
    }
}

/// Fifth: the acknowledgement of our FIN moves FIN-WAIT-1, CLOSING and LAST-ACK, and no other state.
#[test]
fn fifth_the_acknowledgement_of_our_fin_moves_the_states_that_wait_for_it() {
    use TcpStateName::{CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, TimeWait};
    for (before, after) in [
        (Established, Established),
        (FinWait1, FinWait2),
        (FinWait2, FinWait2),
        (CloseWait, CloseWait),
        (Closing, TimeWait),
        (LastAck, Closed),
        (TimeWait, TimeWait),
    ] {
        let mut host = Host::new();
        let peer = bring_to(&mut host, before);
        let ack = all_sent(&host, &peer);
        let got = outcome(&mut host, &peer, &Seg { ack, ..peer.ack() });
        // RFC9293-X-12
        assert_eq!((got.state, got.sent), (Some(after), std::vec![]), "{before:?}");
    }
}

/// Fifth: SND.WND is that of the segment with the latest SND.WL1 and SND.WL2.
#[test]
fn fifth_an_old_segment_does_not_bring_back_an_old_window() {
    // Sequence and acknowledgement number relative to the segment that set the window, and whether the window
    // of the segment counts.
    for (seq, ack, counts) in [(0, 0, true), (0, -1, false), (1, 0, true), (1, -1, true), (-1, 0, false)] {
        let mut host = Host::new();
        let mut peer = host.established();
        host.write(peer.id, b"0123456789");
        host.sends(peer.id);
        let text = peer.data(b"0123456789");
        host.take(&text);
        let newest = peer.acks(10).window(1000);
        host.take(&newest);
        host.write(peer.id, &[0; 10]);
        host.sends(peer.id);
        peer.una += 5;
        host.take(&peer.ack().window(2000));
        let seg =
            Seg { seq: at(&peer, seq), ack: SeqNumber(peer.una.0.wrapping_add_signed(ack)), ..peer.ack() };
        // A segment at an earlier sequence number needs text to be acceptable.
        let seg = if seq < 0 { seg.data(b"9x") } else { seg };
        host.take(&seg.window(3000));
        // Window updates of acknowledgements that are older than SND.UNA are ignored too.
        let wnd = host.layer.get(peer.id).unwrap().snd.wnd;
        let expected = if counts && ack >= 0 { 3000 } else { 2000 };
        // RFC9293-X-9
        assert_eq!(wnd, expected, "{seq} {ack}");
    }
}

/// Sixth: check the URG bit. Urgent data is delivered in line, whatever the pointer says, and in the states in
/// which text is ignored nothing comes of it.
#[test]
fn sixth_urgent_data_is_delivered_in_line_wherever_the_pointer_points() {
    for state in STATES {
        for urgent in [0, 1, 4, 5, u16::MAX] {
            let mut host = Host::new();
            let peer = bring_to(&mut host, state);
            let ack = all_sent(&host, &peer);
            let seg = Seg { flags: F::ACK | F::URG, urgent, ack, ..peer.ack() };
            host.take(&seg.clone());
            host.take(&seg.data(b"text"));
            let taken = TAKE_TEXT.contains(&state) || state == TcpStateName::SynReceived;
            assert_eq!(host.read(peer.id) == b"text", taken, "{state:?} {urgent}");
            // RFC9293-SHLD-13
            assert!(host.sends(peer.id).iter().all(|seg| !seg.flags.contains(F::URG) && seg.urgent == 0));
        }
    }
}

/// A pointer that reaches over many segments and beyond the window stops nothing.
#[test]
fn sixth_urgent_data_of_any_length_flows() {
    let mut host = Host::new();
    let mut peer = host.established();
    let mut got = 0;
    for _ in 0..100 {
        let seg = Seg { flags: F::ACK | F::URG, urgent: u16::MAX, ..peer.data(&[7; MSS]) };
        assert_eq!(host.take(&seg), (None, None));
        got += host.read(peer.id).len();
        host.sends(peer.id);
    }
    // RFC9293-MUST-31
    assert_eq!(got, 100 * MSS);
    // Urgent data in a SYN and with a closed window is no more than other data.
    let seg = Seg { flags: F::ACK | F::URG | F::FIN, urgent: 1, ..peer.ack() };
    assert_eq!(outcome(&mut host, &peer, &seg).state, Some(TcpStateName::CloseWait));
}

/// Seventh: process the segment text, in ESTABLISHED, FIN-WAIT-1 and FIN-WAIT-2. In the others "this should
/// not occur since a FIN has been received from the remote side. Ignore the segment text."
#[test]
fn seventh_text_is_taken_until_the_peer_has_ended_its_data() {
    for state in STATES {
        let mut host = Host::new();
        let peer = bring_to(&mut host, state);
        let ack = all_sent(&host, &peer);
        let got = outcome(&mut host, &peer, &Seg { ack, ..peer.ack() }.data(b"text"));
        let takes = TAKE_TEXT.contains(&state) || state == TcpStateName::SynReceived;
        assert_eq!(host.read(peer.id) == b"text", takes, "{state:?}");
        let acknowledged = got.sent.iter().any(|seg| seg.ack == peer.nxt + 4);
        assert_eq!(acknowledged, takes, "{state:?}: {got:?}");
        if matches!(state, TcpStateName::CloseWait) {
            assert_eq!(got.dropped, Some(DropReason::TcpAfterClose));
        }
    }
}

/// Eighth: check the FIN bit.
#[test]
fn eighth_the_peers_fin_moves_each_state_as_the_rfc_says() {
    use TcpStateName::{CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, SynReceived, TimeWait};
    // The state before, whether the segment acknowledges all that was sent, the state after.
    for (before, acks, after) in [
        (SynReceived, true, CloseWait),
        (Established, true, CloseWait),
        (FinWait1, false, Closing),
        (FinWait1, true, TimeWait),
        (FinWait2, true, TimeWait),
    ] {
        let mut host = Host::new();
        let peer = bring_to(&mut host, before);
        let ack = if acks { all_sent(&host, &peer) } else { peer.una };
        let fin = Seg { flags: F::FIN | F::ACK, ack, ..peer.ack() };
        let got = outcome(&mut host, &peer, &fin);
        assert_eq!(got.state, Some(after), "{before:?} {acks}");
        assert_eq!(got.sent.len(), 1, "{before:?} {acks}");
        // RFC9293-X-10
        assert_eq!((got.sent[0].flags, got.sent[0].ack), (F::ACK, peer.nxt + 1), "{before:?} {acks}");
        let end = host.with_connection(peer.id, |connection, cx| connection.recv(cx, &mut [0]));
        // RFC9293-MUST-12: an orderly end
        assert_eq!(end, Ok(0), "{before:?}: any RECEIVE returns with the end");
    }
    // The FIN again: "remain in the state", and its sender, who missed our acknowledgement, gets another.
    for state in [CloseWait, Closing, LastAck, TimeWait] {
        let mut host = Host::new();
        let peer = bring_to(&mut host, state);
        let again = Seg { flags: F::FIN | F::ACK, seq: at(&peer, -1), ..peer.ack() };
        let got = outcome(&mut host, &peer, &again);
        assert_eq!(got.state, Some(state));
        // RFC9293-X-11
        assert_eq!((got.sent.len(), got.sent[0].ack), (1, peer.nxt), "{state:?}");
    }
}

/// Eighth: "do not process the FIN if the state is CLOSED, LISTEN, or SYN-SENT, since the SEG.SEQ cannot be
/// validated".
#[test]
fn eighth_a_fin_before_the_peers_syn_is_nothing() {
    let mut host = Host::new();
    let id = host.connect(super::harness::plain());
    let iss = host.sends_one(id).seq;
    let got = host.take(&Seg::new(F::FIN | F::ACK, IRS, iss + 1));
    assert_eq!(got, (Some(DropReason::TcpBadFlags), None));
    assert_eq!(host.state(id), Some(TcpStateName::SynSent));
}

/// What is answered without limit (text, a FIN) and what is not (anything without) when two ends disagree
/// about everything: whatever one says, the other's answers draw no answers for ever.
#[test]
fn bare_acknowledgements_that_disagree_draw_few_answers() {
    for state in STATES.into_iter().skip(1) {
        let mut host = Host::new();
        let peer = bring_to(&mut host, state);
        let mut answers = 0;
        for i in 0..1000 {
            let offset = if i % 2 == 0 { -1000 } else { 1_000_000 };
            let seg = Seg { seq: at(&peer, offset), ack: peer.una + 50_000, ..peer.ack() };
            answers += outcome(&mut host, &peer, &seg).sent.len();
        }
        assert!(answers <= 2, "{state:?}: {answers}");
    }
}
