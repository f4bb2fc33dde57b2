use std::net::IpAddr;
use std::vec::Vec;

use super::*;

/// RFC 1071 1, word by word.
fn bytewise(bytes: &[u8]) -> u16 {
    let mut sum = 0u32;
    for (i, byte) in bytes.iter().enumerate() {
        sum += u32::from(*byte) << if i % 2 == 0 { 8 } else { 0 };
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Bytes without a pattern that a mistake could hide behind.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 56) as u8
        })
        .collect()
}

#[test]
fn equals_the_bytewise_sum_at_every_offset_and_length_mod_64() {
    for bytes in [noise(64 + 256), std::vec![0xff; 64 + 256], std::vec![0; 64 + 256]] {
        for offset in 0..64 {
            for len in (0..=64).chain(128..=192) {
                let part = &bytes[offset..offset + len];
                assert_eq!(sum(part), bytewise(part), "offset {offset}, length {len}");
            }
        }
    }
}

#[test]
fn parts_of_any_length_sum_up_to_the_whole() {
    let bytes = noise(130);
    for first in 0..=65 {
        for second in first..=bytes.len() {
            let mut parts = Checksum::new();
            parts.add(&bytes[..first]);
            parts.add(&bytes[first..second]);
            let mut rest = Checksum::new();
            rest.add(&bytes[second..]);
            parts.combine(&rest);
            assert_eq!(parts.fold(), bytewise(&bytes), "cut at {first} and {second}");
        }
    }
}

#[test]
fn a_kept_sum_stands_for_its_bytes_at_odd_offsets() {
    let bytes = noise(77);
    for (cut, end) in [(3, 50), (3, 51), (4, 50), (4, 51)] {
        let mut checksum = Checksum::new();
        checksum.add(&bytes[..cut]);
        checksum.add_sum(sum(&bytes[cut..end]), end - cut);
        checksum.add(&bytes[end..]);
        assert_eq!(checksum.fold(), bytewise(&bytes));
    }
}

#[test]
fn zero_is_the_sum_of_zeros_only() {
    assert_eq!(sum(&[0; 9]), 0);
    assert_eq!(sum(&[0xff, 0xff]), 0xffff);
    assert_eq!(sum(&[0x12, 0x34, 0xed, 0xcb]), 0xffff);
    let mut checksum = Checksum::new();
    checksum.add(&[0x12, 0x34, 0xed, 0xcb]);
    assert_eq!(checksum.finish(), 0);
    assert_eq!(checksum.finish_udp(), 0xffff);
    assert!(checksum.is_valid());
    assert!(!Checksum::new().is_valid());
}

#[test]
fn megabytes_do_not_overflow() {
    assert_eq!(sum(&std::vec![0xff; 5 << 20]), 0xffff);
    // More than is summed at once, and not all of one kind.
    let mut bytes = std::vec![0xff; (5 << 20) + 3];
    bytes[..77].fill(1);
    assert_eq!(sum(&bytes), bytewise(&bytes));
}

#[test]
fn the_pseudo_headers_are_those_of_the_standards() {
    let v4: (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [198, 51, 100, 254].into());
    let mut checksum = Checksum::new();
    checksum.pseudo_header(v4.0, v4.1, IpProtocol::Tcp, 0x1234);
    let bytes = [192, 0, 2, 1, 198, 51, 100, 254, 0, 6, 0x12, 0x34];
    assert_eq!(checksum.fold(), bytewise(&bytes));

    let source: [u8; 16] = noise(16).try_into().unwrap();
    let destination: [u8; 16] = noise(32)[16..].try_into().unwrap();
    let mut checksum = Checksum::new();
    checksum.pseudo_header(source.into(), destination.into(), IpProtocol::Icmpv6, 0x1_2345);
    let bytes = [&source[..], &destination, &[0, 1, 0x23, 0x45, 0, 0, 0, 58]].concat();
    assert_eq!(checksum.fold(), bytewise(&bytes));
}

#[test]
fn incremental_update_follows_the_example_of_rfc_1624() {
    assert_eq!(update(0xdd2f, 0x5555, 0x3285), 0x0000);
}

#[test]
fn incremental_update_equals_computing_anew() {
    // 0xbaff makes the sum 0xffff, so the checksum 0, where the older form of RFC 1141 is wrong.
    let interesting = [0u16, 1, 0x7fff, 0x8000, 0xfffe, 0xffff, 0x5555, 0xbaff];
    for rest in interesting {
        for from in interesting {
            for to in interesting {
                // A word that is never zero stands for the version field: a header is never all zeros.
                let anew = |word: u16| {
                    let mut bytes = [0; 6];
                    bytes[..2].copy_from_slice(&0x4500u16.to_be_bytes());
                    bytes[2..4].copy_from_slice(&rest.to_be_bytes());
                    bytes[4..].copy_from_slice(&word.to_be_bytes());
                    !sum(&bytes)
                };
                assert_eq!(update(anew(from), from, to), anew(to), "{rest:#x} {from:#x} {to:#x}");
            }
        }
    }
}
