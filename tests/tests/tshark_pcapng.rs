//! tshark as the second opinion on captures: times, directions, comments, and TLS opened by the secrets
//! inside of the file.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fathom_lens::LinkType;
use fathom_lens::pcapng::{Capture, Interface, write};
use fathom_record::{
    Direction, Engine, FlowId, FrameRecord, InterfaceIndex, Kind, Record, RecordId, SendReason,
};
use fathom_tests::{Scratch, missing, run, skip};
use fathom_wire::{
    Checksum, Ecn, EtherType, EthernetAddress, EthernetHeader, Instant, IpProtocol, Ipv4Header, Ipv4Options,
    SeqNumber, TcpFlags, TcpHeader, TcpOptions,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 40112);
const SERVER: ([u8; 4], u16) = ([10, 0, 0, 2], 443);
const EPOCH: Duration = Duration::from_secs(1_700_000_000);
const FLOW: FlowId = FlowId(1);

/// A TCP connection between the two, as its client records it.
#[derive(Default)]
struct Conversation {
    records: Vec<Record>,
    now: u64,
    /// The next sequence numbers of the client and the server.
    next: [u32; 2],
}

impl Conversation {
    fn push(&mut self, cause: Option<RecordId>, kind: Kind) -> RecordId {
        let id = RecordId { shard: 0, counter: self.records.len() as u64 + 1 };
        self.records.push(Record { id, at: Instant::from_nanos(self.now), cause, kind });
        id
    }

    /// A segment of the client (0) or the server (1).
    fn segment(&mut self, from: usize, why: SendReason, flags: TcpFlags, data: &[u8]) {
        self.now += 10_000_001;
        let [seq, ack] = [self.next[from], self.next[1 - from]];
        let flags = if flags.is_empty() { TcpFlags::ACK } else { flags };
        let bytes = frame(from, seq, ack, flags, data);
        self.next[from] += data.len() as u32 + u32::from(flags.contains(TcpFlags::SYN));
        let (direction, cause) = if from == 0 {
            let segment = Engine::TcpSegment { flow: FLOW, why, seq, ack, len: data.len() as u32 };
            (Direction::Transmitted, Some(self.push(None, Kind::Engine(segment))))
        } else {
            (Direction::Received, None)
        };
        let frame = FrameRecord { interface: InterfaceIndex(0), direction, bytes: bytes.into() };
        self.push(cause, Kind::Frame(frame));
    }

    fn data(&mut self, from: usize, data: &[u8]) {
        for data in data.chunks(1400) {
            self.segment(from, SendReason::NewData, TcpFlags::empty(), data);
        }
    }
}

fn frame(from: usize, seq: u32, ack: u32, flags: TcpFlags, data: &[u8]) -> Vec<u8> {
    let ends = [CLIENT, SERVER];
    let [(source, source_port), (destination, destination_port)] = [ends[from], ends[1 - from]];
    let stations = [1, 2].map(|last| EthernetAddress([2, 0, 0, 0, 0, last]));
    let link = EthernetHeader {
        destination: stations[1 - from],
        source: stations[from],
        vlan: None,
        ether_type: EtherType::Ipv4,
    };
    let tcp = TcpHeader {
        source_port,
        destination_port,
        seq: SeqNumber(seq),
        ack: SeqNumber(ack),
        flags,
        window: 65_000,
        urgent: 0,
        options: TcpOptions::default(),
    };
    let internet = Ipv4Header {
        source: source.into(),
        destination: destination.into(),
        protocol: IpProtocol::Tcp,
        hop_limit: 64,
        dscp: 0,
        ecn: Ecn::NotEct,
        identification: 0,
        dont_fragment: true,
        more_fragments: false,
        fragment_offset: 0,
        payload_len: (tcp.header_len() + data.len()) as u16,
        options: Ipv4Options::default(),
    };
    let mut segment = vec![0; tcp.header_len()];
    tcp.emit(&mut segment);
    segment.extend(data);
    let mut sum = Checksum::new();
    sum.pseudo_header(source.into(), destination.into(), IpProtocol::Tcp, segment.len() as u32);
    sum.add(&segment);
    segment[TcpHeader::CHECKSUM_OFFSET..TcpHeader::CHECKSUM_OFFSET + 2]
        .copy_from_slice(&sum.finish().to_be_bytes());
    let mut frame = vec![0; link.header_len() + internet.header_len()];
    link.emit(&mut frame);
    internet.emit(&mut frame[link.header_len()..]);
    frame.extend(segment);
    frame
}

/// Keeps the lines of a key log.
#[derive(Debug, Default)]
struct Secrets(Mutex<Vec<String>>);

impl rustls::KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        self.0.lock().unwrap().push(format!("{label} {} {}", hex(client_random), hex(secret)));
    }
}

fn tls(secrets: &Arc<Secrets>) -> (rustls::ClientConnection, rustls::ServerConnection) {
    let key = rcgen::generate_simple_self_signed(["example.com".to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = key.cert.into();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let mut client = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    client.key_log = secrets.clone();
    let key = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let server = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let name = ServerName::try_from("example.com").unwrap();
    (
        rustls::ClientConnection::new(client.into(), name).unwrap(),
        rustls::ServerConnection::new(server.into()).unwrap(),
    )
}

/// One request over TLS 1.3. The secrets are recorded when the client knows them: after the frames that
/// they open have arrived.
fn request_over_tls() -> Vec<Record> {
    let secrets = Arc::new(Secrets::default());
    let (mut client, mut server) = tls(&secrets);
    let mut conversation = Conversation::default();
    conversation.segment(0, SendReason::Syn, TcpFlags::SYN, b"");
    conversation.segment(1, SendReason::SynAck, TcpFlags::SYN | TcpFlags::ACK, b"");
    conversation.segment(0, SendReason::Ack, TcpFlags::ACK, b"");
    client.writer().write_all(b"GET /secret HTTP/1.1\r\nHost: example.com\r\n\r\n").unwrap();
    let mut answered = false;
    while !answered {
        let mut flight = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut flight).unwrap();
        }
        conversation.data(0, &flight);
        server.read_tls(&mut &flight[..]).unwrap();
        server.process_new_packets().unwrap();
        let mut request = [0; 1000];
        if server.reader().read(&mut request).is_ok_and(|len| len > 0) {
            server.writer().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap();
            answered = true;
        }
        let mut flight = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut flight).unwrap();
        }
        conversation.data(1, &flight);
        client.read_tls(&mut &flight[..]).unwrap();
        client.process_new_packets().unwrap();
        for line in std::mem::take(&mut *secrets.0.lock().unwrap()) {
            conversation.push(None, Kind::TlsSecret(line));
        }
    }
    conversation.records
}

fn capture(secrets: bool) -> Capture {
    Capture {
        interfaces: vec![Interface { name: "eth0".into(), link_type: LinkType::Ethernet }],
        epoch: EPOCH,
        application: "fathom".into(),
        comment: "a test".into(),
        secrets,
    }
}

/// Values of fields, a line for each frame.
fn tshark(records: &[Record], secrets: bool, fields: &[&str]) -> Vec<Vec<String>> {
    let scratch = Scratch::new();
    let mut file = Vec::new();
    write(&mut file, capture(secrets), records).unwrap();
    let path = scratch.write("out.pcapng", file);
    let mut arguments = vec!["-n", "-r", path.to_str().unwrap(), "-T", "fields", "-E", "separator=/t"];
    for field in fields {
        arguments.extend(["-e", field]);
    }
    let lines = run("tshark", &arguments);
    lines.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

#[test]
fn tshark_reads_times_directions_and_reasons() {
    if let Some(reason) = missing(&["tshark"]) {
        return skip(&reason);
    }
    let fields = [
        "frame.time_epoch",
        "frame.interface_name",
        "frame.packet_flags_direction",
        "frame.comment",
        "_ws.malformed",
    ];
    let frames = tshark(&request_over_tls(), true, &fields);
    let first: Vec<&str> = frames[0].iter().map(String::as_str).collect();
    assert_eq!(first, ["1700000000.010000001", "eth0", "0x00000002", "opens the connection", ""]);
    let second: Vec<&str> = frames[1].iter().map(String::as_str).collect();
    assert_eq!(second, ["1700000000.020000002", "eth0", "0x00000001", "", ""]);
    assert!(frames.iter().all(|frame| frame[4].is_empty()), "{frames:?}");
}

#[test]
fn tshark_opens_tls_with_the_secrets_in_the_file_and_only_with_them() {
    if let Some(reason) = missing(&["tshark"]) {
        return skip(&reason);
    }
    let records = request_over_tls();
    let seen = |secrets| {
        let frames =
            tshark(&records, secrets, &["tls.handshake.type", "http.request.uri", "http.response.code"]);
        let columns: Vec<String> = (0..3)
            .map(|column| {
                let values: Vec<&str> = frames.iter().map(|frame| frame[column].as_str()).collect();
                values.into_iter().filter(|value| !value.is_empty()).collect::<Vec<_>>().join(",")
            })
            .collect();
        columns
    };
    let [handshake, uri, code] = &seen(true)[..] else { unreachable!("three columns were asked for") };
    // EncryptedExtensions (8), Certificate (11), CertificateVerify (15) and Finished (20) are encrypted.
    for kind in ["1", "2", "8", "11", "15", "20"] {
        assert!(handshake.split(',').any(|seen| seen == kind), "{kind} in {handshake}");
    }
    assert_eq!((uri.as_str(), code.as_str()), ("/secret", "200"));
    assert_eq!(seen(false), ["1,2", "", ""]);
}
