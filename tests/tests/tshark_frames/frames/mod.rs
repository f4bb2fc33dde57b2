//! One sample, or a few, of each kind of frame we emit.

mod groups;
mod icmp;
mod internet;
mod link;
mod transport;

use std::net::{Ipv4Addr, Ipv6Addr};

use fathom_wire::*;

/// A frame, and what tshark is to see in it.
pub(crate) struct Sample {
    /// What the frame is, for messages.
    pub(crate) name: &'static str,
    /// The frame, from the Ethernet header on.
    pub(crate) frame: Vec<u8>,
    /// Consecutive protocols, as tshark calls them.
    pub(crate) protocols: &'static str,
    /// Layers whose checksum tshark is to verify.
    pub(crate) verified: &'static [&'static str],
    /// Fields and their values.
    pub(crate) fields: Vec<(&'static str, String)>,
}

const STATION: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
const OTHER: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);
const V4: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 2));
const V6: (Ipv6Addr, Ipv6Addr) =
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Every sample.
pub(crate) fn samples() -> Vec<Sample> {
    [
        link::link(),
        internet::ipv4(),
        internet::ipv6(),
        icmp::icmp(),
        icmp::icmp6(),
        icmp::neighbor_discovery(),
        groups::igmp(),
        groups::mld(),
        transport::udp(),
        transport::tcp(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn sample(
    name: &'static str,
    protocols: &'static str,
    verified: &'static [&'static str],
    fields: &[(&'static str, &str)],
    frame: Vec<u8>,
) -> Sample {
    let fields = fields.iter().map(|(field, value)| (*field, value.to_string())).collect();
    Sample { name, frame, protocols, verified, fields }
}

/// `len` bytes that `write` fills.
fn emit(len: usize, write: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut out = vec![0; len];
    write(&mut out);
    out
}

fn ethernet(ether_type: EtherType, vlan: Option<VlanTag>, payload: &[u8]) -> Vec<u8> {
    let header = EthernetHeader { destination: OTHER, source: STATION, vlan, ether_type };
    [&emit(header.header_len(), |out| header.emit(out)), payload].concat()
}

fn v4_header(protocol: IpProtocol, payload: &[u8]) -> Ipv4Header {
    Ipv4Header {
        source: V4.0,
        destination: V4.1,
        protocol,
        hop_limit: 64,
        dscp: 0,
        ecn: Ecn::NotEct,
        identification: 0x1234,
        dont_fragment: true,
        more_fragments: false,
        fragment_offset: 0,
        payload_len: payload.len() as u16,
        options: Ipv4Options::default(),
    }
}

fn v4_packet(header: &Ipv4Header, payload: &[u8]) -> Vec<u8> {
    [&emit(header.header_len(), |out| header.emit(out)), payload].concat()
}

fn v4_frame(protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    ethernet(EtherType::Ipv4, None, &v4_packet(&v4_header(protocol, payload), payload))
}

fn v6_packet(source: Ipv6Addr, destination: Ipv6Addr, next_header: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let header = Ipv6Header {
        source,
        destination,
        next_header,
        // Neighbor Discovery is valid with 255 only; others may have it as well.
        hop_limit: 255,
        dscp: 46,
        ecn: Ecn::Ect0,
        flow_label: 0xabcde,
        payload_len: payload.len() as u16,
    };
    [&emit(Ipv6Header::LEN, |out| header.emit(out)), payload].concat()
}

fn v6_frame(next_header: IpProtocol, payload: &[u8]) -> Vec<u8> {
    ethernet(EtherType::Ipv6, None, &v6_packet(V6.0, V6.1, next_header, payload))
}

/// A UDP datagram to the discard port, with its checksum.
fn datagram((source, destination): (std::net::IpAddr, std::net::IpAddr), data: &[u8]) -> Vec<u8> {
    let length = 8 + data.len() as u16;
    let header = UdpHeader { source_port: 50000, destination_port: 9, length, checksum: 0 };
    let mut datagram = [&emit(8, |out| header.emit(out)), data].concat();
    let mut checksum = Checksum::new();
    checksum.pseudo_header(source, destination, UdpHeader::PROTOCOL, length.into());
    checksum.add(&datagram);
    datagram[UdpHeader::CHECKSUM_OFFSET..8].copy_from_slice(&checksum.finish_udp().to_be_bytes());
    datagram
}
