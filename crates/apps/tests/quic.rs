//! QUIC by quinn on our sockets: in a world on virtual time, and over the loopback of one host in real time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fathom_impair::Conditions;
use fathom_net::driver::RealTime;
use fathom_net::{Config, Host, Instant, quinn as hook};
use fathom_world::{LinkSpec, World};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::pki_types::PrivatePkcs8KeyDer;

/// More than any window, and differing from place to place.
fn long_body() -> Vec<u8> {
    (0..1_000_000u32).map(|number| (number / 3) as u8).collect()
}

/// A server's configuration and that of a client that trusts it.
fn configs() -> (quinn::ServerConfig, quinn::ClientConfig) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["server.test".into()]).unwrap().self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = &[&rustls::version::TLS13];
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (
        quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(server).unwrap())),
        quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(client).unwrap())),
    )
}

/// Sends back what each stream of one connection brings.
fn serve(host: &Host, at: SocketAddr, config: quinn::ServerConfig) {
    let socket = host.udp_bind(at).unwrap();
    let endpoint = hook::endpoint(socket, quinn::EndpointConfig::default(), Some(config)).unwrap();
    host.spawn(async move {
        let connection = endpoint.accept().await.unwrap().await.unwrap();
        while let Ok((mut send, mut receive)) = connection.accept_bi().await {
            let body = receive.read_to_end(2_000_000).await.unwrap();
            send.write_all(&body).await.unwrap();
            send.finish().unwrap();
        }
    });
}

/// What a client learns of an exchange.
struct Exchange {
    answer: Vec<u8>,
    /// When the connection stood, and when the answer was there.
    connected: Instant,
    answered: Instant,
    stats: quinn::ConnectionStats,
}

async fn exchange(host: &Host, from: SocketAddr, to: SocketAddr, config: quinn::ClientConfig) -> Exchange {
    let socket = host.udp_bind(from).unwrap();
    let mut endpoint = hook::endpoint(socket, quinn::EndpointConfig::default(), None).unwrap();
    endpoint.set_default_client_config(config);
    let connection = endpoint.connect(to, "server.test").unwrap().await.unwrap();
    let connected = host.now();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&long_body()).await.unwrap();
    send.finish().unwrap();
    let answer = receive.read_to_end(2_000_000).await.unwrap();
    let (answered, stats) = (host.now(), connection.stats());
    connection.close(0u32.into(), b"");
    Exchange { answer, connected, answered, stats }
}

fn world(seed: u64, conditions: Conditions) -> (World, Host, Host) {
    let mut world = World::new(seed);
    // 1 January 2026, within the certificate's validity.
    world.set_wall_clock(Duration::from_secs(1_767_225_600));
    let (client, server) =
        (world.add_host("client", Config::default()), world.add_host("server", Config::default()));
    let (client_eth, server_eth) = world.connect(&client, &server, LinkSpec::both_ways(conditions));
    for (host, eth, v4, v6) in [
        (&client, client_eth, "192.0.2.1/24", "2001:db8::1/64"),
        (&server, server_eth, "192.0.2.2/24", "2001:db8::2/64"),
    ] {
        host.add_address(eth, v4.parse().unwrap()).unwrap();
        host.add_address(eth, v6.parse().unwrap()).unwrap();
    }
    (world, client, server)
}

/// A round trip of 20 ms, some loss, and no second of real time: the handshake takes one round trip, after another
/// for the neighbour.
#[test]
fn quinn_moves_a_megabyte_each_way_in_a_world_over_both_families() {
    for (from, to) in
        [("192.0.2.1:0", "192.0.2.2:443"), ("[::]:0", "[2001:db8::2]:443"), ("[::]:0", "192.0.2.2:443")]
    {
        let delay = Conditions::default().delay(Duration::from_millis(10));
        let (mut world, client, server) = world(1, delay);
        let (server_config, client_config) = configs();
        serve(&server, "[::]:443".parse().unwrap(), server_config);
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let done = world.block_on(exchange(&client, from, to, client_config)).unwrap();
        assert!(done.answer == long_body());
        assert_eq!(done.connected.as_millis(), 40, "{from} {to}");
        assert!(done.answered.as_millis() < 1000, "{}", done.answered.as_millis());
        assert!(
            done.stats.path.current_mtu > 1400,
            "it found the link's MTU: {}",
            done.stats.path.current_mtu
        );
        assert_eq!(done.stats.path.lost_packets, 0);
        let counters =
            client.stack(|stack, _| (stack.counters().udp_sent, stack.counters().frames_transmitted));
        assert!(done.stats.udp_tx.ios < done.stats.udp_tx.datagrams, "many datagrams in one call");
        assert!(counters.0 > 700, "{counters:?}");
    }
}

#[test]
fn quinn_repairs_what_a_bad_link_loses() {
    let bad = Conditions::default()
        .delay(Duration::from_millis(10))
        .loss("2%".parse().unwrap())
        .reorder("1%".parse().unwrap());
    let (mut world, client, server) = world(2, bad);
    let (server_config, client_config) = configs();
    serve(&server, "192.0.2.2:443".parse().unwrap(), server_config);
    let (from, to) = ("192.0.2.1:0".parse().unwrap(), "192.0.2.2:443".parse().unwrap());
    let done = world.block_on(exchange(&client, from, to, client_config)).unwrap();
    assert!(done.answer == long_body());
    assert!(done.stats.path.lost_packets > 0);
}

#[test]
fn quinn_gives_up_a_peer_that_is_not_there_by_the_hosts_clock() {
    let (mut world, client, _server) = world(3, Conditions::default().delay(Duration::from_millis(10)));
    let (_, config) = configs();
    let socket = client.udp_bind("192.0.2.1:0".parse().unwrap()).unwrap();
    let mut endpoint = hook::endpoint(socket, quinn::EndpointConfig::default(), None).unwrap();
    endpoint.set_default_client_config(config);
    let error = world
        .block_on(async {
            let connecting = endpoint.connect("192.0.2.2:443".parse().unwrap(), "server.test").unwrap();
            connecting.await.unwrap_err()
        })
        .unwrap();
    assert_eq!(error, quinn::ConnectionError::TimedOut, "port unreachable could be anybody's word");
    assert_eq!(world.now().as_millis() / 1000, 30, "quinn's idle timeout");
}

#[test]
fn quinn_talks_to_itself_over_the_loopback_of_a_host_in_real_time() {
    let driver = RealTime::builder("alone").start().unwrap();
    let host = driver.host();
    let (server_config, client_config) = configs();
    serve(host, "127.0.0.1:443".parse().unwrap(), server_config);
    let (from, to) = ("127.0.0.1:0".parse().unwrap(), "127.0.0.1:443".parse().unwrap());
    let done = host.block_on(host.timeout(Duration::from_secs(60), exchange(host, from, to, client_config)));
    assert!(done.expect("it ends in time").answer == long_body());
}
