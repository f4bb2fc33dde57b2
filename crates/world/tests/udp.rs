//! UDP and ICMP between hosts of a world.

mod common;

use std::io::ErrorKind;

use common::{A4, A6, B4, B6, at, default_route, ms, pair};
use fathom_impair::Conditions;
use fathom_net::{Config, UdpSocket};
use fathom_world::{LinkSpec, World};

/// Answers every datagram with itself.
async fn echo(socket: UdpSocket) -> std::io::Result<()> {
    let mut buffer = [0; 2048];
    loop {
        let (len, from) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&buffer[..len], from).await?;
    }
}

#[test]
fn datagrams_go_both_ways_over_both_families() {
    for (ours, theirs) in [(A4, B4), (A6, B6)] {
        let mut net = pair(1, Conditions::default().delay(ms(10)));
        net.b.spawn(echo(net.b.udp_bind(at(theirs, 7)).unwrap()));
        let socket = net.a.udp_bind(at(ours, 0)).unwrap();
        let answer = net.world.block_on(async {
            let mut buffer = [0; 64];
            socket.send_to(b"first", at(theirs, 7)).await?;
            socket.recv_from(&mut buffer).await?;
            socket.send_to(b"second", at(theirs, 7)).await?;
            let (len, from) = socket.recv_from(&mut buffer).await?;
            Ok::<_, std::io::Error>((buffer[..len].to_vec(), from))
        });
        assert_eq!(answer.unwrap().unwrap(), (b"second".to_vec(), at(theirs, 7)));
        // A round trip to find the neighbour, and one for each datagram.
        assert_eq!(net.world.now().as_millis(), 60);
    }
}

#[test]
fn nobody_at_the_port_is_a_refusal() {
    for (ours, theirs) in [(A4, B4), (A6, B6)] {
        let mut net = pair(2, Conditions::default().delay(ms(1)));
        let socket = net.a.udp_bind(at(ours, 0)).unwrap();
        socket.connect(at(theirs, 9)).unwrap();
        let error = net.world.block_on(async {
            socket.send(b"anybody?").await.unwrap();
            socket.recv(&mut [0; 8]).await.unwrap_err()
        });
        let error = error.unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains(theirs), "{error}");
    }
}

#[test]
fn a_port_has_one_socket_and_is_free_again_when_that_is_dropped() {
    let net = pair(3, Conditions::default());
    let first = net.a.udp_bind(at(A4, 53)).unwrap();
    assert_eq!(net.a.udp_bind(at(A4, 53)).unwrap_err().kind(), ErrorKind::AddrInUse);
    drop(first);
    net.a.udp_bind(at(A4, 53)).unwrap();
    assert_eq!(net.a.udp_bind(at(B4, 53)).unwrap_err().kind(), ErrorKind::AddrNotAvailable);
}

#[test]
fn what_was_sent_before_the_socket_was_dropped_arrives() {
    let mut net = pair(8, Conditions::default().delay(ms(1)));
    let server = net.b.udp_bind(at(B4, 7)).unwrap();
    let client = net.a.udp_bind(at(A4, 0)).unwrap();
    client.try_send_to(b"last words", at(B4, 7)).unwrap();
    drop(client);
    let mut buffer = [0; 16];
    let received = net.b.timeout(ms(100), server.recv_from(&mut buffer));
    let (len, _) = net.world.block_on(received).unwrap().expect("it arrives").unwrap();
    assert_eq!(&buffer[..len], b"last words");
    net.a.udp_bind(at(A4, 7)).unwrap();
}

#[test]
fn every_task_that_waits_for_a_datagram_is_woken() {
    let mut net = pair(4, Conditions::default());
    let socket = net.b.udp_bind(at(B4, 7)).unwrap();
    let waiters: Vec<_> = (0..8)
        .map(|_| {
            let socket = socket.clone();
            net.b.spawn(async move {
                let mut buffer = [0; 8];
                let (len, _) = socket.recv_from(&mut buffer).await?;
                Ok::<_, std::io::Error>(buffer[..len].to_vec())
            })
        })
        .collect();
    let sender = net.a.udp_bind(at(A4, 0)).unwrap();
    let mut got = net.world.block_on(async {
        for number in 0..8u8 {
            sender.send_to(&[number], at(B4, 7)).await.unwrap();
        }
        let mut got = Vec::new();
        for waiter in waiters {
            got.extend(waiter.await.unwrap().unwrap());
        }
        got
    });
    got.as_mut().unwrap().sort_unstable();
    assert_eq!(got.unwrap(), (0..8).collect::<Vec<u8>>());
}

#[test]
fn packets_pass_a_router_and_a_switch() {
    let mut world = World::new(5);
    let client = world.add_host("client", Config::default());
    let router = world.add_router("router", Config::default());
    let lan = world.add_switch("lan");
    let far = LinkSpec::both_ways(Conditions::default().delay(ms(10)));
    let (client_eth, router_wan) = world.connect(&client, &router, far);
    let router_lan = world.plug(&router, lan, LinkSpec::default());
    client.add_address(client_eth, "198.51.100.2/24".parse().unwrap()).unwrap();
    client.add_route(default_route(client_eth, "198.51.100.1")).unwrap();
    router.add_address(router_wan, "198.51.100.1/24".parse().unwrap()).unwrap();
    router.add_address(router_lan, "192.0.2.254/24".parse().unwrap()).unwrap();
    for number in 1..=3 {
        let server = world.add_host(&format!("server{number}"), Config::default());
        let eth = world.plug(&server, lan, LinkSpec::default());
        server.add_address(eth, format!("192.0.2.{number}/24").parse().unwrap()).unwrap();
        server.add_route(default_route(eth, "192.0.2.254")).unwrap();
        server.spawn(echo(server.udp_bind(at("0.0.0.0", 7)).unwrap()));
    }
    let socket = client.udp_bind(at("0.0.0.0", 0)).unwrap();
    for number in 1..=3 {
        let server = at(&format!("192.0.2.{number}"), 7);
        let from = world.block_on(async {
            socket.send_to(b"hello", server).await.unwrap();
            socket.recv_from(&mut [0; 8]).await.unwrap().1
        });
        assert_eq!(from.unwrap(), server);
    }
    // The client's router has to be found once.
    assert_eq!(world.now().as_millis(), 20 + 3 * 20);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let bad = Conditions::default()
            .delay(ms(5))
            .jitter(ms(4))
            .loss("20%".parse().unwrap())
            .duplicate("10%".parse().unwrap());
        let mut net = pair(seed, bad);
        net.world.record(1 << 16);
        net.b.spawn(echo(net.b.udp_bind(at(B4, 7)).unwrap()));
        let socket = net.a.udp_bind(at(A4, 0)).unwrap();
        let host = net.a.clone();
        net.world
            .block_on(async {
                for number in 0..100u8 {
                    socket.send_to(&[number; 100], at(B4, 7)).await.unwrap();
                    let _ = host.timeout(ms(20), socket.recv_from(&mut [0; 100])).await;
                }
            })
            .unwrap();
        let records: Vec<_> = net.world.drain_records().into_iter().map(|(_, records)| records).collect();
        assert!(records.iter().all(|records| records.len() > 100), "both hosts recorded");
        records
    };
    assert!(run(6) == run(6));
    assert!(run(6) != run(7));
}
