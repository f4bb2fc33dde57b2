//! Makes the checksums of a mutated frame right again, by its own reading of the bytes.

/// Mends the IPv4 header checksum and the checksum of TCP, UDP or ICMP behind it, as far as they lie
/// inside the frame. Written bytewise and apart from fathom-wire, so that it shares none of its mistakes.
pub fn mend_checksums(frame: &mut [u8]) {
    let Some(kind) = frame.get(12..14).map(|kind| [kind[0], kind[1]]) else { return };
    match kind {
        [0x08, 0x00] => mend_ipv4(&mut frame[14..]),
        [0x86, 0xdd] => mend_ipv6(&mut frame[14..]),
        _ => {}
    }
}

fn mend_ipv4(packet: &mut [u8]) {
    if packet.len() < 20 {
        return;
    }
    let header = usize::from(packet[0] & 15) * 4;
    let total = usize::from(u16::from_be_bytes([packet[2], packet[3]])).min(packet.len());
    if header < 20 || header > total {
        return;
    }
    put(packet, 10, 0);
    let checksum = fold(sum(&packet[..header]));
    put(packet, 10, checksum);
    let protocol = packet[9];
    let pseudo = sum(&packet[12..20]) + u64::from(protocol) + (total - header) as u64;
    mend_transport(protocol, pseudo, &mut packet[header..total]);
}

fn mend_ipv6(packet: &mut [u8]) {
    if packet.len() < 40 {
        return;
    }
    let length = usize::from(u16::from_be_bytes([packet[4], packet[5]]));
    let end = (40 + length).min(packet.len());
    let protocol = packet[6];
    let pseudo = sum(&packet[8..40]) + u64::from(protocol) + (end - 40) as u64;
    mend_transport(protocol, pseudo, &mut packet[40..end]);
}

fn mend_transport(protocol: u8, pseudo: u64, payload: &mut [u8]) {
    let (at, pseudo) = match protocol {
        1 => (2, 0),
        6 => (16, pseudo),
        17 => (6, pseudo),
        58 => (2, pseudo),
        _ => return,
    };
    if payload.len() < at + 2 {
        return;
    }
    put(payload, at, 0);
    let checksum = fold(pseudo + sum(payload));
    put(payload, at, checksum);
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.chunks(2).map(|pair| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0))).sum()
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
