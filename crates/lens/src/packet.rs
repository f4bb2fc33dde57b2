//! The few facts about a frame that following a conversation takes, without an allocation.

use std::net::{IpAddr, SocketAddr};

use fathom_wire::{
    EtherType, EthernetHeader, IpHeader, IpProtocol, Ipv6Chain, TcpFlags, TcpHeader, UdpHeader,
};

use crate::LinkType;

/// A TCP segment in a frame.
pub(crate) struct Segment {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) seq: u32,
    /// The sequence number that the sender expects next.
    pub(crate) ack: u32,
    /// Bytes of data.
    pub(crate) len: u32,
    pub(crate) flags: TcpFlags,
}

impl Segment {
    /// The segment in `frame`, if it holds an unfragmented one.
    pub(crate) fn of(frame: &[u8], link_type: LinkType) -> Option<Segment> {
        let (source, destination, payload) = payload(frame, link_type, IpProtocol::Tcp)?;
        let header = TcpHeader::parse(payload).ok()?;
        Some(Segment {
            source: SocketAddr::new(source, header.source_port),
            destination: SocketAddr::new(destination, header.destination_port),
            seq: header.seq.0,
            ack: header.ack.0,
            len: (payload.len() - TcpHeader::data_offset(payload)) as u32,
            flags: header.flags,
        })
    }

    /// Sequence numbers that it takes (RFC 9293 3.4).
    pub(crate) fn sequence_len(&self) -> u32 {
        self.len
            + u32::from(self.flags.contains(TcpFlags::SYN))
            + u32::from(self.flags.contains(TcpFlags::FIN))
    }
}

/// A UDP datagram in a frame.
pub(crate) struct Datagram<'a> {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) data: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// The datagram in `frame`, if it holds an unfragmented one.
    pub(crate) fn of(frame: &'a [u8], link_type: LinkType) -> Option<Datagram<'a>> {
        let (source, destination, payload) = payload(frame, link_type, IpProtocol::Udp)?;
        let header = UdpHeader::parse_datagram(payload).ok()?;
        Some(Datagram {
            source: SocketAddr::new(source, header.source_port),
            destination: SocketAddr::new(destination, header.destination_port),
            data: payload.get(UdpHeader::LEN..usize::from(header.length))?,
        })
    }
}

/// Addresses and payload of an unfragmented IP packet that carries `protocol`.
fn payload(frame: &[u8], link_type: LinkType, protocol: IpProtocol) -> Option<(IpAddr, IpAddr, &[u8])> {
    let packet = match link_type {
        LinkType::Raw => frame,
        LinkType::Ethernet => {
            let header = EthernetHeader::parse(frame).ok()?;
            matches!(header.ether_type, EtherType::Ipv4 | EtherType::Ipv6).then_some(())?;
            frame.get(header.header_len()..)?
        }
    };
    let header = IpHeader::parse(packet).ok()?;
    let payload = packet.get(header.header_len()..header.header_len() + header.payload_len())?;
    let (carried, payload) = match &header {
        IpHeader::V4(header) if header.is_fragment() => return None,
        IpHeader::V4(header) => (header.protocol, payload),
        IpHeader::V6(header) => {
            let chain = Ipv6Chain::parse(header.next_header, payload).ok()?;
            if chain.fragment.is_some_and(|fragment| !fragment.is_atomic()) {
                return None;
            }
            (chain.protocol, payload.get(chain.offset..)?)
        }
    };
    (carried == protocol).then(|| (header.source(), header.destination(), payload))
}
