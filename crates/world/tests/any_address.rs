//! Listeners that take every address and port of a network.

mod common;

use std::io::ErrorKind;
use std::net::SocketAddr;

use common::{A4, B4, B6, Pair, at, default_route, ms, pair};
use fathom_impair::Conditions;
use fathom_net::{IncomingListener, IpCidr, TcpListener, TcpSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Everything that `a` sends out of its own network goes to `b`, who takes it for its own.
fn gateway(net: &Pair) {
    for (gateway, all) in [(B4, IpCidr::IPV4_ANY), (B6, IpCidr::IPV6_ANY)] {
        net.a.add_route(default_route(net.eth_a, gateway)).unwrap();
        net.b.add_local_prefix(net.eth_b, all).unwrap();
    }
}

#[test]
fn each_attempt_is_decided_about_and_gives_its_own_stream() {
    let mut net = pair(1, Conditions::default().delay(ms(5)));
    gateway(&net);
    let listeners =
        [IpCidr::IPV4_ANY, IpCidr::IPV6_ANY].map(|all| IncomingListener::any(&net.b, all).unwrap());
    for listener in listeners {
        let host = net.b.clone();
        net.b.spawn(async move {
            while let Ok(incoming) = listener.incoming().await {
                // Each in a task of its own, and the later ones first.
                let (host, wanted) = (host.clone(), incoming.destination());
                host.clone().spawn(async move {
                    host.sleep(ms(100 - u64::from(wanted.port() % 100))).await;
                    if wanted.port() == 25 {
                        return incoming.refuse();
                    }
                    let mut stream = incoming.accept().await.unwrap();
                    assert_eq!(stream.local_addr().unwrap(), wanted);
                    stream.write_all(wanted.to_string().as_bytes()).await.unwrap();
                });
            }
        });
    }
    let names = ["203.0.113.9:443", "198.51.100.77:8080", "10.9.8.7:1", "[2001:db8:ffff::7]:53"];
    let clients: Vec<_> = names
        .map(|name| {
            let client = net.a.clone();
            net.a.spawn(async move {
                let mut stream = client.tcp_connect(name.parse().unwrap()).await.unwrap();
                let mut said = String::new();
                stream.read_to_string(&mut said).await.unwrap();
                said
            })
        })
        .into();
    let client = net.a.clone();
    net.world
        .block_on(async move {
            for (client, name) in clients.into_iter().zip(names) {
                assert_eq!(client.await.unwrap(), name);
            }
            let refused = client.tcp_connect("203.0.113.9:25".parse().unwrap()).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        })
        .unwrap();
}

#[test]
fn ordinary_listeners_and_the_hosts_own_addresses_come_first() {
    let mut net = pair(2, Conditions::default().delay(ms(5)));
    gateway(&net);
    let any = IncomingListener::any(&net.b, IpCidr::IPV4_ANY).unwrap();
    let named: SocketAddr = "203.0.113.9:80".parse().unwrap();
    let (a, b) = (net.a.clone(), net.b.clone());
    net.world
        .block_on(async move {
            let socket = TcpSocket::new_v4(&b).unwrap();
            socket.bind(named).unwrap();
            let ordinary: TcpListener = socket.listen(8).unwrap();
            a.tcp_connect(named).await.unwrap();
            assert_eq!(ordinary.accept().await.unwrap().1.ip(), at(A4, 0).ip());
            let own = a.tcp_connect(at(B4, 81)).await.unwrap_err();
            assert_eq!(own.kind(), ErrorKind::ConnectionRefused);
            let none = b.timeout(ms(0), any.incoming()).await;
            assert!(none.is_err(), "the listener of the network has heard of neither");
        })
        .unwrap();
}

#[test]
fn a_peer_that_gives_up_leaves_nothing_to_accept() {
    let mut net = pair(3, Conditions::default().delay(ms(5)));
    gateway(&net);
    let any = IncomingListener::any(&net.b, IpCidr::IPV4_ANY).unwrap();
    let (a, b) = (net.a.clone(), net.b.clone());
    net.world
        .block_on(async move {
            let attempt =
                a.spawn({
                    let a = a.clone();
                    async move {
                        a.timeout(ms(50), a.tcp_connect("203.0.113.9:80".parse().unwrap())).await.is_err()
                    }
                });
            let incoming = any.incoming().await.unwrap();
            assert!(attempt.await.unwrap(), "it was given up");
            b.sleep(ms(20)).await;
            // The peer answers the SYN-ACK with a reset.
            let error = incoming.accept().await.unwrap_err();
            let kinds =
                [ErrorKind::ConnectionAborted, ErrorKind::ConnectionRefused, ErrorKind::ConnectionReset];
            assert!(kinds.contains(&error.kind()), "{error:?}");
        })
        .unwrap();
}
