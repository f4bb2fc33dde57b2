//! An onlooker: what can be seen to be right, or to happen, on the frames that stacks send.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use fathom_wire::{
    Checksum, EtherType, EthernetHeader, IpHeader, IpProtocol, SeqNumber, TcpFlags, TcpHeader,
};

use crate::cut::transport_checksum;
use crate::faults::{Fault, Tally};

/// What one end of a connection has sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    iss: SeqNumber,
    /// Behind the highest sequence number.
    high: SeqNumber,
    /// Of its windows, once both SYNs are known; `None` while they are not.
    shift: Option<u8>,
    /// What its own SYN offered.
    offered: Option<u8>,
    /// The window of its SYN.
    first_window: u16,
    /// The right edge of its window, at most.
    edge: Option<SeqNumber>,
    /// The highest acknowledgement number.
    acked: Option<SeqNumber>,
    /// It has sent SYNs that offer different things, the one of a cookie among them: it is not known which the
    /// peer has taken.
    ambiguous: bool,
    zero_window: bool,
    stamp: Option<u32>,
    wrapped: [bool; 2],
}

/// Ends of a direction: from and to where.
type Ends = (SocketAddr, SocketAddr);

/// Looks at all frames that stacks send.
#[derive(Debug, Default)]
pub(crate) struct Onlooker {
    ends: HashMap<Ends, Sent>,
    /// No end hears of the other's scaling.
    unscaled: bool,
    /// Cookies may make a connection again from old segments, with the same numbers.
    cookies: bool,
}

impl Onlooker {
    /// One that has seen nothing yet. With `unscaled`, something on the way takes window scaling out of SYNs; with
    /// `cookies`, old segments may make connections.
    pub(crate) fn new(unscaled: bool, cookies: bool) -> Onlooker {
        Onlooker { ends: HashMap::new(), unscaled, cookies }
    }

    /// A frame that a host sends; gives what is wrong with it, if something is. `finished` is false when the
    /// device of the receiver takes it without a checksum.
    pub(crate) fn sees(
        &mut self,
        frame: &[u8],
        ethernet: bool,
        finished: bool,
        tally: &mut Tally,
    ) -> Result<(), String> {
        let mut packet = frame;
        if ethernet {
            let header = EthernetHeader::parse(frame).map_err(|error| error.to_string())?;
            if !matches!(header.ether_type, EtherType::Ipv4 | EtherType::Ipv6) {
                return Ok(());
            }
            packet = &frame[header.header_len()..];
        }
        let header = IpHeader::parse(packet).map_err(|error| error.to_string())?;
        let (header_len, len) = (header.header_len(), header.header_len() + header.payload_len());
        if len > packet.len() {
            return Err(format!("a packet of {len} bytes in {}", packet.len()));
        }
        if let IpHeader::V4(_) = header {
            let mut sum = Checksum::new();
            sum.add(&packet[..header_len]);
            if !sum.is_valid() {
                return Err("a wrong IPv4 header checksum".into());
            }
        }
        let fragment = match &header {
            IpHeader::V4(v4) => v4.is_fragment(),
            IpHeader::V6(v6) => v6.next_header == IpProtocol::Ipv6Fragment,
        };
        if fragment {
            tally.add(Fault::Fragmented, 1);
            return Ok(());
        }
        let is_tcp = header.protocol() == IpProtocol::Tcp;
        if !is_tcp && header.protocol() != IpProtocol::Udp {
            return Ok(());
        }
        if finished && !transport_checksum(&packet[..len], header_len, is_tcp).is_valid() {
            // RFC 768: zero for none.
            let none = !is_tcp && packet[header_len + 6..header_len + 8] == [0, 0];
            if !none {
                return Err("a wrong transport checksum".into());
            }
        }
        if !is_tcp {
            return Ok(());
        }
        let segment = &packet[header_len..len];
        let tcp = TcpHeader::parse(segment).map_err(|error| error.to_string())?;
        let data = segment.len() - TcpHeader::data_offset(segment);
        self.segment(header.source(), header.destination(), &tcp, data, tally)
    }

    fn segment(
        &mut self,
        source: IpAddr,
        destination: IpAddr,
        tcp: &TcpHeader,
        data: usize,
        tally: &mut Tally,
    ) -> Result<(), String> {
        let ends =
            (SocketAddr::new(source, tcp.source_port), SocketAddr::new(destination, tcp.destination_port));
        let syn = tcp.flags.contains(TcpFlags::SYN);
        if syn {
            let offered = tcp.options.window_scale.filter(|_| !self.unscaled);
            let known =
                self.ends.get(&ends).is_some_and(|sent| sent.iss == tcp.seq && sent.offered == offered);
            if known {
                tally.add(Fault::SynRepeated, 1);
            } else {
                let answers = tcp.flags.contains(TcpFlags::ACK);
                let ambiguous = answers && self.ends.contains_key(&ends);
                let (high, stamp) = (tcp.seq + 1, tcp.options.timestamps.map(|stamp| stamp.value));
                let sent = Sent {
                    iss: tcp.seq,
                    high,
                    shift: None,
                    offered,
                    first_window: tcp.window,
                    edge: None,
                    acked: None,
                    ambiguous,
                    zero_window: false,
                    stamp,
                    wrapped: [false; 2],
                };
                self.ends.insert(ends, sent);
            }
            return Ok(());
        }
        let peer = self.ends.get(&(ends.1, ends.0)).copied();
        let theirs = peer.map(|sent| sent.offered.is_some());
        let Some(sent) = self.ends.get_mut(&ends) else { return Ok(()) };
        if tcp.flags.contains(TcpFlags::RST) {
            return Ok(());
        }
        let end = tcp.seq + tcp.segment_len(data);
        // The peer may have begun anew from the same port while this end still repeats what is of before.
        let of_these = |peer: &Sent| peer.iss.lt(tcp.ack) && tcp.ack.le(peer.high);
        let ambiguous = self.cookies || sent.ambiguous || peer.is_some_and(|peer| peer.ambiguous);
        if let Some(peer) = peer.filter(of_these)
            && data > 0
            && !ambiguous
        {
            // Nothing is sent beyond the window, but for the one byte of a probe (RFC 9293 3.8.6).
            let first = sent.iss + 1 + u32::from(peer.first_window);
            let edge = peer.edge.map_or(first, |edge| edge.max(first));
            let beyond = (tcp.seq + data as u32).offset_from(edge);
            if beyond > 1 {
                return Err(format!("{beyond} bytes beyond the window, {} to {}", ends.0, ends.1));
            }
        }
        if end.gt(sent.high) {
            let crosses = |at: u32| sent.high.le(SeqNumber(at)) && end.gt(SeqNumber(at));
            for (index, (at, fault)) in
                [(0, Fault::SeqWrapped), (1 << 31, Fault::SeqTurned)].into_iter().enumerate()
            {
                if data > 0 && crosses(at) && !sent.wrapped[index] {
                    sent.wrapped[index] = true;
                    tally.add(fault, 1);
                }
            }
            sent.high = end;
        }
        if let (Some(before), Some(stamp)) = (sent.stamp, tcp.options.timestamps) {
            let (from, to) = (before, stamp.value);
            if (to.wrapping_sub(from) as i32) > 0 {
                if to < from {
                    tally.add(Fault::TimestampWrapped, 1);
                } else if from < 1 << 31 && to >= 1 << 31 {
                    tally.add(Fault::TimestampTurned, 1);
                }
                sent.stamp = Some(to);
            }
        }
        let zero = tcp.window == 0;
        if zero && !sent.zero_window {
            tally.add(Fault::ZeroWindow, 1);
        }
        sent.zero_window = zero;
        // The right edge never moves to the left (RFC 9293 3.8.6, SHLD-14), but for what scaling rounds off
        // (RFC 7323 2.4).
        let shift = *sent.shift.get_or_insert(match (sent.offered, theirs) {
            (Some(shift), Some(true)) => shift.min(14),
            _ => 0,
        });
        if tcp.flags.contains(TcpFlags::ACK) {
            if let Some(before) = sent.acked.filter(|before| tcp.ack.lt(*before) && !ambiguous) {
                let back = before.distance_from(tcp.ack);
                return Err(format!("acknowledges {back} less than before, {} to {}", ends.0, ends.1));
            }
            sent.acked = Some(tcp.ack);
            let edge = tcp.ack + (u32::from(tcp.window) << shift);
            let rounding = (1 << shift) - 1;
            match sent.edge {
                Some(before) if (edge + rounding).lt(before) && !ambiguous => {
                    return Err(format!(
                        "the right edge of a window moved left by {} (shift {shift}), {} to {}",
                        before.distance_from(edge),
                        ends.0,
                        ends.1
                    ));
                }
                Some(before) => sent.edge = Some(before.max(edge)),
                None => sent.edge = Some(edge),
            }
        }
        Ok(())
    }
}
