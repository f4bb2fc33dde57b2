//! The same seed gives the same run: two captures hold the same frames in time, order and length, and the
//! same bytes except where cryptography must differ: TLS randoms (with the order of the ClientHello's
//! extensions, which rustls draws from the same source), keys and ciphertext, and DNS ids.

use std::path::Path;
use std::process::Command;

use fathom_tests::Scratch;
use fathom_wire::{EthernetHeader, IpHeader, IpProtocol, TcpHeader, UdpHeader};
use pcap_parser::{Block, PcapBlockOwned, PcapNGReader, traits::PcapReaderIterator};

/// A frame of a capture: its time in the capture's unit, and its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Frame {
    time: u64,
    bytes: Vec<u8>,
}

fn capture(file: &Path, arguments: &[&str]) -> Vec<Frame> {
    let mut fathom = Command::new(env!("CARGO_BIN_EXE_fathom"));
    fathom.args(["get", "--via", "lab", "-sS", "-o", "/dev/null", "--write"]).arg(file).args(arguments);
    let output = fathom.output().expect("fathom starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let file = std::fs::File::open(file).expect("the capture was written");
    let mut reader = PcapNGReader::new(1 << 20, file).expect("the capture is pcapng");
    let mut frames = Vec::new();
    loop {
        match reader.next() {
            Ok((offset, block)) => {
                if let PcapBlockOwned::NG(Block::EnhancedPacket(packet)) = block {
                    let time = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                    frames.push(Frame { time, bytes: packet.data[..packet.caplen as usize].to_vec() });
                }
                reader.consume(offset);
            }
            Err(pcap_parser::PcapError::Eof) => return frames,
            Err(pcap_parser::PcapError::Incomplete(_)) => reader.refill().expect("the file can be read"),
            Err(error) => panic!("a broken capture: {error:?}"),
        }
    }
}

/// Zeroes what cryptography makes different in each run, and the checksum over it.
fn masked(mut frame: Vec<u8>) -> Vec<u8> {
    let Ok(ethernet) = EthernetHeader::parse(&frame) else { return frame };
    let internet = ethernet.header_len();
    let Ok(ip) = IpHeader::parse(&frame[internet..]) else { return frame };
    let protocol = match &ip {
        IpHeader::V4(header) => header.protocol,
        IpHeader::V6(header) => header.next_header,
    };
    let transport = internet + ip.header_len();
    let end = transport + ip.payload_len();
    match protocol {
        IpProtocol::Udp => {
            let header = UdpHeader::parse(&frame[transport..]).expect("our own frame");
            if header.source_port == 53 || header.destination_port == 53 {
                frame[transport + 6..transport + 8].fill(0);
                frame[transport + 8..transport + 10].fill(0);
            }
        }
        IpProtocol::Tcp => {
            let header = TcpHeader::parse(&frame[transport..end]).expect("our own frame");
            let data = transport + TcpHeader::data_offset(&frame[transport..end]);
            if (header.source_port == 443 || header.destination_port == 443) && data < end {
                let field = transport + TcpHeader::CHECKSUM_OFFSET;
                frame[field..field + 2].fill(0);
                mask_tls(&mut frame[data..end]);
            }
        }
        _ => {}
    }
    frame
}

/// Leaves of a ClientHello and a ServerHello all but random, session id and key share, with the extensions
/// in the order of their numbers; of all else in TLS, which is encrypted in version 1.3, only the record
/// headers that begin a segment.
fn mask_tls(data: &mut [u8]) {
    const HANDSHAKE: u8 = 22;
    let hello = data.len() > 43 && data[0] == HANDSHAKE && matches!(data[5], 1 | 2);
    if !hello {
        let record = matches!(data, [20..=23, 3, 1 | 3, _, _, ..]);
        return data[if record { 5 } else { 0 }..].fill(0);
    }
    let is_client = data[5] == 1;
    let record_end = (5 + usize::from(u16::from_be_bytes([data[3], data[4]]))).min(data.len());
    let after = record_end.min(data.len());
    data[after..].fill(0);
    data[11..43].fill(0); // random
    let session = usize::from(data[43]);
    data[44..44 + session].fill(0);
    let mut at = 44 + session;
    if is_client {
        at += 2 + usize::from(u16::from_be_bytes([data[at], data[at + 1]])); // cipher suites
        at += 1 + usize::from(data[at]); // compression methods
    } else {
        at += 3; // cipher suite, compression method
    }
    at += 2; // length of the extensions
    sort_extensions(&mut data[at..record_end]);
}

fn sort_extensions(all: &mut [u8]) {
    const KEY_SHARE: [u8; 2] = 51_u16.to_be_bytes();
    let (mut extensions, mut rest) = (Vec::new(), &*all);
    while rest.len() >= 4 {
        let len = 4 + usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        let (extension, behind) = rest.split_at(len);
        let mut extension = extension.to_vec();
        if extension.starts_with(&KEY_SHARE) {
            extension[4..].fill(0);
        }
        extensions.push(extension);
        rest = behind;
    }
    assert!(rest.is_empty() && extensions.len() > 1, "the extensions fill the hello");
    extensions.sort();
    all.copy_from_slice(&extensions.concat());
}

fn compare(arguments: &[&str]) -> usize {
    let files = Scratch::new();
    let first = capture(&files.path("first.pcapng"), arguments);
    let second = capture(&files.path("second.pcapng"), arguments);
    assert_eq!(first.len(), second.len(), "{arguments:?}: as many frames");
    for (number, (a, b)) in first.iter().zip(&second).enumerate() {
        assert_eq!((a.time, a.bytes.len()), (b.time, b.bytes.len()), "{arguments:?}: frame {number}");
        assert_eq!(masked(a.bytes.clone()), masked(b.bytes.clone()), "{arguments:?}: frame {number}");
    }
    first.len()
}

#[test]
fn the_same_seed_gives_the_same_run() {
    assert!(compare(&["--seed", "7", "https://example.com/"]) > 12);
    let bad = ["--seed", "7", "--loss", "3%", "--jitter", "2ms", "--reorder", "2%", "--duplicate", "1%"];
    for url in ["https://example.com/bytes/200000", "http://example.com/bytes/200000"] {
        assert!(compare(&[&bad[..], &[url]].concat()) > 200);
    }
}

#[test]
fn another_seed_gives_another_run() {
    let files = Scratch::new();
    let [seven, eight] = ["7", "8"].map(|seed| {
        let file = files.path(seed);
        let frames = capture(&file, &["--seed", seed, "--loss", "3%", "http://example.com/bytes/200000"]);
        frames.into_iter().map(|frame| frame.time).collect::<Vec<_>>()
    });
    assert_ne!(seven, eight, "the losses strike elsewhere");
}
