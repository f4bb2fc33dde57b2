//! From a packet to a frame: the link header, and the next hop's link address.

use core::net::IpAddr;

use fathom_wire::{EtherType, EthernetAddress, EthernetHeader};

use crate::interface::Medium;
use crate::outgoing::{Headers, emit};

/// Adds the link header: the headers of a frame begin with it, those of the layers above follow. The
/// destination is filled in when the next hop's link address is known.
pub(crate) fn transmit(medium: Medium, ether_type: EtherType) -> Headers {
    let mut headers = Headers::new();
    append_header(&mut headers, medium, ether_type);
    headers
}

/// The same, behind what `headers` holds.
#[inline]
pub(crate) fn append_header(headers: &mut Headers, medium: Medium, ether_type: EtherType) {
    if let Medium::Ethernet { address } = medium {
        let header = EthernetHeader {
            destination: EthernetAddress::UNSPECIFIED,
            source: address,
            vlan: None,
            ether_type,
        };
        emit(headers, EthernetHeader::LEN, |out| header.emit(out));
    }
}

/// Bytes of the link header.
pub(crate) fn header_len(medium: Medium) -> usize {
    match medium {
        Medium::Ethernet { .. } => EthernetHeader::LEN,
        Medium::Ip => 0,
    }
}

/// The link address of a next hop that needs no asking for: groups and broadcast.
pub(crate) fn mapped(next_hop: IpAddr, is_broadcast: bool) -> Option<EthernetAddress> {
    match next_hop {
        _ if is_broadcast => Some(EthernetAddress::BROADCAST),
        IpAddr::V4(v4) if v4.is_multicast() => Some(EthernetAddress::multicast_v4(v4)),
        IpAddr::V6(v6) if v6.is_multicast() => Some(EthernetAddress::multicast_v6(v6)),
        _ => None,
    }
}
