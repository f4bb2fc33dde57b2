//! Frames that no stack of the world has made: what routers on the way say, and what attackers send.

use std::net::IpAddr;

use bytes::Bytes;
use fathom_wire::{Checksum, IpProtocol, SeqNumber, TcpFlags, TcpHeader, TcpOptions};

use crate::cut::{addresses, transport_checksum};

/// The answer of a router to a packet that is too large for what follows: RFC 792, RFC 1191 4; RFC 4443 3.2.
/// `None` where routers do not answer.
pub(crate) fn packet_too_big(frame: &[u8], link_len: usize, mtu: usize) -> Option<Bytes> {
    let packet = &frame[link_len..];
    let (source, destination) = addresses(packet);
    let v4 = packet[0] >> 4 == 4;
    let quote = &packet[..packet.len().min(if v4 { 28 } else { 1232 })];
    let mut icmp = if v4 { vec![3, 4, 0, 0] } else { vec![2, 0, 0, 0] };
    icmp.extend_from_slice(&(mtu as u32).to_be_bytes());
    icmp.extend_from_slice(quote);
    let mut sum = Checksum::new();
    if !v4 {
        sum.pseudo_header(destination, source, IpProtocol::Icmpv6, icmp.len() as u32);
    }
    sum.add(&icmp);
    icmp[2..4].copy_from_slice(&sum.finish().to_be_bytes());
    let mut out = Vec::new();
    if link_len > 0 {
        out.extend_from_slice(&frame[6..12]);
        out.extend_from_slice(&frame[..6]);
        out.extend_from_slice(&frame[12..14]);
    }
    out.extend(ip(destination, source, if v4 { 1 } else { 58 }, &icmp));
    Some(out.into())
}

/// A SYN from somebody who does not exist.
pub(crate) fn syn(
    ethernet: Option<([u8; 6], [u8; 6])>,
    from: (IpAddr, u16),
    to: (IpAddr, u16),
    seq: u32,
) -> Bytes {
    let header = TcpHeader {
        source_port: from.1,
        destination_port: to.1,
        seq: SeqNumber(seq),
        flags: TcpFlags::SYN,
        window: 65_535,
        options: TcpOptions { mss: Some(1460), sack_permitted: true, ..TcpOptions::default() },
        ..TcpHeader::default()
    };
    let mut segment = vec![0; header.header_len()];
    header.emit(&mut segment);
    let mut packet = ip(from.0, to.0, 6, &segment);
    let start = packet.len() - segment.len();
    packet[start + 16..start + 18].fill(0);
    let sum = transport_checksum(&packet, start, true).finish();
    packet[start + 16..start + 18].copy_from_slice(&sum.to_be_bytes());
    let mut out = Vec::new();
    if let Some((source, destination)) = ethernet {
        out.extend_from_slice(&destination);
        out.extend_from_slice(&source);
        out.extend_from_slice(&(if to.0.is_ipv4() { 0x0800_u16 } else { 0x86dd }).to_be_bytes());
    }
    out.extend(packet);
    out.into()
}

/// An IP packet.
fn ip(source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let len = 20 + payload.len() as u16;
            let mut header = vec![0x45, 0, (len >> 8) as u8, len as u8, 0, 0, 0, 0, 64, protocol, 0, 0];
            header.extend(source.octets());
            header.extend(destination.octets());
            let mut sum = Checksum::new();
            sum.add(&header);
            header[10..12].copy_from_slice(&sum.finish().to_be_bytes());
            header
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let len = payload.len() as u16;
            let mut header = vec![0x60, 0, 0, 0, (len >> 8) as u8, len as u8, protocol, 64];
            header.extend(source.octets());
            header.extend(destination.octets());
            header
        }
        _ => unreachable!("both ends of a packet are of one family"),
    };
    out.extend_from_slice(payload);
    out
}
