use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use fathom_net::{Kind, TcpListener, UdpSocket};
use hickory_proto::op::{Message, MessageType};
use hickory_proto::rr::{RData, Record, RecordType};

use super::*;
use crate::dns::DnsResolver;
use crate::testing::{Bench, SERVER_V4, SERVER_V6, ip};

const PORT: u16 = 7000;

/// Answers for one family after `delay`, as a server far away would.
#[derive(Debug)]
struct Slow {
    delay: Duration,
    addresses: Vec<IpAddr>,
}

impl fathom_net::Resolve for Slow {
    fn resolve<'a>(
        &'a self,
        host: &'a Host,
        _name: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(async move {
            host.sleep(self.delay).await;
            Ok(self.addresses.clone())
        })
    }
}

/// A listener on the server's addresses of `family`.
fn listen(bench: &mut Bench, addresses: &'static [&'static str]) {
    let server = bench.server.clone();
    bench.run(async move {
        for address in addresses {
            let listener = TcpListener::bind(&server, SocketAddr::new(ip(address), PORT)).await.unwrap();
            server.spawn(async move {
                let mut kept = Vec::new();
                while let Ok((stream, _)) = listener.accept().await {
                    kept.push(stream);
                }
            });
        }
    });
}

/// Connects by `lookup`; gives the address reached, or the error, and the milliseconds it took.
fn race(bench: &mut Bench, lookup: Lookup) -> (Result<IpAddr, ConnectError>, f64) {
    let (client, start) = (bench.client.clone(), bench.millis());
    let result = bench.run(async move {
        let (stream, address) = connect(&client, lookup, PORT, None, None, &mut |_| {}).await?;
        assert_eq!(stream.peer_addr().unwrap(), address);
        Ok(address.ip())
    });
    (result, bench.millis() - start)
}

fn known(addresses: &[&str]) -> Lookup {
    Lookup::known("test", addresses.iter().map(|address| ip(address)).collect(), Family::Any)
}

/// The outcomes of the `connect` spans by address, in the order of their starts.
fn outcomes(records: &[fathom_net::Record]) -> Vec<(String, String)> {
    let mut spans = Vec::new();
    for record in records {
        match &record.kind {
            Kind::SpanStart(start) if start.name == "connect" => {
                spans.push((record.id, start.detail.clone(), String::new()));
            }
            Kind::SpanEnd(end) => {
                if let Some(span) = spans.iter_mut().find(|span| span.0 == end.span) {
                    span.2 = format!("{:?}", end.outcome);
                }
            }
            _ => {}
        }
    }
    spans.into_iter().map(|(_, detail, outcome)| (detail, outcome)).collect()
}

#[test]
fn prefers_ipv6() {
    let mut bench = Bench::new();
    listen(&mut bench, &[SERVER_V4, SERVER_V6]);
    let (reached, took) = race(&mut bench, known(&[SERVER_V4, SERVER_V6]));
    assert_eq!(reached.unwrap(), ip(SERVER_V6));
    assert!((20.0..20.5).contains(&took), "took {took}");
}

#[test]
fn tries_the_next_address_as_soon_as_one_refuses() {
    let mut bench = Bench::new();
    listen(&mut bench, &[SERVER_V4]);
    let (reached, took) = race(&mut bench, known(&[SERVER_V4, SERVER_V6]));
    assert_eq!(reached.unwrap(), ip(SERVER_V4));
    assert!((40.0..40.5).contains(&took), "took {took}");
    let outcomes = outcomes(&bench.records());
    assert!(outcomes[0].1.starts_with("Failed") && outcomes[1].1 == "Done", "{outcomes:?}");
}

#[test]
fn gives_a_silent_address_a_head_start_and_no_more() {
    let mut bench = Bench::new();
    listen(&mut bench, &[SERVER_V4]);
    // fd00::99 is on the link, and nobody is there.
    let (reached, took) = race(&mut bench, known(&["fd00::99", SERVER_V4]));
    assert_eq!(reached.unwrap(), ip(SERVER_V4));
    assert!((270.0..270.5).contains(&took), "took {took}");
    let outcomes = outcomes(&bench.records());
    assert_eq!(outcomes[0], ("[fd00::99]:7000".into(), "Cancelled".into()));
}

/// A name server that answers A after `v4` and AAAA after `v6` milliseconds, and the lookup that asks it.
fn late_answers(bench: &mut Bench, v4: u64, v6: u64) -> Lookup {
    let server = bench.server.clone();
    bench.run(async move {
        let socket = UdpSocket::bind(&server, SocketAddr::new(ip(SERVER_V4), 53)).await.unwrap();
        server.clone().spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
                let mut message = Message::from_vec(&buffer[..len]).unwrap().into_response();
                message.metadata.message_type = MessageType::Response;
                let query = message.queries[0].clone();
                let (delay, data) = match query.query_type() {
                    RecordType::A => (v4, RData::A(SERVER_V4.parse::<Ipv4Addr>().unwrap().into())),
                    _ => (v6, RData::AAAA(SERVER_V6.parse::<Ipv6Addr>().unwrap().into())),
                };
                message.add_answer(Record::from_rdata(query.name().clone(), 60, data));
                let (socket, host) = (socket.clone(), server.clone());
                server.spawn(async move {
                    host.sleep(Duration::from_millis(delay)).await;
                    socket.send_to(&message.to_vec().unwrap(), from).await.unwrap();
                });
            }
        });
    });
    let resolver = DnsResolver::new(vec![SocketAddr::new(ip(SERVER_V4), 53)]);
    resolver.lookup(&bench.client, "late.test", Family::Any)
}

#[test]
fn waits_a_little_for_ipv6_when_ipv4_is_known() {
    // answer after, milliseconds: A, AAAA; the family that wins, and when it has connected
    let table = [
        (0, 30, SERVER_V6, 20.0 + 30.0 + 20.0),
        (0, 80, SERVER_V4, 20.0 + 50.0 + 20.0),
        (80, 0, SERVER_V6, 20.0 + 1.0 + 20.0),
    ];
    for (v4, v6, winner, expected) in table {
        let mut bench = Bench::new();
        listen(&mut bench, &[SERVER_V4, SERVER_V6]);
        let lookup = late_answers(&mut bench, v4, v6);
        let (reached, took) = race(&mut bench, lookup);
        assert_eq!(reached.unwrap(), ip(winner), "A after {v4} ms, AAAA after {v6} ms");
        assert!((took - expected).abs() < 0.5, "A after {v4} ms, AAAA after {v6} ms: took {took}");
    }
}

#[test]
fn takes_turns_between_the_families() {
    let mut candidates = Candidates::default();
    let given = ["10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2", "fd00::3"];
    candidates.add(given.iter().map(|address| ip(address)).collect(), 60);
    let order: Vec<_> = std::iter::from_fn(|| candidates.next()).map(|address| address.to_string()).collect();
    assert_eq!(order, ["fd00::1", "10.0.0.1", "fd00::2", "10.0.0.2", "fd00::3"]);
}

#[test]
fn reports_every_attempt_when_all_fail() {
    let mut bench = Bench::new();
    let (reached, _) = race(&mut bench, known(&[SERVER_V4, SERVER_V6]));
    let Err(ConnectError::Failed(attempts)) = reached else { panic!("{reached:?}") };
    let kinds: Vec<_> = attempts.iter().map(|attempt| attempt.error.kind()).collect();
    assert_eq!(kinds, [io::ErrorKind::ConnectionRefused; 2]);
}

#[test]
fn a_name_without_addresses_of_the_family_says_so() {
    let mut bench = Bench::new();
    let lookup = Lookup::known("example.test", vec![ip(SERVER_V4)], Family::V6);
    let (reached, _) = race(&mut bench, lookup);
    assert_eq!(reached.unwrap_err().to_string(), "example.test has no IPv6 address");
}

#[test]
fn takes_a_resolver_of_another_kind() {
    let mut bench = Bench::new();
    listen(&mut bench, &[SERVER_V4]);
    let resolver = Slow { delay: Duration::from_millis(30), addresses: vec![ip(SERVER_V4)] };
    let lookup = Lookup::through(&bench.client, Arc::new(resolver), "any.test", Family::Any);
    let (reached, took) = race(&mut bench, lookup);
    assert_eq!(reached.unwrap(), ip(SERVER_V4));
    assert!((50.0..50.5).contains(&took), "took {took}");
}
