//! A client and a server on one link, for the tests of this crate.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fathom_impair::Conditions;
use fathom_net::{Config, Host, Record};
use fathom_world::{LinkSpec, World};

use crate::dns::DnsResolver;
use crate::dns::server::{DnsServer, Zone};
use crate::tls::server::Identity;
use crate::tls::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

pub(crate) const SERVER_V4: &str = "10.0.0.2";
pub(crate) const SERVER_V6: &str = "fd00::2";

/// Two hosts that know each other's link addresses, 20 ms of round trip between them.
pub(crate) struct Bench {
    world: World,
    pub(crate) client: Host,
    pub(crate) server: Host,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        let mut world = World::new(1);
        // 1 January 2026, within the validity that rcgen gives by itself.
        world.set_wall_clock(Duration::from_secs(1_767_225_600));
        let client = world.add_host("client", Config::default());
        let server = world.add_host("server", Config::default());
        let (client_eth, server_eth) = world.connect(&client, &server, LinkSpec::default());
        for (v4, v6, host, eth) in [
            ("10.0.0.1/16", "fd00::1/64", &client, client_eth),
            ("10.0.0.2/16", "fd00::2/64", &server, server_eth),
        ] {
            host.add_address(eth, v4.parse().unwrap()).unwrap();
            host.add_address(eth, v6.parse().unwrap()).unwrap();
        }
        world
            .block_on(async {
                for address in [SERVER_V4, SERVER_V6] {
                    let socket = client.icmp_open(fathom_net::Family::of(ip(address))).unwrap();
                    socket.send_echo(ip(address), 1, &[], None).unwrap();
                    socket.recv().await.unwrap();
                }
            })
            .unwrap();
        let far = Conditions::default().delay(Duration::from_millis(10));
        world.set_conditions(&client, client_eth, far.clone(), far);
        client.record(1 << 16);
        Bench { world, client, server }
    }

    pub(crate) fn run<T>(&mut self, work: impl Future<Output = T>) -> T {
        self.world.block_on(work).unwrap()
    }

    /// Milliseconds of the world's clock so far.
    pub(crate) fn millis(&self) -> f64 {
        self.client.now().as_millis_f64()
    }

    /// What the client recorded since this was asked last.
    pub(crate) fn records(&mut self) -> Vec<Record> {
        self.client.drain_records()
    }

    /// The server's addresses with `port`.
    pub(crate) fn server_addresses(port: u16) -> [SocketAddr; 2] {
        [SERVER_V4, SERVER_V6].map(|address| SocketAddr::new(ip(address), port))
    }

    /// A name server on the server for `example.test`, which the client asks.
    pub(crate) fn with_dns(mut self) -> Bench {
        let zone = Zone::new(".").unwrap();
        let zone = zone.address("example.test", ip(SERVER_V4), 300).unwrap();
        let zone = zone.address("example.test", ip(SERVER_V6), 200).unwrap();
        let zone = zone.address("v4.test", ip(SERVER_V4), 300).unwrap();
        let zone = zone.alias("www.example.test", "example.test", 60).unwrap();
        let many =
            (0..100).try_fold(zone, |zone, last| zone.address("many.test", [10, 0, 1, last].into(), 9));
        let dns = DnsServer::new(many.unwrap()).unwrap();
        let server = self.server.clone();
        self.run(async move {
            dns.start(&server, SocketAddr::new(ip(SERVER_V4), 53)).await.unwrap();
        });
        let resolver = DnsResolver::new(vec![SocketAddr::new(ip(SERVER_V4), 53)]);
        self.client.set_resolver(Some(Arc::new(resolver)));
        self
    }
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// An authority and a certificate of it for `name`.
pub(crate) fn identity(name: &str) -> (CertificateDer<'static>, Identity) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::from_params(&params, &ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf =
        rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    (ca.der().clone(), Identity { chain: vec![leaf.der().clone()], key })
}
