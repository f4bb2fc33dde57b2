//! Two hosts and a link between them.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::net::SocketAddr;
use std::time::Duration;

use fathom_impair::Conditions;
use fathom_net::{Config, Host, InterfaceId, Route, TcpSocket, TcpStream};
use fathom_world::{LinkSpec, World};

pub(crate) const A4: &str = "192.0.2.1";
pub(crate) const B4: &str = "192.0.2.2";
pub(crate) const A6: &str = "2001:db8::1";
pub(crate) const B6: &str = "2001:db8::2";

/// Two hosts on one link: `a` has A4 and A6, `b` has B4 and B6.
pub(crate) struct Pair {
    pub(crate) world: World,
    pub(crate) a: Host,
    pub(crate) b: Host,
    pub(crate) eth_a: InterfaceId,
    pub(crate) eth_b: InterfaceId,
}

pub(crate) fn pair(seed: u64, conditions: Conditions) -> Pair {
    let mut world = World::new(seed);
    let a = world.add_host("a", Config::default());
    let b = world.add_host("b", Config::default());
    let (eth_a, eth_b) = world.connect(&a, &b, LinkSpec::both_ways(conditions));
    for (host, eth, address) in [(&a, eth_a, A4), (&b, eth_b, B4)] {
        host.add_address(eth, format!("{address}/24").parse().unwrap()).unwrap();
    }
    for (host, eth, address) in [(&a, eth_a, A6), (&b, eth_b, B6)] {
        host.add_address(eth, format!("{address}/64").parse().unwrap()).unwrap();
    }
    Pair { world, a, b, eth_a, eth_b }
}

impl Pair {
    /// A connection from `a` to port 80 of `b`: its end at `a`, and its end at `b`.
    pub(crate) fn connected(&mut self) -> (TcpStream, TcpStream) {
        self.connected_with(|_| {})
    }

    /// A connection for both of whose ends `choose` has made its choices.
    pub(crate) fn connected_with(&mut self, choose: impl Fn(&TcpSocket)) -> (TcpStream, TcpStream) {
        let socket = |host: &Host| {
            let socket = TcpSocket::new_v4(host).unwrap();
            choose(&socket);
            socket
        };
        let (client, server) = (socket(&self.a), socket(&self.b));
        server.bind(at(B4, 80)).unwrap();
        let listener = server.listen(1).unwrap();
        self.world
            .block_on(async {
                let stream = client.connect(at(B4, 80)).await.unwrap();
                (stream, listener.accept().await.unwrap().0)
            })
            .unwrap()
    }
}

pub(crate) fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), port)
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn default_route(interface: InterfaceId, gateway: &str) -> Route {
    let gateway: std::net::IpAddr = gateway.parse().unwrap();
    let destination = if gateway.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
    Route { destination: destination.parse().unwrap(), gateway: Some(gateway), interface, metric: 0 }
}
