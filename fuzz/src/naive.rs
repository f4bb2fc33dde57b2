//! A naive segmenter: what a super-segment stands for, byte by byte.

use fathom_wire::{Checksum, IpHeader, IpProtocol, Ipv6Chain, TcpHeader, UdpHeader, checksum};

/// Where the transport header of a packet begins, of which protocol it is, and where its data begins.
pub(crate) fn transport(packet: &[u8]) -> Option<(usize, IpProtocol, usize)> {
    let header = IpHeader::parse_quoted(packet).ok()?;
    let (start, protocol) = match &header {
        IpHeader::V4(v4) => (v4.header_len(), v4.protocol),
        IpHeader::V6(v6) => {
            let chain = Ipv6Chain::parse(v6.next_header, &packet[40..]).ok()?;
            (40 + chain.offset, chain.protocol)
        }
    };
    let data = match protocol {
        // A header that says it is shorter than one can be is no header, and is cut like one.
        IpProtocol::Tcp => start + TcpHeader::data_offset(packet.get(start..)?).max(TcpHeader::LEN),
        IpProtocol::Udp => start + UdpHeader::LEN,
        _ => return None,
    };
    (data <= packet.len()).then_some((start, protocol, data))
}

/// The packets that a super-segment stands for: its headers are those of `first`, its data is `data`, and each
/// packet but the last carries `size` bytes of it.
pub(crate) fn cut(first: &[u8], data: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (start, protocol, data_start) = transport(first).expect("the first is TCP or UDP");
    let headers = &first[..data_start];
    let count = data.len().div_ceil(size);
    let parts = data.chunks(size).enumerate();
    parts
        .map(|(index, part)| piece(headers, start, protocol, index, index + 1 == count, size, part))
        .collect()
}

fn piece(
    headers: &[u8],
    start: usize,
    protocol: IpProtocol,
    index: usize,
    last: bool,
    size: usize,
    data: &[u8],
) -> Vec<u8> {
    let mut packet = [headers, data].concat();
    let len = packet.len();
    if packet[0] >> 4 == 4 {
        put(&mut packet, 2, len as u16);
        let identification = u16::from_be_bytes([packet[4], packet[5]]).wrapping_add(index as u16);
        put(&mut packet, 4, identification);
    } else {
        put(&mut packet, 4, (len - 40) as u16);
    }
    let segment = len - start;
    match protocol {
        IpProtocol::Tcp => {
            let seq = &mut packet[start + 4..start + 8];
            let first = u32::from_be_bytes([seq[0], seq[1], seq[2], seq[3]]);
            seq.copy_from_slice(&first.wrapping_add((index * size) as u32).to_be_bytes());
            let (fin, psh, cwr) = (0x01, 0x08, 0x80);
            let flags = &mut packet[start + 13];
            *flags &= !if last { 0 } else { fin | psh };
            *flags &= !if index == 0 { 0 } else { cwr };
        }
        _ => put(&mut packet, start + 4, segment as u16),
    }
    complete(&mut packet, start, protocol);
    packet
}

/// Writes the checksums of a packet whose transport header begins at `start`.
fn complete(packet: &mut [u8], start: usize, protocol: IpProtocol) {
    if packet[0] >> 4 == 4 {
        put(packet, 10, 0);
        let sum = !checksum::sum(&packet[..usize::from(packet[0] & 15) * 4]);
        put(packet, 10, sum);
    }
    let header = IpHeader::parse_quoted(packet).expect("it was read before");
    let field = start + if protocol == IpProtocol::Tcp { 16 } else { 6 };
    put(packet, field, 0);
    let mut sum = Checksum::new();
    sum.pseudo_header(header.source(), header.destination(), protocol, (packet.len() - start) as u32);
    sum.add(&packet[start..]);
    let sum = if protocol == IpProtocol::Udp { sum.finish_udp() } else { sum.finish() };
    put(packet, field, sum);
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}
