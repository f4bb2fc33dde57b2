//! What a hostile other end says of a frame in its virtio header.

use fathom_device::fuzzing::check_virtio;
use fathom_device::{Checksum, Medium};
use fathom_wire::{EthernetHeader, IpHeader, IpProtocol, Ipv6Chain, Ipv6Header, TcpHeader};

/// A header and the frame behind it, on either medium.
pub(crate) fn virtio(bytes: &[u8]) {
    for medium in [Medium::Ip, Medium::Ethernet] {
        let mut changed = bytes.to_vec();
        let Ok((segment_size, checksum)) = check_virtio(&mut changed, medium) else {
            assert_eq!(changed, bytes, "what is refused stays as it was");
            continue;
        };
        let (frame, before) = (&changed[10..], &bytes[10..]);
        let differing: Vec<usize> = (0..frame.len()).filter(|at| frame[*at] != before[*at]).collect();
        // The field of a checksum that nobody here knows.
        assert!(differing.iter().all(|at| at - differing[0] < 2), "changed at {differing:?}");
        assert!(differing.is_empty() || checksum == Checksum::Unverified);
        if let Some(size) = segment_size {
            let transport = transport(frame, medium).expect("a super-segment is of TCP or UDP");
            assert_ne!(checksum, Checksum::Unverified);
            assert!(transport.data > usize::from(size.get()), "one segment is none to cut");
        } else if checksum == Checksum::Partial {
            assert!(transport(frame, medium).is_some(), "nothing has a checksum to complete");
        }
    }
}

struct Transport {
    /// Bytes behind the transport header.
    data: usize,
}

/// The TCP or UDP packet in a frame, found by the parsers.
fn transport(frame: &[u8], medium: Medium) -> Option<Transport> {
    let link_len = match medium {
        Medium::Ip => 0,
        Medium::Ethernet => EthernetHeader::parse(frame).ok()?.header_len(),
    };
    let packet = &frame[link_len..];
    let header = IpHeader::parse(packet).ok()?;
    let payload = &packet[header.header_len()..header.header_len() + header.payload_len()];
    let (protocol, offset) = match &header {
        IpHeader::V4(header) => (header.protocol, 0),
        IpHeader::V6(header) => {
            assert_eq!(header.header_len(), Ipv6Header::LEN);
            let chain = Ipv6Chain::parse(header.next_header, payload).ok()?;
            (chain.protocol, chain.offset)
        }
    };
    let header_len = match protocol {
        IpProtocol::Tcp => TcpHeader::data_offset(&payload[offset..]),
        IpProtocol::Udp => 8,
        _ => return None,
    };
    Some(Transport { data: (payload.len() - offset).saturating_sub(header_len) })
}
