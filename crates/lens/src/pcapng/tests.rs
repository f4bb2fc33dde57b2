use std::io::Cursor;

use fathom_record::{Engine, FlowId, FrameRecord, InterfaceIndex, RecordId, SendReason};
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{Block as Parsed, PcapBlockOwned, PcapError, PcapNGReader, SecretsType};

use super::*;

const EPOCH: Duration = Duration::from_secs(1_700_000_000);

fn record(counter: u64, ms: u64, kind: Kind) -> Record {
    Record { id: RecordId { shard: 0, counter }, at: Instant::from_millis(ms), cause: None, kind }
}

fn frame(counter: u64, ms: u64, interface: u16, direction: Direction, bytes: &'static [u8]) -> Record {
    let frame = FrameRecord { interface: InterfaceIndex(interface), direction, bytes: bytes.into() };
    record(counter, ms, Kind::Frame(frame))
}

fn capture(secrets: bool) -> Capture {
    let interface = |name: &str, link_type| Interface { name: name.into(), link_type };
    Capture {
        interfaces: vec![interface("eth0", LinkType::Ethernet), interface("tun0", LinkType::Raw)],
        epoch: EPOCH,
        application: "fathom 0.1.0".into(),
        comment: "fathom get https://example.com/".into(),
        secrets,
    }
}

/// Every block in words, as another program reads it.
fn read(bytes: &[u8]) -> Vec<String> {
    let mut reader = PcapNGReader::new(1 << 16, Cursor::new(bytes)).unwrap();
    let mut blocks = Vec::new();
    loop {
        match reader.next() {
            Ok((offset, PcapBlockOwned::NG(block))) => {
                blocks.push(describe(&block));
                reader.consume(offset);
            }
            Err(PcapError::Eof) => return blocks,
            Err(PcapError::Incomplete(_)) => reader.refill().unwrap(),
            Err(error) => panic!("{error:?}"),
            Ok(_) => panic!("this is no pcapng file"),
        }
    }
}

fn describe(block: &Parsed<'_>) -> String {
    let comment = |options: &[pcap_parser::PcapNGOption<'_>]| {
        let comment = options.iter().find(|option| option.code.0 == 1);
        comment
            .map(|option| String::from_utf8_lossy(&option.value[..usize::from(option.len)]).into_owned())
            .unwrap_or_default()
    };
    match block {
        Parsed::SectionHeader(it) => {
            format!("section {}.{} {}", it.major_version, it.minor_version, comment(&it.options))
        }
        Parsed::InterfaceDescription(it) => {
            format!("interface {} {} {}", it.linktype.0, it.if_tsresol, it.if_name().unwrap().unwrap())
        }
        Parsed::EnhancedPacket(it) => {
            let nanos = u64::from(it.ts_high) << 32 | u64::from(it.ts_low);
            let flags = it.options.iter().find(|option| option.code.0 == 2).unwrap().value[0];
            let data = it.packet_data();
            format!("packet {} {} {flags} {data:?} {}", it.if_id, nanos, comment(&it.options))
        }
        Parsed::DecryptionSecrets(it) => {
            assert_eq!(it.secrets_type, SecretsType::TlsKeyLog);
            format!("secrets {:?}", String::from_utf8_lossy(&it.data[..it.secrets_len as usize]))
        }
        Parsed::InterfaceStatistics(it) => {
            let (received, dropped) = (it.isb_ifrecv().unwrap().unwrap(), it.isb_ifdrop().unwrap().unwrap());
            let [start, end] = [it.isb_starttime(), it.isb_endtime()]
                .map(|time| time.unwrap().unwrap())
                .map(|(high, low)| u64::from(high) << 32 | u64::from(low));
            format!("statistics {} {received} {dropped} {}", it.if_id, end - start)
        }
        other => panic!("{other:?}"),
    }
}

fn records() -> Vec<Record> {
    let why = Engine::TcpSegment { flow: FlowId(1), why: SendReason::Syn, seq: 1, ack: 0, len: 0 };
    let mut sent = frame(2, 1, 0, Direction::Transmitted, &[1, 2, 3]);
    sent.cause = Some(RecordId { shard: 0, counter: 1 });
    vec![
        record(1, 1, Kind::Engine(why)),
        sent,
        frame(3, 2, 1, Direction::Received, &[4, 5, 6, 7]),
        record(4, 2, Kind::TlsSecret("CLIENT_RANDOM 00 11".into())),
        frame(5, 3, 0, Direction::Received, &[]),
        frame(6, 4, 9, Direction::Received, &[9]),
    ]
}

#[test]
fn another_program_reads_what_was_written() {
    let mut file = Vec::new();
    write(&mut file, capture(true), &records()).unwrap();
    assert_eq!(
        read(&file),
        [
            "section 1.0 fathom get https://example.com/",
            "interface 1 9 eth0",
            "interface 101 9 tun0",
            "secrets \"CLIENT_RANDOM 00 11\\n\"",
            "packet 0 1700000000001000000 2 [1, 2, 3] opens the connection",
            "packet 1 1700000000002000000 1 [4, 5, 6, 7] ",
            "packet 0 1700000000003000000 1 [] ",
            "statistics 0 2 0 2000000",
            "statistics 1 1 0 0",
        ]
    );
}

#[test]
fn secrets_are_left_out_when_they_are_not_wanted() {
    let mut file = Vec::new();
    write(&mut file, capture(false), &records()).unwrap();
    assert!(!read(&file).iter().any(|block| block.starts_with("secrets")));
}

#[test]
fn frames_wait_for_secrets_but_not_for_ever() {
    let mut writer = Writer::new(Vec::new(), capture(true)).unwrap();
    writer.push(&frame(1, 0, 0, Direction::Received, &[1])).unwrap();
    writer.push(&frame(2, 1_001, 0, Direction::Received, &[2])).unwrap();
    writer.push(&record(3, 1_001, Kind::TlsSecret("late".into()))).unwrap();
    let blocks = read(&writer.finish(5).unwrap());
    let kinds: Vec<&str> = blocks[3..].iter().map(|block| block.split(' ').next().unwrap()).collect();
    assert_eq!(kinds, ["packet", "secrets", "packet", "statistics"]);
    assert!(blocks.last().unwrap().starts_with("statistics 0 2 5"), "what the recorder lost is told");
}

#[test]
fn no_more_than_a_bounded_number_of_frames_waits() {
    let mut writer = Writer::new(Vec::new(), capture(true)).unwrap();
    for counter in 0..Writer::<Vec<u8>>::MAX_WAITING as u64 + 10 {
        writer.push(&frame(counter, 0, 0, Direction::Received, &[1])).unwrap();
    }
    assert_eq!(writer.waiting.len(), Writer::<Vec<u8>>::MAX_WAITING);
}

/// A disk with room for so many bytes.
struct Disk(usize);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.0.min(bytes.len());
        self.0 -= room;
        if room == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(room) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told() {
    let error = write(Disk(300), capture(true), &records()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}
