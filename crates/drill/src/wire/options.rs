//! The options of a segment: from the script to bytes, and back.

use fathom_wire::RawOption;
use fathom_wire::transport::options::{kind, walk};

use crate::script::TcpOption;

/// The kind of experimental options (RFC 6994), and the identifier of Fast Open there (RFC 7413 5.2).
const EXPERIMENTAL: u8 = 254;
const FAST_OPEN_ID: [u8; 2] = [0xf9, 0x89];
/// The kind of the MD5 option (RFC 2385).
const MD5: u8 = 19;

/// Writes options as they stand, and fills the last word with zeros.
///
/// `sequence` turns the script's sequence numbers of what we send into live ones, `echo` does so with our
/// timestamps.
pub(super) fn encode(
    options: &[TcpOption],
    sequence: impl Fn(u32) -> u32,
    echo: impl Fn(u32) -> u32,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(40);
    for option in options {
        let (kind, data) = match option {
            TcpOption::End => {
                out.push(kind::END);
                continue;
            }
            TcpOption::Nop => {
                out.push(kind::NOP);
                continue;
            }
            TcpOption::Mss(mss) => (kind::MSS, mss.to_be_bytes().to_vec()),
            TcpOption::WindowScale(shift) => (kind::WINDOW_SCALE, vec![*shift]),
            TcpOption::SackPermitted => (kind::SACK_PERMITTED, Vec::new()),
            TcpOption::Sack(blocks) => {
                let edges = blocks.iter().flat_map(|(left, right)| [*left, *right]);
                (kind::SACK, edges.flat_map(|edge| sequence(edge).to_be_bytes()).collect())
            }
            TcpOption::Timestamps(value, echoed) => {
                let value = value.unwrap_or_default().to_be_bytes();
                let echoed = echo(echoed.unwrap_or_default()).to_be_bytes();
                (kind::TIMESTAMPS, [value, echoed].concat())
            }
            TcpOption::FastOpen(cookie) => (kind::FAST_OPEN, cookie.clone()),
            TcpOption::FastOpenExperimental(cookie) => {
                (EXPERIMENTAL, FAST_OPEN_ID.iter().chain(cookie).copied().collect())
            }
            TcpOption::Md5(digest) => (MD5, digest.clone()),
            TcpOption::AccEcn { ect0_first, counters } => {
                let kind = if *ect0_first { kind::ACC_ECN_0 } else { kind::ACC_ECN_1 };
                (
                    kind,
                    counters.iter().flat_map(|counter| counter.to_be_bytes().into_iter().skip(1)).collect(),
                )
            }
            TcpOption::Other(kind, data) => (*kind, data.clone()),
        };
        out.extend([kind, data.len() as u8 + 2]);
        out.extend(data);
    }
    while out.len() % 4 != 0 {
        out.push(kind::END);
    }
    out
}

/// Reads the options of a segment, with the numbers that it carries. The end of the list is the last one.
pub(super) fn decode(bytes: &[u8]) -> Vec<TcpOption> {
    walk(bytes).map_while(Result::ok).map(|option| one(&option)).collect()
}

fn one(option: &RawOption<'_>) -> TcpOption {
    let words: Vec<u32> =
        option.data.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word)).collect();
    match (option.kind, option.data) {
        (kind::END, _) => TcpOption::End,
        (kind::NOP, _) => TcpOption::Nop,
        (kind::MSS, [a, b]) => TcpOption::Mss(u16::from_be_bytes([*a, *b])),
        (kind::WINDOW_SCALE, [shift]) => TcpOption::WindowScale(*shift),
        (kind::SACK_PERMITTED, []) => TcpOption::SackPermitted,
        (kind::SACK, data) if !data.is_empty() && data.len() % 8 == 0 => {
            TcpOption::Sack(words.as_chunks::<2>().0.iter().map(|[left, right]| (*left, *right)).collect())
        }
        (kind::TIMESTAMPS, data) if data.len() == 8 => {
            TcpOption::Timestamps(words.first().copied(), words.get(1).copied())
        }
        (kind::FAST_OPEN, cookie) => TcpOption::FastOpen(cookie.to_vec()),
        (EXPERIMENTAL, data) if data.starts_with(&FAST_OPEN_ID) => {
            TcpOption::FastOpenExperimental(data[2..].to_vec())
        }
        (MD5, digest) => TcpOption::Md5(digest.to_vec()),
        (kind @ (kind::ACC_ECN_0 | kind::ACC_ECN_1), data) if data.len() % 3 == 0 => {
            let counters =
                data.as_chunks::<3>().0.iter().map(|[a, b, c]| u32::from_be_bytes([0, *a, *b, *c]));
            TcpOption::AccEcn { ect0_first: kind == kind::ACC_ECN_0, counters: counters.collect() }
        }
        (kind, data) => TcpOption::Other(kind, data.to_vec()),
    }
}
