//! Random worlds: whatever happens to the frames, every transfer ends with the bytes that were sent, and
//! nothing is left behind. A failure names the seed that replays it.

mod common;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use common::at;
use fathom_impair::{Conditions, GilbertElliott, Reorder};
use fathom_net::{Config, Host, InterfaceId, TcpListener, TcpStream};
use fathom_world::{LinkSpec, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SEEDS: u64 = 40;
/// When the links become perfect.
const FAULTS_END: Duration = Duration::from_secs(5);

/// Draws for one test, from its seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        // Weyl sequence and a multiplicative hash: plain, and good enough to vary tests.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 29)) % bound
    }

    fn percent(&mut self, most: u64) -> fathom_impair::Probability {
        format!("{}%", self.below(most + 1)).parse().unwrap()
    }

    fn conditions(&mut self) -> Conditions {
        let mut conditions = Conditions::default()
            .delay(Duration::from_micros(self.below(40_000)))
            .jitter(Duration::from_micros(self.below(20_000)))
            .loss(self.percent(8))
            .duplicate(self.percent(5));
        if self.below(2) == 0 {
            conditions = conditions.rate("5mbit".parse().unwrap()).queue("40KB".parse().unwrap());
        }
        if self.below(2) == 0 {
            conditions = conditions.reorder(Reorder::new(self.percent(5)));
        }
        if self.below(4) == 0 {
            conditions = conditions.burst(GilbertElliott::new(self.percent(1), "30%".parse().unwrap()));
        }
        conditions
    }
}

struct Swarm {
    world: World,
    hosts: Vec<(Host, InterfaceId)>,
}

impl Swarm {
    /// Hosts on one switch, each with a link of its own kind.
    fn new(seed: u64, draw: &mut Draw) -> Swarm {
        let mut world = World::new(seed);
        let switch = world.add_switch("switch");
        let hosts = (0..2 + draw.below(4))
            .map(|number| {
                let host = world.add_host(&format!("h{number}"), Config::default());
                // On one of the two links of a path only: the checksum sees one flipped bit, but not each
                // pair of them.
                let forward = draw.conditions().corrupt(draw.percent(3));
                let spec = LinkSpec { forward, backward: draw.conditions(), mtu: 1500 };
                let interface = world.plug(&host, switch, spec);
                host.add_address(interface, format!("10.0.0.{}/24", number + 1).parse().unwrap()).unwrap();
                (host, interface)
            })
            .collect();
        Swarm { world, hosts }
    }

    fn address(&self, host: u64) -> SocketAddr {
        at(&format!("10.0.0.{}", host + 1), 7)
    }
}

/// Sends back to each client what it sends.
async fn serve(listener: TcpListener, host: Host) {
    while let Ok((stream, _)) = listener.accept().await {
        host.spawn(async move {
            let (mut read, mut write) = stream.into_split();
            tokio::io::copy(&mut read, &mut write).await
        });
    }
}

/// Connects, however often it takes: a neighbour may not be found while the faults last.
async fn connect(host: &Host, to: SocketAddr) -> TcpStream {
    loop {
        match host.tcp_connect(to).await {
            Ok(stream) => return stream,
            Err(_) => host.sleep(Duration::from_millis(500)).await,
        }
    }
}

/// Sends `data`, and compares what comes back.
async fn transfer(host: Host, to: SocketAddr, data: Vec<u8>, pause: Duration) -> io::Result<bool> {
    host.sleep(pause).await;
    let (mut read, mut write) = connect(&host, to).await.into_split();
    let sent = data.clone();
    let sending = host.spawn(async move { write.write_all(&sent).await });
    let mut received = Vec::new();
    read.read_to_end(&mut received).await?;
    sending.await.expect("nobody aborts it")?;
    Ok(received == data)
}

fn run(seed: u64) {
    let mut draw = Draw(seed);
    let mut swarm = Swarm::new(seed, &mut draw);
    for (number, (host, _)) in swarm.hosts.iter().enumerate() {
        host.spawn(serve(host.tcp_listen(swarm.address(number as u64)).unwrap(), host.clone()));
    }
    let count = swarm.hosts.len() as u64;
    let transfers: Vec<_> = (0..1 + draw.below(8))
        .map(|_| {
            let (from, to) = (draw.below(count), draw.below(count));
            let to = swarm.address(if from == to { (to + 1) % count } else { to });
            let data =
                (0..draw.below(150_000)).map(|place| (place.wrapping_mul(seed | 1) >> 5) as u8).collect();
            let host = &swarm.hosts[from as usize].0;
            host.spawn(transfer(host.clone(), to, data, Duration::from_millis(draw.below(1000))))
        })
        .collect();

    swarm.world.run_for(FAULTS_END).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    for (host, interface) in &swarm.hosts {
        let perfect = Conditions::default();
        swarm.world.set_conditions(host, *interface, perfect.clone(), perfect);
    }
    for transfer in transfers {
        let host = swarm.hosts[0].0.clone();
        let limited = host.timeout(Duration::from_secs(600), transfer);
        let outcome = swarm.world.block_on(limited).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let outcome = outcome.unwrap_or_else(|_| panic!("seed {seed}: a transfer does not end"));
        assert!(
            outcome.unwrap().unwrap_or_else(|error| panic!("seed {seed}: {error}")),
            "seed {seed}: bytes differ"
        );
    }
    // Connections close, TIME-WAIT ends, and no payload is left anywhere.
    swarm.world.run_for(Duration::from_secs(300)).unwrap();
    for (host, _) in &swarm.hosts {
        let in_use = host.stack(|stack, _| stack.memory_in_use());
        assert_eq!(in_use, 0, "seed {seed}: {} holds memory", host.name());
    }
}

#[test]
fn every_transfer_ends_and_nothing_is_left() {
    for seed in 0..SEEDS {
        run(seed);
    }
}
