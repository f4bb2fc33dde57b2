//! Packets made from their parts, and packets looked at.

use std::net::IpAddr;

use fathom_wire::{
    Checksum, Ecn, Icmpv4Message, Icmpv6Message, IpHeader, IpProtocol, Ipv4Header, Ipv4Options,
    Ipv6FragmentHeader, Ipv6Header, TcpHeader, UdpHeader, checksum,
};

/// What of an IP header is not the same in all packets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ip {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) hop_limit: u8,
    pub(crate) dscp: u8,
    pub(crate) ecn: Ecn,
    pub(crate) identification: u16,
}

impl Ip {
    pub(crate) fn new(source: IpAddr, destination: IpAddr) -> Ip {
        Ip { source, destination, hop_limit: 64, dscp: 0, ecn: Ecn::NotEct, identification: 0 }
    }

    fn header(&self, protocol: IpProtocol, len: usize) -> IpHeader {
        let Ip { source, destination, hop_limit, dscp, ecn, identification } = *self;
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => IpHeader::V4(Ipv4Header {
                source,
                destination,
                protocol,
                hop_limit,
                dscp,
                ecn,
                identification,
                dont_fragment: false,
                more_fragments: false,
                fragment_offset: 0,
                payload_len: len as u16,
                options: Ipv4Options::default(),
            }),
            (IpAddr::V6(source), IpAddr::V6(destination)) => IpHeader::V6(Ipv6Header {
                source,
                destination,
                next_header: protocol,
                hop_limit,
                dscp,
                ecn,
                flow_label: 0,
                payload_len: len as u16,
            }),
            _ => unreachable!("both addresses are of one family"),
        }
    }

    /// The packet that carries `payload`.
    pub(crate) fn packet(&self, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
        joined(&self.header(protocol, payload.len()), payload)
    }

    /// A fragment that carries `payload`, which belongs at `offset` (a multiple of 8).
    pub(crate) fn fragment(
        &self,
        protocol: IpProtocol,
        offset: usize,
        more_fragments: bool,
        payload: &[u8],
    ) -> Vec<u8> {
        match self.header(protocol, payload.len()) {
            IpHeader::V4(mut header) => {
                (header.fragment_offset, header.more_fragments) = (offset as u16, more_fragments);
                joined(&IpHeader::V4(header), payload)
            }
            IpHeader::V6(_) => {
                let identification = self.identification.into();
                let fragment = Ipv6FragmentHeader {
                    next_header: protocol,
                    offset: offset as u16,
                    more_fragments,
                    identification,
                };
                let mut behind = vec![0; Ipv6FragmentHeader::LEN];
                fragment.emit(&mut behind);
                behind.extend_from_slice(payload);
                self.packet(IpProtocol::Ipv6Fragment, &behind)
            }
        }
    }

    /// A TCP segment; `raw_options` stand in place of the header's when there are any.
    pub(crate) fn tcp(&self, header: &TcpHeader, raw_options: &[u8], data: &[u8]) -> Vec<u8> {
        let mut segment = vec![0; header.header_len()];
        header.emit(&mut segment);
        if !raw_options.is_empty() {
            segment.truncate(TcpHeader::LEN);
            segment.extend(&raw_options[..raw_options.len().min(40)]);
            segment.resize(segment.len().next_multiple_of(4), 0);
            segment[12] = (segment.len() as u8 / 4) << 4 | segment[12] & 0x0f;
        }
        segment.extend_from_slice(data);
        self.finish(IpProtocol::Tcp, TcpHeader::CHECKSUM_OFFSET, segment)
    }

    pub(crate) fn udp(&self, ports: (u16, u16), data: &[u8]) -> Vec<u8> {
        let length = (UdpHeader::LEN + data.len()) as u16;
        let header = UdpHeader { source_port: ports.0, destination_port: ports.1, length, checksum: 0 };
        let mut datagram = vec![0; UdpHeader::LEN];
        header.emit(&mut datagram);
        datagram.extend_from_slice(data);
        self.finish(IpProtocol::Udp, UdpHeader::CHECKSUM_OFFSET, datagram)
    }

    pub(crate) fn icmpv4(&self, message: &Icmpv4Message<'_>) -> Vec<u8> {
        let mut bytes = vec![0; message.len()];
        message.emit(&mut bytes);
        self.packet(IpProtocol::Icmpv4, &bytes)
    }

    pub(crate) fn icmpv6(&self, message: &Icmpv6Message<'_>) -> Vec<u8> {
        let (IpAddr::V6(source), IpAddr::V6(destination)) = (self.source, self.destination) else {
            unreachable!("ICMPv6 is carried by IPv6");
        };
        let mut bytes = vec![0; message.len()];
        message.emit(source, destination, &mut bytes);
        self.packet(IpProtocol::Icmpv6, &bytes)
    }

    fn finish(&self, protocol: IpProtocol, field: usize, mut bytes: Vec<u8>) -> Vec<u8> {
        bytes[field..field + 2].fill(0);
        let mut sum = Checksum::new();
        sum.pseudo_header(self.source, self.destination, protocol, bytes.len() as u32);
        sum.add(&bytes);
        let sum = if protocol == IpProtocol::Udp { sum.finish_udp() } else { sum.finish() };
        bytes[field..field + 2].copy_from_slice(&sum.to_be_bytes());
        self.packet(protocol, &bytes)
    }
}

fn joined(header: &IpHeader, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; header.header_len()];
    header.emit(&mut packet);
    packet.extend_from_slice(payload);
    packet
}

/// Whether the checksum of a transport segment between two addresses is right.
pub(crate) fn is_sound(header: &IpHeader, segment: &[u8]) -> bool {
    let mut sum = Checksum::new();
    sum.pseudo_header(header.source(), header.destination(), header.protocol(), segment.len() as u32);
    sum.add(segment);
    sum.is_valid()
}

/// Makes the checksums of a packet right as far as it can be read: of IPv4, and of TCP, UDP or ICMP directly
/// behind an IP header.
pub(crate) fn mend(packet: &mut [u8]) {
    let Some(first) = packet.first() else { return };
    if first >> 4 == 4 {
        let len = usize::from(first & 0x0f) * 4;
        if let Some(header) = packet.get_mut(..len.max(20)) {
            header[10..12].fill(0);
            let sum = !checksum::sum(header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
        }
    }
    let Ok(header) = IpHeader::parse(packet) else { return };
    let field = match header.protocol() {
        IpProtocol::Tcp => TcpHeader::CHECKSUM_OFFSET,
        IpProtocol::Udp => UdpHeader::CHECKSUM_OFFSET,
        IpProtocol::Icmpv4 | IpProtocol::Icmpv6 => 2,
        _ => return,
    };
    let end = header.header_len() + header.payload_len();
    let Some(segment) = packet.get_mut(header.header_len()..end) else { return };
    if segment.len() < field + 2 {
        return;
    }
    segment[field..field + 2].fill(0);
    let mut sum = Checksum::new();
    if header.protocol() != IpProtocol::Icmpv4 {
        sum.pseudo_header(header.source(), header.destination(), header.protocol(), segment.len() as u32);
    }
    sum.add(segment);
    let sum = if header.protocol() == IpProtocol::Udp { sum.finish_udp() } else { sum.finish() };
    segment[field..field + 2].copy_from_slice(&sum.to_be_bytes());
}
