//! What a device does with a frame that the stack has left unfinished: it cuts super-segments and completes
//! checksums. Written for itself and as plainly as can be, so that it also checks what the stack leaves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::{Bytes, BytesMut};
use fathom_stack::TransmitChecksum;
use fathom_wire::{Checksum, IpProtocol};

/// The frames that go onto the link.
pub(crate) fn finish(
    frame: Bytes,
    link_len: usize,
    segment_size: Option<u16>,
    checksum: TransmitChecksum,
) -> Vec<Bytes> {
    let TransmitChecksum::Partial { start, offset } = checksum else {
        assert!(segment_size.is_none(), "a super-segment comes with an unfinished checksum");
        return vec![frame];
    };
    let (start, offset) = (usize::from(start), usize::from(offset));
    let is_tcp = offset == 16;
    let header_end = start + if is_tcp { usize::from(frame[start + 12] >> 4) * 4 } else { 8 };
    let payload = frame.slice(header_end..);
    let size = segment_size.map_or(payload.len().max(1), usize::from);
    let count = payload.len().div_ceil(size).max(1);
    let piece = |number: usize| {
        let data = payload.slice(number * size..payload.len().min((number + 1) * size));
        let mut out = BytesMut::from(&frame[..header_end]);
        out.extend_from_slice(&data);
        let (len, last) = (out.len(), number + 1 == count);
        let ip = &mut out[link_len..];
        if ip[0] >> 4 == 4 {
            ip[2..4].copy_from_slice(&((len - link_len) as u16).to_be_bytes());
            let id = u16::from_be_bytes([ip[4], ip[5]]).wrapping_add(number as u16);
            ip[4..6].copy_from_slice(&id.to_be_bytes());
            let header_len = usize::from(ip[0] & 0xf) * 4;
            ip[10..12].fill(0);
            let mut sum = Checksum::new();
            sum.add(&ip[..header_len]);
            ip[10..12].copy_from_slice(&sum.finish().to_be_bytes());
        } else {
            ip[4..6].copy_from_slice(&((len - link_len - 40) as u16).to_be_bytes());
        }
        if is_tcp {
            let seq = u32::from_be_bytes([out[start + 4], out[start + 5], out[start + 6], out[start + 7]]);
            let seq = seq.wrapping_add((number * size) as u32);
            out[start + 4..start + 8].copy_from_slice(&seq.to_be_bytes());
            // FIN and PSH belong to the last, CWR to the first.
            if !last {
                out[start + 13] &= !0x09;
            }
            if number > 0 {
                out[start + 13] &= !0x80;
            }
        } else {
            out[start + 4..start + 6].copy_from_slice(&((len - start) as u16).to_be_bytes());
        }
        out[start + offset..start + offset + 2].fill(0);
        let sum = transport_checksum(&out[link_len..], start - link_len, is_tcp);
        let field = if is_tcp { sum.finish() } else { sum.finish_udp() };
        out[start + offset..start + offset + 2].copy_from_slice(&field.to_be_bytes());
        out.freeze()
    };
    (0..count).map(piece).collect()
}

/// The sum over the pseudo-header and everything from `start` on, in a packet.
pub(crate) fn transport_checksum(packet: &[u8], start: usize, is_tcp: bool) -> Checksum {
    let (source, destination) = addresses(packet);
    let protocol = if is_tcp { IpProtocol::Tcp } else { IpProtocol::Udp };
    let mut sum = Checksum::new();
    sum.pseudo_header(source, destination, protocol, (packet.len() - start) as u32);
    sum.add(&packet[start..]);
    sum
}

/// Source and destination of a packet.
pub(crate) fn addresses(packet: &[u8]) -> (IpAddr, IpAddr) {
    if packet[0] >> 4 == 4 {
        let at = |from: usize| {
            let bytes: [u8; 4] = packet[from..from + 4].try_into().unwrap_or_default();
            IpAddr::V4(Ipv4Addr::from(bytes))
        };
        (at(12), at(16))
    } else {
        let at = |from: usize| {
            let bytes: [u8; 16] = packet[from..from + 16].try_into().unwrap_or_default();
            IpAddr::V6(Ipv6Addr::from(bytes))
        };
        (at(8), at(24))
    }
}

#[cfg(test)]
mod tests {
    use fathom_wire::{Ecn, IpHeader, Ipv4Header, SeqNumber, TcpFlags, TcpHeader};

    use super::*;

    #[test]
    fn a_super_segment_becomes_segments_that_any_receiver_takes() {
        let ip = Ipv4Header {
            source: [10, 0, 0, 1].into(),
            destination: [10, 0, 0, 2].into(),
            protocol: IpProtocol::Tcp,
            hop_limit: 64,
            dscp: 0,
            ecn: Ecn::NotEct,
            identification: u16::MAX,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
            payload_len: 20 + 250,
            options: Default::default(),
        };
        let tcp = TcpHeader {
            seq: SeqNumber(u32::MAX - 99),
            flags: TcpFlags::ACK | TcpFlags::PSH | TcpFlags::FIN | TcpFlags::CWR,
            ..TcpHeader::default()
        };
        let mut frame = vec![0; 40];
        ip.emit(&mut frame);
        tcp.emit(&mut frame[20..]);
        frame.extend(0..250);
        let checksum = TransmitChecksum::Partial { start: 20, offset: 16 };
        let pieces = finish(frame.into(), 0, Some(100), checksum);
        let lens: Vec<usize> = pieces.iter().map(|piece| piece.len() - 40).collect();
        assert_eq!(lens, [100, 100, 50]);
        let headers: Vec<TcpHeader> =
            pieces.iter().map(|piece| TcpHeader::parse(&piece[20..]).unwrap()).collect();
        let seqs: Vec<u32> = headers.iter().map(|header| header.seq.0).collect();
        assert_eq!(seqs, [u32::MAX - 99, 0, 100]);
        let flags: Vec<TcpFlags> = headers.iter().map(|header| header.flags).collect();
        assert_eq!(flags[0], TcpFlags::ACK | TcpFlags::CWR);
        assert_eq!(flags[1], TcpFlags::ACK);
        assert_eq!(flags[2], TcpFlags::ACK | TcpFlags::PSH | TcpFlags::FIN);
        for piece in &pieces {
            let header = IpHeader::parse(piece).unwrap();
            assert_eq!(header.payload_len() + 20, piece.len());
            assert!(transport_checksum(piece, 20, true).is_valid());
        }
    }
}
