//! One request followed down one stack and up another: each layer adds exactly its header, and the other
//! side strips it, byte for byte. And the three-way handshake with the sequence numbers of RFC 9293 3.5.

mod support;

use std::net::SocketAddr;

use bytes::Bytes;
use fathom_stack::{InterfaceId, Stack, TcpConnect, TcpId, TcpListen};
use fathom_wire::{
    ArpPacket, Checksum, EtherType, EthernetHeader, Instant, IpHeader, IpProtocol, SeqNumber, TcpFlags,
    TcpHeader,
};

use support::{PEER, PORT, VICTIM, deliver, frames, stack_with};

const NOW: Instant = Instant::ZERO;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";

/// A frame taken apart, layer by layer.
struct Layers {
    ethernet: EthernetHeader,
    ip: IpHeader,
    tcp: TcpHeader,
    /// Where each header begins and where the data begins: link, internet, transport, application.
    starts: [usize; 4],
    data: Bytes,
}

impl Layers {
    fn of(frame: &Bytes) -> Layers {
        let ethernet = EthernetHeader::parse(frame).expect("an Ethernet header");
        let internet = ethernet.header_len();
        let ip = IpHeader::parse(&frame[internet..]).expect("an IP header");
        let transport = internet + ip.header_len();
        let end = transport + ip.payload_len();
        let tcp = TcpHeader::parse(&frame[transport..end]).expect("a TCP header");
        let application = transport + TcpHeader::data_offset(&frame[transport..end]);
        let starts = [0, internet, transport, application];
        Layers { ethernet, ip, tcp, starts, data: frame.slice(application..end) }
    }

    /// Puts the frame together again, from the data upwards, a layer at a time.
    fn built_again(&self) -> Vec<u8> {
        let mut segment = vec![0; self.tcp.header_len()];
        self.tcp.emit(&mut segment);
        segment.extend_from_slice(&self.data);
        let mut checksum = Checksum::new();
        let (source, destination) = (self.ip.source(), self.ip.destination());
        checksum.pseudo_header(source, destination, IpProtocol::Tcp, segment.len() as u32);
        checksum.add(&segment);
        let field = TcpHeader::CHECKSUM_OFFSET;
        segment[field..field + 2].copy_from_slice(&checksum.finish().to_be_bytes());

        let mut packet = vec![0; self.ip.header_len()];
        self.ip.emit(&mut packet);
        packet.extend_from_slice(&segment);

        let mut frame = vec![0; self.ethernet.header_len()];
        self.ethernet.emit(&mut frame);
        frame.extend_from_slice(&packet);
        frame
    }
}

/// Two stacks that know each other's link addresses, and a connection whose handshake went by.
struct Pair {
    client: (Stack, InterfaceId),
    server: (Stack, InterfaceId),
    near: TcpId,
    far: TcpId,
    handshake: Vec<Layers>,
}

fn connected(target: &str) -> Pair {
    let (mut client, mut server) = (stack_with(PEER), stack_with(VICTIM));
    let target: SocketAddr = target.parse().expect("an address");
    let anywhere = if target.is_ipv4() { "0.0.0.0" } else { "::" };
    let local = SocketAddr::new(anywhere.parse().expect("an address"), PORT);
    let listener = server.0.tcp_listen(NOW, TcpListen::at(local)).expect("the port is free");
    let near = client.0.tcp_connect(NOW, TcpConnect::to(target)).expect("there is a route");
    let mut handshake = Vec::new();
    for _ in 0..4 {
        for towards_server in [true, false] {
            let (from, to) =
                if towards_server { (&mut client, &mut server) } else { (&mut server, &mut client) };
            let out = frames(&mut from.0, from.1, NOW);
            handshake.extend(out.iter().filter(|frame| is_tcp(frame)).map(Layers::of));
            deliver(&mut to.0, to.1, NOW, out);
        }
    }
    let far = server.0.tcp_accept(NOW, listener).expect("the handshake is complete");
    Pair { client, server, near, far, handshake }
}

fn is_tcp(frame: &Bytes) -> bool {
    let ethernet = EthernetHeader::parse(frame).expect("an Ethernet header");
    let rest = &frame[ethernet.header_len()..];
    match ethernet.ether_type {
        EtherType::Arp => ArpPacket::parse(rest).is_err(),
        // The protocol field of IPv4, the next header field of IPv6.
        EtherType::Ipv4 => rest[9] == u8::from(IpProtocol::Tcp),
        EtherType::Ipv6 => rest[6] == u8::from(IpProtocol::Tcp),
        _ => false,
    }
}

#[test]
fn the_three_way_handshake_has_the_sequence_numbers_of_rfc_9293() {
    for target in ["10.0.0.2:80", "[fd00::2]:80"] {
        let pair = connected(target);
        let [syn, syn_ack, ack] = &pair.handshake[..] else {
            panic!("{} segments in the handshake", pair.handshake.len());
        };
        let (client_isn, server_isn) = (syn.tcp.seq, syn_ack.tcp.seq);

        // RFC 9293 3.5, figure 6, line 2: SYN-SENT --> <SEQ=ISS><CTL=SYN> --> SYN-RECEIVED
        assert_eq!((syn.tcp.flags, syn.tcp.ack), (TcpFlags::SYN, SeqNumber(0)));
        // line 3: ESTABLISHED <-- <SEQ=ISS'><ACK=ISS+1><CTL=SYN,ACK> <-- SYN-RECEIVED
        assert_eq!((syn_ack.tcp.flags, syn_ack.tcp.ack), (TcpFlags::SYN | TcpFlags::ACK, client_isn + 1));
        // line 4: ESTABLISHED --> <SEQ=ISS+1><ACK=ISS'+1><CTL=ACK> --> ESTABLISHED
        assert_eq!((ack.tcp.flags, ack.tcp.seq), (TcpFlags::ACK, client_isn + 1));
        assert_eq!(ack.tcp.ack, server_isn + 1);

        assert_ne!(client_isn, server_isn, "each side chooses its own");
        assert!([syn, syn_ack, ack].iter().all(|segment| segment.data.is_empty()));
        assert!(syn.tcp.options.mss.is_some() && syn_ack.tcp.options.mss.is_some());
        assert!(ack.tcp.options.mss.is_none(), "the MSS option belongs to segments with SYN");
    }
}

#[test]
fn each_layer_adds_its_header_and_the_other_side_strips_it() {
    for (target, ip_header) in [("10.0.0.2:80", 20), ("[fd00::2]:80", 40)] {
        let mut pair = connected(target);
        let (client, on_client) = (&mut pair.client.0, pair.client.1);
        let sent = client.tcp(NOW, pair.near).expect("connected").send(REQUEST);
        assert_eq!(sent, Ok(REQUEST.len()));
        let down = frames(client, on_client, NOW);
        let [frame] = &down[..] else { panic!("{} frames for a small request", down.len()) };
        let layers = Layers::of(frame);

        // Down: 14 bytes of Ethernet, the IP header, 20 of TCP with 12 of timestamps, and the request as written.
        assert_eq!(layers.starts, [0, 14, 14 + ip_header, 14 + ip_header + 32]);
        assert_eq!(layers.data, REQUEST);
        assert_eq!(frame.len(), layers.starts[3] + REQUEST.len(), "and nothing after it");
        assert_eq!(layers.built_again(), frame[..], "each header is what its own layer emits");
        assert_eq!(layers.tcp.seq, pair.handshake[0].tcp.seq + 1, "data begins after the SYN");

        // Up: what the program reads is what the program wrote; every header is gone.
        let (server, on_server) = (&mut pair.server.0, pair.server.1);
        deliver(server, on_server, NOW, down);
        let mut buffer = [0; 256];
        let received = server.tcp(NOW, pair.far).expect("connected").recv(&mut buffer);
        assert_eq!(received, Ok(REQUEST.len()));
        assert_eq!(&buffer[..REQUEST.len()], REQUEST);

        // A changed byte in any layer is noticed: nothing reaches the program.
        for at in [0, 20, layers.starts[2] + 4, layers.starts[3] + 3] {
            let mut pair = connected(target);
            let mut damaged = pair_frame(&mut pair);
            damaged[at] ^= 0x10;
            let (server, on_server) = (&mut pair.server.0, pair.server.1);
            deliver(server, on_server, NOW, vec![Bytes::from(damaged)]);
            let received = server.tcp(NOW, pair.far).expect("connected").recv(&mut buffer);
            assert!(received.is_err(), "byte {at} was changed, and the request came through");
        }
    }
}

/// The frame of the request on a connection of its own.
fn pair_frame(pair: &mut Pair) -> Vec<u8> {
    let (client, on_client) = (&mut pair.client.0, pair.client.1);
    let sent = client.tcp(NOW, pair.near).expect("connected").send(REQUEST);
    assert_eq!(sent, Ok(REQUEST.len()));
    frames(client, on_client, NOW).swap_remove(0).to_vec()
}
