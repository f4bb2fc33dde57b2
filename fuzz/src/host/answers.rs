//! What a stack may send, whatever it is sent.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use fathom_stack::Tcp;
use fathom_wire::{
    EtherType, EthernetHeader, Icmpv4Message, Icmpv6Message, IgmpMessage, IpHeader, IpProtocol, Ipv6Chain,
    SeqNumber, TcpFlags, TcpHeader, UdpHeader,
};

use super::flow::{Ends, Flow};
use crate::packets;

/// Flows that are watched.
const FLOWS: usize = 256;

/// The packets of a stack, held against what was sent to it and what its programs wrote.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The stack forwards packets.
    router: bool,
    flows: BTreeMap<Ends, Flow>,
    /// How much programs wrote to the latest connection between two ends.
    written: BTreeMap<Ends, usize>,
}

impl Answers {
    pub(super) fn new(router: bool) -> Answers {
        Answers { router, ..Answers::default() }
    }

    /// The connections that were seen.
    pub(super) fn flows(&self) -> impl ExactSizeIterator<Item = &Flow> {
        self.flows.values()
    }

    /// A program has a connection. It may have the initial sequence number of an earlier one between the same ends,
    /// when no time has passed since.
    pub(super) fn note_opened(&mut self, tcp: &Tcp<'_>) {
        let ends = unmapped(tcp);
        self.written.remove(&ends);
        if let Some(flow) = self.flows.get_mut(&ends) {
            flow.fin = None;
        }
    }

    /// What a program writes next: its bytes tell their place in the stream.
    pub(super) fn next_bytes(&mut self, tcp: &Tcp<'_>, len: usize) -> Vec<u8> {
        let from = self.written.get(&unmapped(tcp)).copied().unwrap_or_default();
        (from..from + len).map(byte_at).collect()
    }

    pub(super) fn note_written(&mut self, tcp: &Tcp<'_>, len: usize) {
        *self.written.entry(unmapped(tcp)).or_default() += len;
    }

    /// A packet arrives.
    pub(super) fn note_arrival(&mut self, packet: &[u8]) {
        let Ok(header) = IpHeader::parse(packet) else { return };
        let payload = &packet[header.header_len()..header.header_len() + header.payload_len()];
        let Some((protocol, payload)) = behind_extensions(&header, payload) else { return };
        if protocol != IpProtocol::Tcp {
            return;
        }
        let Ok(tcp) = TcpHeader::parse(payload) else { return };
        let local = SocketAddr::new(header.destination(), tcp.destination_port);
        let remote = SocketAddr::new(header.source(), tcp.source_port);
        let len = payload.len() - TcpHeader::data_offset(payload);
        if let Some(flow) = self.flow((local, remote)) {
            flow.note_arrival(&tcp, len);
        }
    }

    fn flow(&mut self, ends: Ends) -> Option<&mut Flow> {
        if self.flows.len() >= FLOWS && !self.flows.contains_key(&ends) {
            return None;
        }
        Some(self.flows.entry(ends).or_insert_with(|| Flow::new(ends, SeqNumber(0))))
    }

    /// Checks a frame; whether it is an answer of its own, not data that a program wrote.
    pub(super) fn check(&mut self, frame: &[u8], ethernet: bool, mtu: usize) -> bool {
        let packet = if ethernet {
            let link = EthernetHeader::parse(frame).expect("a frame has a header");
            match link.ether_type {
                EtherType::Ipv4 | EtherType::Ipv6 => &frame[link.header_len()..],
                EtherType::Arp => return true,
                other => panic!("a frame of {other:?}"),
            }
        } else {
            frame
        };
        assert!(packet.len() <= mtu, "{} bytes on a link of {mtu}", packet.len());
        let header = IpHeader::parse(packet).expect("what is sent can be read");
        assert_eq!(header.header_len() + header.payload_len(), packet.len(), "the lengths agree");
        if self.router {
            // What others send is passed on as it is.
            return true;
        }
        assert!(is_ours(header.source()), "from {}", header.source());
        let payload = &packet[header.header_len()..];
        let Some((protocol, payload)) = behind_extensions(&header, payload) else { return false };
        match protocol {
            IpProtocol::Tcp => return self.check_tcp(&header, payload, packet),
            IpProtocol::Udp => {
                let udp = UdpHeader::parse(payload).expect("a datagram");
                assert_eq!(usize::from(udp.length), payload.len());
                assert!(packets::is_sound(&header, payload), "a wrong checksum");
            }
            IpProtocol::Icmpv4 => drop(Icmpv4Message::parse(payload).expect("a sound message")),
            IpProtocol::Igmp => drop(IgmpMessage::parse(payload).expect("a sound message")),
            IpProtocol::Icmpv6 => {
                let IpHeader::V6(v6) = &header else { panic!("ICMPv6 in an IPv4 packet") };
                Icmpv6Message::parse(v6.source, v6.destination, payload).expect("a sound message");
            }
            other => panic!("a packet of {other}"),
        }
        true
    }

    fn check_tcp(&mut self, ip: &IpHeader, segment: &[u8], packet: &[u8]) -> bool {
        // The sum of the whole tells whether the right address was summed, too.
        let sum_over = match ip {
            IpHeader::V4(_) => packets::is_sound(ip, segment),
            IpHeader::V6(v6) => v6.next_header == IpProtocol::Tcp && packets::is_sound(ip, segment),
        };
        assert!(sum_over, "a wrong checksum");
        let header = TcpHeader::parse(segment).expect("a sound header");
        let data = &segment[TcpHeader::data_offset(segment)..];
        let local = SocketAddr::new(ip.source(), header.source_port);
        let remote = SocketAddr::new(ip.destination(), header.destination_port);
        let (flags, ends) = (header.flags, (local, remote));
        let (syn, fin, rst) = (TcpFlags::SYN, TcpFlags::FIN, TcpFlags::RST);
        assert!(
            !flags.contains(syn) || data.is_empty() && !flags.intersects(fin | rst),
            "a SYN with {flags:?}"
        );
        assert!(!flags.contains(rst) || data.is_empty() && !flags.contains(fin), "a RST with {flags:?}");
        assert!(flags.contains(TcpFlags::ACK) || flags.intersects(syn | rst), "{flags:?}, without an ACK");
        let written = self.written.get(&ends).copied().unwrap_or_default();
        let Some(flow) = self.flow(ends) else { return data.is_empty() };
        let opens = flow.note_sent(&header, data.len(), packet);
        if flags.contains(TcpFlags::ACK) && !flags.contains(rst) {
            assert!(flow.was_sent(header.ack), "{:?} was never sent, and is acknowledged", header.ack - 1);
        }
        if !flags.intersects(syn | rst) {
            // A listener that keeps nothing may have offered several: the peer chose one.
            let positions =
                flow.iss.iter().map(|iss| header.seq.distance_from(*iss).wrapping_sub(1) as usize);
            let right = positions.clone().any(|position| is_written(data, position, written));
            // A SYN-ACK that found no room on its way out was never seen.
            assert!(
                data.is_empty() || flow.iss.is_empty() || right,
                "other bytes at {positions:?} than the {written} written"
            );
            let end = header.seq + data.len() as u32;
            if flags.contains(fin) {
                assert_eq!(*flow.fin.get_or_insert(end), end, "the end of the stream moved");
            }
            let last = |fin: SeqNumber| if data.is_empty() { fin + 1 } else { fin };
            assert!(flow.fin.is_none_or(|fin| end.le(last(fin))), "data behind the end of the stream");
        }
        if opens {
            self.written.remove(&ends);
        }
        data.is_empty()
    }
}

/// Whether an address is one of the stack, or that of a stack that has none yet.
fn is_ours(address: IpAddr) -> bool {
    let on_link = |address: Ipv6Addr| address.is_unicast_link_local() || address.is_unspecified();
    match address {
        IpAddr::V4(v4) => v4.is_unspecified() || address == super::peer::address(false, 1),
        IpAddr::V6(v6) => on_link(v6) || address == super::peer::address(true, 1),
    }
}

/// Whether data is what the program wrote there.
fn is_written(data: &[u8], position: usize, written: usize) -> bool {
    position.checked_add(data.len()).is_some_and(|end| end <= written)
        && data.iter().enumerate().all(|(at, byte)| *byte == byte_at(position + at))
}

fn byte_at(position: usize) -> u8 {
    (position ^ position >> 8 ^ position >> 16) as u8
}

/// The protocol and bytes behind extension headers; `None` for a fragment.
fn behind_extensions<'a>(header: &IpHeader, payload: &'a [u8]) -> Option<(IpProtocol, &'a [u8])> {
    match header {
        IpHeader::V4(v4) => (!v4.is_fragment()).then_some((v4.protocol, payload)),
        IpHeader::V6(v6) => {
            let chain = Ipv6Chain::parse(v6.next_header, payload).ok()?;
            let whole = chain.fragment.is_none_or(|fragment| fragment.is_atomic());
            whole.then(|| (chain.protocol, &payload[chain.offset..]))
        }
    }
}

/// The ends of a connection as they are on the wire.
fn unmapped(tcp: &Tcp<'_>) -> Ends {
    let plain = |at: SocketAddr| SocketAddr::new(at.ip().to_canonical(), at.port());
    (plain(tcp.local()), plain(tcp.remote()))
}
