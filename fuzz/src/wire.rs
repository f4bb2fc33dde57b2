//! The parsers of fathom-wire, one function per protocol.
//!
//! What all have in common: no input makes a parser panic; what parses is emitted to bytes that parse to
//! the same (so emission is stable); and where the type holds all that the bytes say, they are emitted as
//! they were.

use std::net::Ipv6Addr;

use fathom_wire::internet::extension::RoutingFixed;
use fathom_wire::internet::igmp::{self, IgmpRecordFixed};
use fathom_wire::internet::ipv4::Ipv4Fixed;
use fathom_wire::internet::mld::{self, MldRecordFixed};
use fathom_wire::internet::{icmpv4, icmpv6};
use fathom_wire::link::vlan::VlanFixed;
use fathom_wire::transport::options;
use fathom_wire::*;

/// Ethernet II with or without an 802.1Q tag.
pub(crate) fn ethernet(bytes: &[u8]) {
    read_fields(EthernetHeader::FIELDS, bytes);
    let Ok(header) = EthernetHeader::parse(bytes) else {
        assert!(bytes.len() < EthernetHeader::LEN + VlanFixed::LEN, "a whole header was refused");
        return;
    };
    read_fields(VlanFixed::FIELDS, &bytes[EthernetHeader::LEN..]);
    let emitted = emit(header.header_len(), |out| header.emit(out));
    assert_eq!(emitted, bytes[..emitted.len()]);
}

/// ARP for IPv4 over Ethernet.
pub(crate) fn arp(bytes: &[u8]) {
    read_fields(ArpPacket::FIELDS, bytes);
    let Ok(packet) = ArpPacket::parse(bytes) else { return };
    let emitted = emit(packet.header_len(), |out| packet.emit(out));
    assert_eq!(emitted, bytes[..emitted.len()]);
}

/// The IPv4 header, of a whole packet and of a quoted one.
pub(crate) fn ipv4(bytes: &[u8]) {
    read_fields(Ipv4Header::FIELDS, bytes);
    let quoted = Ipv4Header::parse_quoted(bytes);
    let whole = Ipv4Header::parse(bytes);
    if let Ok(whole) = &whole {
        assert_eq!(Ok(whole), quoted.as_ref(), "a whole packet can be quoted");
        assert!(whole.header_len() + usize::from(whole.payload_len) <= bytes.len());
    }
    let Ok(header) = quoted else { return };
    header.options.iter().for_each(|option| assert!(option.data.len() <= 38));
    let mut emitted = emit(header.header_len(), |out| header.emit(out));
    // The type has no place for the reserved bit, and the checksum is computed anew.
    let fixed = Ipv4Fixed::parse(bytes).expect("it was parsed before");
    if !fixed.reserved && whole.is_ok() {
        // 0 and 0xffff are the same sum; only the first can be right.
        let same = if fixed.header_checksum == 0xffff { 0..10 } else { 0..emitted.len() };
        assert_eq!(emitted[same.clone()], bytes[same]);
    }
    emitted.resize(emitted.len() + usize::from(header.payload_len), 0);
    assert_eq!(IpHeader::parse(&emitted), Ok(header.into()));
}

/// The IPv6 header and what extension headers follow it.
pub(crate) fn ipv6(bytes: &[u8]) {
    read_fields(Ipv6Header::FIELDS, bytes);
    let Ok(header) = Ipv6Header::parse_quoted(bytes) else { return };
    let whole = bytes.len() >= Ipv6Header::LEN + usize::from(header.payload_len);
    assert_eq!(Ipv6Header::parse(bytes).ok(), whole.then_some(header));
    let emitted = emit(header.header_len(), |out| header.emit(out));
    assert_eq!(emitted, bytes[..emitted.len()]);
    let payload = &bytes[emitted.len()..];
    match Ipv6Chain::parse(header.next_header, payload) {
        Ok(chain) => extension_headers(header.next_header, &chain, payload),
        Err(ExtensionError::UnrecognizedOption { pointer, .. } | ExtensionError::RoutingType { pointer }) => {
            assert!((40..bytes.len()).contains(&(pointer as usize)), "the pointer is outside the packet");
        }
        Err(ExtensionError::Malformed(_) | ExtensionError::TooMany) => {}
    }
}

/// The headers of a chain follow each other, lead to its end, and are emitted as they stand.
fn extension_headers(first: IpProtocol, chain: &Ipv6Chain, payload: &[u8]) {
    let (mut protocol, mut offset, mut pointer) = (first, 0, 6);
    for header in &chain.headers {
        assert_eq!((header.protocol, header.offset), (protocol, offset));
        let bytes = &payload[header.range()];
        let emitted = match header.protocol {
            IpProtocol::HopByHop | IpProtocol::DestinationOptions => {
                let header = Ipv6OptionsHeader::parse(bytes).expect("the chain passed it");
                let last = header.options.last().expect("six bytes hold an option");
                assert!(last.offset + last.data.len() <= bytes.len());
                emit(header.header_len(), |out| header.emit(out))
            }
            IpProtocol::Ipv6Route => {
                read_fields(RoutingFixed::FIELDS, bytes);
                let header = Ipv6RoutingHeader::parse(bytes).expect("the chain passed it");
                emit(header.header_len(), |out| header.emit(out))
            }
            IpProtocol::Ipv6Fragment => {
                read_fields(Ipv6FragmentHeader::FIELDS, bytes);
                let header = Ipv6FragmentHeader::parse(bytes).expect("the chain passed it");
                let emitted = emit(header.header_len(), |out| header.emit(out));
                assert_eq!(Ipv6FragmentHeader::parse(&emitted), Ok(header));
                // The type has no place for the reserved bits.
                if bytes[1] == 0 && bytes[3] & 6 == 0 { emitted } else { bytes.to_vec() }
            }
            other => panic!("{other} is no extension header"),
        };
        assert_eq!(emitted, bytes);
        protocol = bytes[0].into();
        pointer = 40 + header.offset;
        offset += header.len;
    }
    assert_eq!((chain.protocol, chain.offset, chain.next_header_pointer), (protocol, offset, pointer));
    assert!(chain.offset <= payload.len());
}

/// ICMP for IPv4: the bytes as they are, and with a checksum that fits.
pub(crate) fn icmpv4(bytes: &[u8]) {
    if let Some(kind) = bytes.first() {
        read_fields(icmpv4::fields(*kind), bytes);
    }
    let _ = Icmpv4Message::parse(bytes);
    let Some(valid) = with_checksum(bytes, 2, Checksum::new()) else { return };
    let message = Icmpv4Message::parse(&valid).expect("every message with a valid checksum is one");
    let emitted = emit(message.len(), |out| message.emit(out));
    assert_eq!(emitted.len(), valid.len());
    assert_eq!(Icmpv4Message::parse(&emitted).as_ref(), Ok(&message));
    use Icmpv4Message::{EchoReply, EchoRequest, Unknown};
    // Other types have bytes that say nothing, and for which there is no place.
    if matches!(message, EchoRequest { .. } | EchoReply { .. } | Unknown { .. }) {
        assert_eq!(emitted[4..], valid[4..]);
    }
}

/// ICMP for IPv6, with Neighbor Discovery: the bytes as they are, and with a checksum that fits.
pub(crate) fn icmpv6(bytes: &[u8]) {
    let (source, destination) = (Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED);
    if let Some(kind) = bytes.first() {
        read_fields(icmpv6::fields(*kind), bytes);
    }
    let _ = Icmpv6Message::parse(source, destination, bytes);
    let mut pseudo = Checksum::new();
    pseudo.pseudo_header(source.into(), destination.into(), IpProtocol::Icmpv6, bytes.len() as u32);
    let Some(valid) = with_checksum(bytes, 2, pseudo) else { return };
    let Ok(message) = Icmpv6Message::parse(source, destination, &valid) else {
        let with_structure = (133..=137).contains(&bytes[0]) || MldMessage::is_kind(bytes[0]);
        assert!(with_structure, "only Neighbor Discovery and MLD may be malformed");
        return;
    };
    let emitted = emit(message.len(), |out| message.emit(source, destination, out));
    // RFC 3810 5.1.12: what lies behind an MLD message is ignored.
    let whole = !MldMessage::is_kind(bytes[0]);
    assert!(emitted.len() == valid.len() || !whole && emitted.len() < valid.len());
    assert_eq!(Icmpv6Message::parse(source, destination, &emitted), Ok(message));
    let Icmpv6Message::Ndp(message) = message else { return };
    let mut rest = message.options().as_bytes();
    for option in message.options() {
        let (_, behind) = rest.split_at(option.option_len());
        rest = behind;
        let emitted = emit(option.option_len(), |out| option.emit(out));
        let parsed = NdpOptions::new(&emitted).expect("what is emitted is well-formed").next();
        assert_eq!(parsed, Some(option));
    }
    assert!(rest.is_empty(), "an option was lost");
}

/// IGMP of all versions: the bytes as they are, and with a checksum that fits.
pub(crate) fn igmp(bytes: &[u8]) {
    if let Some(kind) = bytes.first() {
        read_fields(igmp::fields(*kind, bytes.len()), bytes);
    }
    let _ = IgmpMessage::parse(bytes);
    let Some(valid) = with_checksum(bytes, 2, Checksum::new()) else { return };
    let Ok(message) = IgmpMessage::parse(&valid) else { return };
    match &message {
        IgmpMessage::QueryV3 { sources, .. } => {
            assert_eq!(sources.iter().count(), sources.len());
            assert!(12 + 4 * sources.len() <= valid.len(), "sources beyond the message");
        }
        IgmpMessage::ReportV3 { records } => {
            assert_eq!(records.iter().count(), records.len());
            for record in records.iter() {
                assert_eq!(record.sources.iter().count(), record.sources.len());
            }
            read_fields(IgmpRecordFixed::FIELDS, records.as_bytes());
        }
        _ => {}
    }
    let emitted = emit(message.len(), |out| message.emit(out));
    assert_eq!(IgmpMessage::parse(&emitted).as_ref(), Ok(&message));
}

/// MLD of both versions, as the ICMPv6 message it is.
pub(crate) fn mld(bytes: &[u8]) {
    let (source, destination) = (Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED);
    if let Some(kind) = bytes.first().filter(|kind| MldMessage::is_kind(**kind)) {
        read_fields(mld::fields(*kind, bytes.len()), bytes);
    }
    let mut pseudo = Checksum::new();
    pseudo.pseudo_header(source.into(), destination.into(), IpProtocol::Icmpv6, bytes.len() as u32);
    let Some(valid) = with_checksum(bytes, 2, pseudo) else { return };
    let Ok(message) = Icmpv6Message::parse(source, destination, &valid) else { return };
    let Icmpv6Message::Mld(mld) = &message else { return };
    match mld {
        MldMessage::QueryV2 { sources, .. } => {
            assert_eq!(sources.iter().count(), sources.len());
            assert!(28 + 16 * sources.len() <= valid.len(), "sources beyond the message");
        }
        MldMessage::ReportV2 { records } => {
            assert_eq!(records.iter().count(), records.len());
            for record in records.iter() {
                assert_eq!(record.sources.iter().count(), record.sources.len());
            }
            read_fields(MldRecordFixed::FIELDS, records.as_bytes());
        }
        _ => {}
    }
    let emitted = emit(message.len(), |out| message.emit(source, destination, out));
    assert_eq!(Icmpv6Message::parse(source, destination, &emitted).as_ref(), Ok(&message));
}

/// The UDP header.
pub(crate) fn udp(bytes: &[u8]) {
    read_fields(UdpHeader::FIELDS, bytes);
    if let Ok(header) = UdpHeader::parse_datagram(bytes) {
        assert!((8..=bytes.len()).contains(&usize::from(header.length)));
    }
    let Ok(header) = UdpHeader::parse(bytes) else { return };
    let emitted = emit(header.header_len(), |out| header.emit(out));
    assert_eq!(emitted, bytes[..emitted.len()]);
}

/// The TCP header with its options.
pub(crate) fn tcp(bytes: &[u8]) {
    read_fields(TcpHeader::FIELDS, bytes);
    let data_offset = TcpHeader::data_offset(bytes);
    let Ok(header) = TcpHeader::parse(bytes) else {
        let whole = (20..=bytes.len()).contains(&data_offset);
        assert!(!whole || !well_formed(&bytes[20..data_offset]), "a whole header was refused");
        return;
    };
    let options = &bytes[20..data_offset];
    assert!(well_formed(options), "a malformed option was accepted");
    let walked: usize = options::walk(options).map(|option| option.expect("well-formed").len()).sum();
    assert!(walked <= options.len());
    assert!(header.options.fits());
    let emitted = emit(header.header_len(), |out| header.emit(out));
    assert_eq!(TcpHeader::data_offset(&emitted), emitted.len());
    assert_eq!(TcpHeader::parse(&emitted), Ok(header));
}

/// TCP options alone: what the walk finds, and what a sender makes of what it was asked to send.
pub(crate) fn tcp_options(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(options::MAX_LEN)];
    let Ok(parsed) = TcpOptions::parse(bytes) else {
        assert!(!well_formed(bytes), "well-formed options were refused");
        return;
    };
    assert!(well_formed(bytes), "malformed options were accepted");
    let mut end = 0;
    for option in options::walk(bytes).map(|option| option.expect("well-formed")) {
        read_fields(options::fields(option.kind), option.bytes);
        assert_eq!(option.offset, end, "options follow each other");
        assert_eq!(option.bytes, &bytes[end..end + option.len()]);
        end += option.len();
    }
    // What is sent holds what was received, in words of four bytes.
    assert!(parsed.fits() && parsed.encoded_len() <= options::MAX_LEN);
    assert!(parsed.encoded_len().is_multiple_of(4));
    let emitted = emit(parsed.encoded_len(), |out| parsed.emit(out));
    assert_eq!(TcpOptions::parse(&emitted), Ok(parsed.clone()));
    let ack = SeqNumber(bytes.first().map_or(0, |byte| u32::from(*byte) << 24));
    if let Some(block) = parsed.duplicate_sack(ack) {
        assert_eq!(parsed.sack.first(), Some(&block), "a duplicate is reported first");
    }
}

/// A naive reading of the rule for options: kind 0 ends, 1 is one byte, others have a length of at least 2
/// that stays inside.
fn well_formed(options: &[u8]) -> bool {
    let mut left = options.iter();
    while let Some(kind) = left.next() {
        match kind {
            0 => return true,
            1 => {}
            _ => match left.next() {
                Some(len) if *len >= 2 => {
                    for _ in 2..*len {
                        if left.next().is_none() {
                            return false;
                        }
                    }
                }
                _ => return false,
            },
        }
    }
    true
}

/// Reads each field, as a dissector does, of headers that may be cut anywhere.
fn read_fields(fields: &[Field], bytes: &[u8]) {
    for field in fields {
        let value = field.value(bytes);
        assert_eq!(value.is_some(), bytes.len() * 8 >= field.end, "{}", field.name);
    }
}

/// What `write` writes to `len` bytes, which must not depend on what was there before.
fn emit(len: usize, write: impl Fn(&mut [u8])) -> Vec<u8> {
    let (mut out, mut again) = (vec![0x00; len], vec![0xff; len]);
    write(&mut out);
    write(&mut again);
    assert_eq!(out, again, "some byte was not written");
    out
}

/// `bytes` with the checksum, at offset `at`, that fits after what `before` summed.
fn with_checksum(bytes: &[u8], at: usize, before: Checksum) -> Option<Vec<u8>> {
    if bytes.len() < 8 {
        return None;
    }
    let mut valid = bytes.to_vec();
    valid[at..at + 2].fill(0);
    let mut checksum = before;
    checksum.add(&valid);
    valid[at..at + 2].copy_from_slice(&checksum.finish().to_be_bytes());
    Some(valid)
}
