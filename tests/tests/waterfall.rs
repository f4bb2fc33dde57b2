//! The waterfall of real exchanges in a world: what a bad link costs is named for what it is.

use std::net::SocketAddr;
use std::time::Duration;

use fathom_impair::Conditions;
use fathom_lens::waterfall::{Hints, Waterfall};
use fathom_net::{Config, Host, Layer, TcpListener, TcpStream};
use fathom_world::{LinkSpec, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SERVER: &str = "192.0.2.2:80";
const DELAY: Duration = Duration::from_millis(10);

/// What the server does with a request.
#[derive(Clone, Copy)]
struct Answer {
    think: Duration,
    bytes: usize,
}

async fn serve(host: Host, answer: Answer) -> std::io::Result<()> {
    let listener = TcpListener::bind(&host, SERVER.parse().unwrap()).await?;
    let (mut stream, _) = listener.accept().await?;
    stream.read_exact(&mut [0; 300]).await?;
    host.sleep(answer.think).await;
    stream.write_all(&vec![7; answer.bytes]).await?;
    stream.shutdown().await?;
    Ok(())
}

async fn fetch(host: Host, answer: Answer) -> std::io::Result<()> {
    let fetch = host.span(Layer::Application, "fetch", "http://example.com/");
    let server: SocketAddr = SERVER.parse().unwrap();
    let connect = fetch.child(Layer::Transport, "connect", server);
    let mut stream = TcpStream::connect(&host, server).await?;
    connect.flow(stream.flow());
    connect.addresses(stream.local_addr()?, stream.peer_addr()?);
    connect.done();
    let request = fetch.child(Layer::Application, "request", "GET /");
    request.flow(stream.flow());
    stream.write_all(&[1; 300]).await?;
    let mut body = vec![0; answer.bytes];
    let first = stream.read(&mut body).await?;
    request.done();
    let response = fetch.child(Layer::Application, "response", "GET /");
    response.flow(stream.flow());
    response.fact("status", 200);
    stream.read_exact(&mut body[first..]).await?;
    response.done();
    fetch.done();
    Ok(())
}

/// Fetches over a link with these conditions besides its delay.
fn run(seed: u64, conditions: Conditions, answer: Answer, hints: &Hints) -> Waterfall {
    let mut world = World::new(seed);
    let client = world.add_host("client", Config::default());
    let server = world.add_host("server", Config::default());
    let spec = LinkSpec::both_ways(Conditions { delay: DELAY, ..Conditions::default() });
    let (ours, theirs) = world.connect(&client, &server, spec);
    client.add_address(ours, "192.0.2.1/24".parse().unwrap()).unwrap();
    server.add_address(theirs, "192.0.2.2/24".parse().unwrap()).unwrap();
    server.spawn(serve(server.clone(), answer));
    // The first exchange resolves the neighbour, on a link that loses nothing.
    world.block_on(ping(client.clone())).unwrap().unwrap();
    let bad = Conditions { delay: DELAY, ..conditions };
    world.set_conditions(&client, ours, bad.clone(), bad);
    client.record(1 << 20);
    world.block_on(fetch(client.clone(), answer)).unwrap().unwrap();
    let records = client.drain_records();
    let waterfall = Waterfall::from_records(&records, hints).expect("there was a fetch");
    let sum: Duration =
        waterfall.phases.iter().flat_map(|phase| &phase.parts).map(|part| part.duration).sum();
    assert_eq!(sum, waterfall.total, "seed {seed}");
    waterfall
}

async fn ping(host: Host) -> std::io::Result<()> {
    let socket = host.udp_bind("192.0.2.1:0".parse().unwrap())?;
    socket.send_to(b"x", "192.0.2.2:9".parse().unwrap()).await?;
    host.sleep(Duration::from_millis(100)).await;
    Ok(())
}

/// Milliseconds of the causes of these kinds.
fn charged(waterfall: &Waterfall, kinds: &[&str]) -> f64 {
    let causes = waterfall.causes().into_iter();
    causes.filter(|(kind, _)| kinds.contains(kind)).map(|(_, sum)| sum.as_secs_f64() * 1e3).sum()
}

fn percent(loss: &str) -> Conditions {
    Conditions::default().loss(loss.parse().unwrap())
}

const SMALL: Answer = Answer { think: Duration::ZERO, bytes: 3_000 };

#[test]
fn a_clean_link_costs_round_trips_and_what_the_server_thinks() {
    let waterfall = run(1, Conditions::default(), SMALL, &Hints::default());
    assert_eq!(waterfall.causes(), [("round trips", 4 * DELAY)]);
    let think = Duration::from_millis(30);
    let waterfall = run(1, Conditions::default(), Answer { think, ..SMALL }, &Hints::default());
    assert_eq!(waterfall.causes(), [("round trips", 4 * DELAY), ("server think", think)]);
}

#[test]
fn whatever_is_lost_no_millisecond_of_it_is_blamed_on_anything_else() {
    let clean = run(0, percent("0%"), SMALL, &Hints::default()).total.as_secs_f64() * 1e3;
    let mut seen = 0;
    for seed in 0..100 {
        let waterfall = run(seed, percent("10%"), SMALL, &Hints::default());
        let total = waterfall.total.as_secs_f64() * 1e3;
        // After a timeout the sender begins again with a window of one segment.
        let losses = charged(&waterfall, &["loss", "head of line", "sender's window"]);
        let text = waterfall.to_text(fathom_lens::Style::plain(100));
        assert!((total - clean - losses).abs() < 1e-6, "seed {seed}: {losses} of {total}\n{text}");
        if losses > 0.0 {
            seen += 1;
            assert!(text.contains('╳'), "{text}");
        }
    }
    assert!(seen > 20, "{seen} of 100 runs met a loss");
}

#[test]
fn a_slow_link_is_charged_with_the_bytes_it_carried() {
    let rate = 10_000_000;
    let hints = Hints { rate_up: Some(rate), rate_down: Some(rate), ..Hints::default() };
    let slow = Conditions::default().rate("10mbit".parse().unwrap());
    let waterfall = run(1, slow, Answer { think: Duration::ZERO, bytes: 1_000_000 }, &hints);
    // A million bytes at 10 Mbit/s are 800 ms, and 54 to 66 bytes of headers come to each 1448.
    let charged = charged(&waterfall, &["link rate"]);
    assert!((820.0..860.0).contains(&charged), "{charged}");
    let rest = waterfall.total.as_secs_f64() * 1e3 - charged;
    assert!((40.0..70.0).contains(&rest), "{:?}", waterfall.causes());
}

#[test]
fn a_delay_on_the_link_is_told_from_the_path() {
    let added = Duration::from_millis(7);
    let hints = Hints { delay: 2 * added, ..Hints::default() };
    let waterfall = run(1, Conditions::default(), SMALL, &hints);
    assert_eq!(waterfall.causes(), [("link delay", 4 * added), ("round trips", 4 * (DELAY - added))]);
}
