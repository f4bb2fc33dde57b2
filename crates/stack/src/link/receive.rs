//! From a frame to a packet (RFC 894, RFC 2464).

use bytes::{Buf, Bytes};
use fathom_record::DropReason;
use fathom_wire::{EtherType, EthernetAddress, EthernetHeader};

use crate::interface::Medium;

/// What a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Received {
    /// An IP packet, perhaps with padding behind it.
    Ip {
        /// The frame was sent to a group or to everybody (RFC 1122 2.4).
        broadcast: bool,
    },
    /// An ARP packet.
    Arp,
}

/// Takes the link header off a frame.
pub(crate) fn receive(medium: Medium, frame: &mut Bytes) -> Result<Received, DropReason> {
    let Medium::Ethernet { address } = medium else {
        return Ok(Received::Ip { broadcast: false });
    };
    let parsed = EthernetHeader::parse(frame);
    let Ok(header) = &parsed else { return Err(DropReason::LinkMalformed) };
    // IEEE 802.3 3.2.3: a group is never a source. Ours comes back from a loop in the network.
    if header.source.is_multicast() || header.source == address {
        return Err(DropReason::LinkMalformed);
    }
    if !is_for_us(header.destination, address) {
        return Err(DropReason::LinkNotForUs);
    }
    // A tag with VLAN 0 gives a priority only (IEEE 802.1Q 6.9.1); we are on no other VLAN.
    if header.vlan.is_some_and(|tag| tag.id != 0) {
        return Err(DropReason::VlanMismatch);
    }
    frame.advance(header.header_len());
    match header.ether_type {
        EtherType::Ipv4 | EtherType::Ipv6 => {
            let version = frame.first().map(|byte| byte >> 4);
            let expected = if header.ether_type == EtherType::Ipv4 { 4 } else { 6 };
            // RFC 1122 3.2.1.1, RFC 8200 3: another version than announced is dropped.
            if version != Some(expected) {
                return Err(DropReason::IpMalformed);
            }
            Ok(Received::Ip { broadcast: header.destination.is_multicast() })
        }
        EtherType::Arp => Ok(Received::Arp),
        EtherType::Vlan | EtherType::Unknown(_) => Err(DropReason::UnknownEtherType),
    }
}

/// Bytes of the link header of a frame; of the whole frame when it is too short for one.
pub(crate) fn header_len(medium: Medium, frame: &[u8]) -> usize {
    match medium {
        Medium::Ip => 0,
        Medium::Ethernet { .. } => {
            EthernetHeader::parse(frame).map_or(frame.len(), |header| header.header_len())
        }
    }
}

/// Our own address, everybody's, and all groups: which group we are in is the internet layer's to know.
fn is_for_us(destination: EthernetAddress, ours: EthernetAddress) -> bool {
    destination == ours || destination.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const OURS: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
    const V4: &[u8] = &[0x08, 0x00, 0x45, 9];
    const THEIRS: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);

    fn frame(destination: EthernetAddress, source: EthernetAddress, rest: &[u8]) -> Bytes {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&destination.0);
        bytes.extend_from_slice(&source.0);
        bytes.extend_from_slice(rest);
        bytes.into()
    }

    #[test]
    fn frames_are_sorted_by_destination_type_and_tag() {
        let multicast = EthernetAddress([0x33, 0x33, 0, 0, 0, 1]);
        // What is left of the frame is the packet.
        let ip = |broadcast| Ok((Received::Ip { broadcast }, &[0x45, 9][..]));
        type Row =
            (EthernetAddress, EthernetAddress, &'static [u8], Result<(Received, &'static [u8]), DropReason>);
        let table: &[Row] = &[
            (OURS, THEIRS, V4, ip(false)),
            (EthernetAddress::BROADCAST, THEIRS, V4, ip(true)),
            (multicast, THEIRS, V4, ip(true)),
            (THEIRS, THEIRS, V4, Err(DropReason::LinkNotForUs)),
            (OURS, multicast, V4, Err(DropReason::LinkMalformed)),
            (OURS, OURS, V4, Err(DropReason::LinkMalformed)),
            (OURS, THEIRS, &[0x08], Err(DropReason::LinkMalformed)),
            (OURS, THEIRS, &[0x08, 0x00], Err(DropReason::IpMalformed)),
            (OURS, THEIRS, &[0x86, 0xdd, 0x45, 9], Err(DropReason::IpMalformed)),
            (OURS, THEIRS, &[0x08, 0x06, 1], Ok((Received::Arp, &[1]))),
            (OURS, THEIRS, &[0x88, 0x08, 1], Err(DropReason::UnknownEtherType)),
            // Priority-tagged, and tagged with VLAN 5.
            (OURS, THEIRS, &[0x81, 0x00, 0xe0, 0x00, 0x08, 0x00, 0x45, 9], ip(false)),
            (OURS, THEIRS, &[0x81, 0x00, 0x00, 0x05, 0x08, 0x00, 0x45, 9], Err(DropReason::VlanMismatch)),
        ];
        for (destination, source, rest, expected) in table {
            let frame = frame(*destination, *source, rest);
            let mut left = frame.clone();
            let received = receive(Medium::Ethernet { address: OURS }, &mut left);
            // RFC1122-R8, IEEE802.3-R4, IEEE802.1Q-R3
            assert_eq!(&received.map(|received| (received, &left[..])), expected, "{frame:x?}");
        }
    }
}
