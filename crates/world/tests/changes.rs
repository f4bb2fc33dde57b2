//! What programs hear when an address is removed, a link goes down, a route goes: the kinds of errors are those
//! that Linux 6.18 gives in the same case.

mod common;

use std::io::{self, ErrorKind};
use std::time::Duration;

use common::{A4, B4, Pair, at, default_route, ms, pair};
use fathom_impair::Conditions;
use fathom_net::{Config, Host, IpCidr, Route, TcpListener, TcpStream};
use fathom_world::{LinkSpec, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Something that takes the way from `a` to `b` away, and what brings it back.
struct Change {
    name: &'static str,
    take_away: fn(&Pair),
    give_back: fn(&Pair),
}

fn network(net: &Pair) -> Route {
    Route { destination: "192.0.2.0/24".parse().unwrap(), gateway: None, interface: net.eth_a, metric: 0 }
}

const CHANGES: [Change; 3] = [
    Change {
        name: "address",
        take_away: |net| assert!(net.a.remove_address(net.eth_a, A4.parse().unwrap())),
        give_back: |net| net.a.add_address(net.eth_a, format!("{A4}/24").parse().unwrap()).unwrap(),
    },
    Change {
        name: "link",
        take_away: |net| net.a.set_link(net.eth_a, false),
        give_back: |net| net.a.set_link(net.eth_a, true),
    },
    Change {
        name: "route",
        take_away: |net| assert!(net.a.remove_route(&network(net))),
        give_back: |net| net.a.add_route(network(net)).unwrap(),
    },
];

async fn echo(listener: TcpListener, host: Host) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        host.spawn(async move {
            let (mut read, mut write) = stream.into_split();
            tokio::io::copy(&mut read, &mut write).await
        });
    }
}

fn connected(net: &mut Pair) -> TcpStream {
    net.b.spawn(echo(net.b.tcp_listen(at(B4, 7)).unwrap(), net.b.clone()));
    net.world.block_on(net.a.tcp_connect(at(B4, 7))).unwrap().unwrap()
}

#[test]
fn a_connection_is_there_when_its_way_is_back() {
    for Change { name, take_away, give_back } in CHANGES {
        let mut net = pair(1, Conditions::default().delay(ms(10)));
        let mut stream = connected(&mut net);
        take_away(&net);
        net.world.block_on(stream.write_all(b"hello")).unwrap().unwrap();
        net.world.run_for(Duration::from_secs(120)).unwrap();
        give_back(&net);
        let begin = net.world.now();
        let mut answer = [0; 5];
        net.world.block_on(stream.read_exact(&mut answer)).unwrap().unwrap();
        assert_eq!(&answer, b"hello");
        let after = net.world.now() - begin;
        assert!(after < ms(100), "{name}: nobody waits for a timer, but it took {after:?}");
    }
}

/// The reader hears of it once, and the writer has a broken pipe from then on.
#[test]
fn a_connection_whose_way_stays_away_times_out_for_reader_and_writer() {
    for Change { name, take_away, .. } in CHANGES {
        let mut net = pair(2, Conditions::default().delay(ms(10)));
        let mut stream = connected(&mut net);
        take_away(&net);
        net.world.block_on(stream.write_all(b"hello")).unwrap().unwrap();
        let begin = net.world.now();
        let error = net.world.block_on(stream.read(&mut [0; 8])).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{name}: {error}");
        assert!(net.world.now() - begin < Duration::from_secs(16 * 60), "{name}");
        assert_eq!(net.world.block_on(stream.read(&mut [0; 8])).unwrap().unwrap(), 0, "{name}");
        let error = net.world.block_on(stream.write(b"x")).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{name}: {error}");
    }
}

#[test]
fn an_idle_connection_notices_nothing() {
    for Change { name, take_away, give_back } in CHANGES {
        let mut net = pair(3, Conditions::default().delay(ms(10)));
        let mut stream = connected(&mut net);
        take_away(&net);
        net.world.run_for(Duration::from_secs(3600)).unwrap();
        give_back(&net);
        let mut answer = [0; 2];
        let exchange = async {
            stream.write_all(b"hi").await?;
            stream.read_exact(&mut answer).await
        };
        net.world.block_on(exchange).unwrap().unwrap();
        assert_eq!(&answer, b"hi", "{name}");
    }
}

#[test]
fn what_is_begun_without_a_way_fails_at_once() {
    for Change { name, take_away, .. } in CHANGES {
        let mut net = pair(4, Conditions::default().delay(ms(10)));
        let free = net.a.udp_bind(at("0.0.0.0", 0)).unwrap();
        let bound = net.a.udp_bind(at(A4, 0)).unwrap();
        take_away(&net);
        let begin = net.world.now();
        let connect = net.world.block_on(net.a.tcp_connect(at(B4, 7))).unwrap().unwrap_err();
        let send = net.world.block_on(free.send_to(b"x", at(B4, 7))).unwrap().unwrap_err();
        let send_bound = net.world.block_on(bound.send_to(b"x", at(B4, 7))).unwrap().unwrap_err();
        for error in [connect, send, send_bound] {
            assert_eq!(error.kind(), ErrorKind::NetworkUnreachable, "{name}: {error}");
        }
        assert_eq!(net.world.now(), begin, "{name}");
    }
}

#[test]
fn an_attempt_whose_way_goes_away_ends_with_the_reason_or_succeeds() {
    for Change { name, take_away, give_back } in CHANGES {
        for comes_back in [true, false] {
            let mut net = pair(5, Conditions::default().delay(ms(10)));
            // The neighbour is known; then its answers are lost.
            drop(connected(&mut net));
            let lost = Conditions::default().loss("100%".parse().unwrap());
            net.world.set_conditions(&net.a, net.eth_a, lost.clone(), lost);
            let host = net.a.clone();
            let attempt = net.a.spawn(async move { host.tcp_connect(at(B4, 7)).await });
            net.world.run_for(Duration::from_secs(2)).unwrap();
            take_away(&net);
            let good = Conditions::default().delay(ms(10));
            net.world.set_conditions(&net.a, net.eth_a, good.clone(), good);
            net.world.run_for(Duration::from_secs(20)).unwrap();
            if comes_back {
                give_back(&net);
            }
            let begin = net.world.now();
            let outcome = net.world.block_on(attempt).unwrap().unwrap();
            match outcome {
                Ok(_) => assert!(comes_back && net.world.now() - begin < ms(100), "{name}"),
                Err(error) => {
                    assert!(!comes_back, "{name}: {error}");
                    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable, "{name}: {error}");
                }
            }
        }
    }
}

#[test]
fn a_listener_whose_address_was_away_accepts_again() {
    let mut net = pair(6, Conditions::default().delay(ms(10)));
    let listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    let address: IpCidr = format!("{B4}/24").parse().unwrap();
    assert!(net.b.remove_address(net.eth_b, address.address()));
    let error = net.b.tcp_listen(at(B4, 81)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    net.world.run_for(Duration::from_secs(1)).unwrap();
    net.b.add_address(net.eth_b, address).unwrap();
    let _stream = net.world.block_on(net.a.tcp_connect(at(B4, 80))).unwrap().unwrap();
    net.world.block_on(listener.accept()).unwrap().unwrap();
}

/// A client with a way over each of two routers, and a server behind both.
struct TwoWays {
    world: World,
    client: Host,
    server: Host,
    /// The default routes over the first and the second router.
    routes: [Route; 2],
    /// One way, over each.
    delays: [Duration; 2],
}

fn two_ways() -> TwoWays {
    let mut world = World::new(7);
    let client = world.add_host("client", Config::default());
    let server = world.add_host("server", Config::default());
    let delays = [ms(10), ms(50)];
    let routes = [0, 1].map(|number| {
        let router = world.add_router(&format!("router{number}"), Config::default());
        let far = LinkSpec::both_ways(Conditions::default().delay(delays[number]));
        let (near_eth, router_near) = world.connect(&client, &router, LinkSpec::default());
        let (router_far, server_eth) = world.connect(&router, &server, far);
        router.add_address(router_near, format!("10.0.{number}.1/24").parse().unwrap()).unwrap();
        router.add_address(router_far, format!("10.1.{number}.1/24").parse().unwrap()).unwrap();
        client.add_address(near_eth, format!("10.0.{number}.2/24").parse().unwrap()).unwrap();
        server.add_address(server_eth, format!("10.1.{number}.2/24").parse().unwrap()).unwrap();
        if number == 0 {
            // The server's answers, and what is for its address on the first network, find their way over both.
            server.add_route(default_route(server_eth, "10.1.0.1")).unwrap();
        } else {
            let through = Route {
                destination: "10.1.0.2/32".parse().unwrap(),
                gateway: Some("10.1.1.2".parse().unwrap()),
                interface: router_far,
                metric: 0,
            };
            router.add_route(through).unwrap();
        }
        default_route(near_eth, &format!("10.0.{number}.1"))
    });
    client.add_route(routes[0]).unwrap();
    TwoWays { world, client, server, routes, delays }
}

#[test]
fn a_connection_follows_a_changed_default_route() {
    let TwoWays { mut world, client, server, routes, delays } = two_ways();
    server.spawn(echo(server.tcp_listen(at("10.1.0.2", 7)).unwrap(), server.clone()));
    let mut stream = world.block_on(client.tcp_connect(at("10.1.0.2", 7))).unwrap().unwrap();
    let mut exchange = |world: &mut World| {
        let begin = world.now();
        let mut answer = [0; 5];
        let done = world.block_on(async {
            stream.write_all(b"hello").await?;
            stream.read_exact(&mut answer).await
        });
        done.unwrap().unwrap();
        assert_eq!(&answer, b"hello");
        world.now() - begin
    };
    assert_eq!(exchange(&mut world), 2 * delays[0]);
    assert!(client.remove_route(&routes[0]));
    client.add_route(routes[1]).unwrap();
    // There over the second router, back over the first. The routers find their neighbours first.
    exchange(&mut world);
    assert_eq!(exchange(&mut world), delays[0] + delays[1]);
    // Without any the connection waits; with the first again all is as it was.
    assert!(client.remove_route(&routes[1]));
    let error = world.block_on(client.tcp_connect(at("10.1.0.2", 7))).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
    client.add_route(routes[0]).unwrap();
    assert_eq!(exchange(&mut world), 2 * delays[0]);
}
