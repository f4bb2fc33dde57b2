//! What ICMP for IPv4 and for IPv6 have in common.

use core::net::IpAddr;

use arrayvec::ArrayVec;
use bytes::Bytes;
use fathom_record::RecordId;
use fathom_wire::{Ecn, IpHeader, IpProtocol, Ipv6Chain};

use crate::packet::{Departing, Fragmentation, IcmpErrorFor, IcmpErrorKind};

/// Bytes of type, code, checksum and the four that follow, which every message has.
pub(crate) const HEADER: usize = 8;
/// Where the checksum is in a message.
pub(crate) const CHECKSUM_OFFSET: usize = 2;
/// An error must quote this much of the transport header (RFC 792): ports and sequence number.
const QUOTED_TRANSPORT: usize = 8;

/// What a message means to us.
#[derive(Debug)]
pub(crate) enum Meaning {
    /// Asks for its data to be sent back.
    EchoRequest { identifier: u16, sequence: u16, data: Bytes },
    /// Answers an echo request of a socket.
    EchoReply,
    /// Something is wrong with a packet that we sent, quoted from its IP header on.
    Error { kind: IcmpErrorKind, invoking: Bytes },
    /// A message of neighbour discovery.
    NeighbourDiscovery,
    /// A message of multicast listener discovery.
    ListenerDiscovery,
    /// Nothing: of an unknown type (RFC 1122 3.2.2, RFC 4443 2.4 b), or of one that we do not act on.
    Nothing,
}

/// The packet of a message, whose checksum the internet layer fills in.
pub(crate) fn packet(
    source: IpAddr,
    destination: IpAddr,
    protocol: IpProtocol,
    hop_limit: u8,
    message: Bytes,
) -> Departing {
    let mut header: ArrayVec<u8, _> = message[..HEADER].iter().copied().collect();
    header[CHECKSUM_OFFSET..CHECKSUM_OFFSET + 2].fill(0);
    let mut slices = ArrayVec::new();
    if message.len() > HEADER {
        slices.push(message.slice(HEADER..));
    }
    Departing {
        source,
        destination,
        protocol,
        hop_limit,
        dscp: 0,
        ecn: Ecn::NotEct,
        header,
        checksum_offset: CHECKSUM_OFFSET as u8,
        slices,
        segment_size: None,
        fragmentation: Fragmentation::Allowed,
        cause: None,
    }
}

/// The error about the packet that `invoking` quotes, as the transport layer sees it; `None` when too little
/// is quoted to tell whom it concerns.
pub(crate) fn error_for(
    kind: IcmpErrorKind,
    reporter: IpAddr,
    hop_limit: u8,
    invoking: &Bytes,
    cause: Option<RecordId>,
) -> Option<IcmpErrorFor> {
    let header = IpHeader::parse_quoted(invoking).ok()?;
    let mut transport = invoking.slice(header.header_len()..);
    let protocol = match &header {
        IpHeader::V4(header) if header.fragment_offset > 0 => return None,
        IpHeader::V4(header) => header.protocol,
        IpHeader::V6(header) => {
            let chain = Ipv6Chain::parse(header.next_header, &transport).ok()?;
            if chain.fragment.is_some_and(|fragment| fragment.offset > 0) {
                return None;
            }
            transport = transport.slice(chain.offset..);
            chain.protocol
        }
    };
    (transport.len() >= QUOTED_TRANSPORT).then(|| IcmpErrorFor {
        kind,
        reporter,
        hop_limit,
        source: header.source(),
        destination: header.destination(),
        protocol,
        quoted: transport,
        packet_len: header.header_len() + header.payload_len(),
        cause,
    })
}
