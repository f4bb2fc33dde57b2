//! A world and what is in it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fathom_impair::Impairment;
use fathom_net::{Config, Host, Interface, InterfaceId, Record, Stack};
use fathom_stack::{GroupReports, Transmit};
use fathom_wire::Instant;

use crate::agenda::Agenda;
use crate::derive::Derive;
use crate::link::{Direction, End, LinkSpec};
use crate::runtime::{HostRuntime, Shared};
use crate::switch::{Switch, SwitchId};
use crate::{Limits, Pace};

/// Hosts, and the links and switches between them, on a clock of their own.
///
/// Set it up first: hosts, links, addresses. Time passes only in [`World::block_on`], [`World::run_until`]
/// and [`World::run_for`], from zero.
#[derive(Debug)]
pub struct World {
    pub(crate) shared: Arc<Shared>,
    pub(crate) nodes: Vec<Node>,
    by_name: HashMap<String, usize>,
    pub(crate) directions: Vec<Direction>,
    pub(crate) switches: Vec<Switch>,
    pub(crate) agenda: Agenda,
    pub(crate) limits: Limits,
    pub(crate) pace: Pace,
    /// Frames on their way from a host to its links; empty between calls, kept for its memory.
    pub(crate) transmits: Vec<Transmit>,
    derive: Derive,
}

/// A host and its place in the world.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) host: Host,
    pub(crate) runtime: Arc<HostRuntime>,
    /// For each interface the direction of its link that leads away.
    pub(crate) interfaces: Vec<(InterfaceId, usize)>,
}

impl World {
    /// An empty world at time zero. Everything that is left to chance in it follows from `seed`.
    pub fn new(seed: u64) -> World {
        World {
            shared: Shared::new(),
            nodes: Vec::new(),
            by_name: HashMap::new(),
            directions: Vec::new(),
            switches: Vec::new(),
            agenda: Agenda::default(),
            limits: Limits::default(),
            pace: Pace::default(),
            transmits: Vec::new(),
            derive: Derive::new(seed),
        }
    }

    /// Adds a host. Its Ethernet addresses and its randomness follow from the world's seed and its name.
    ///
    /// # Panics
    /// When the world has a host of that name, or 32 767 hosts.
    pub fn add_host(&mut self, name: &str, config: Config) -> Host {
        let index = self.nodes.len();
        // Half of the numbers are for what the programs of the hosts record.
        let shard = u16::try_from(index).ok().filter(|&shard| shard < u16::MAX / 2);
        let shard = shard.expect("a world has fewer than 32767 hosts");
        let before = self.by_name.insert(name.to_owned(), index);
        assert!(before.is_none(), "the world has a host named {name} already");

        // A world's switches learn from frames alone: nobody listens for the hosts' own groups.
        let mut config = Config { shard, ..config };
        if config.internet.group_reports == GroupReports::All {
            config.internet.group_reports = GroupReports::Joined;
        }
        let stack = Stack::new(config, self.derive.stack(name));
        let runtime = HostRuntime::new(&self.shared, index, self.derive.programs(name));
        let host = Host::new(name, stack, Arc::clone(&runtime) as _);
        self.nodes.push(Node { host: host.clone(), runtime, interfaces: Vec::new() });
        host
    }

    /// Adds a host that forwards packets for others.
    ///
    /// # Panics
    /// As [`World::add_host`].
    pub fn add_router(&mut self, name: &str, config: Config) -> Host {
        self.add_host(name, Config { forwarding: true, ..config })
    }

    /// Adds a switch, which learns which station is behind which of its ports.
    pub fn add_switch(&mut self, name: &str) -> SwitchId {
        self.switches.push(Switch::new(name.to_owned()));
        SwitchId(self.switches.len() - 1)
    }

    /// Joins two hosts by a link of its own. Each gets an interface for it: `eth0`, `eth1` and so on.
    ///
    /// # Panics
    /// When one of the hosts is not of this world.
    pub fn connect(&mut self, a: &Host, b: &Host, spec: LinkSpec) -> (InterfaceId, InterfaceId) {
        let (a, b) = (self.index_of(a), self.index_of(b));
        let at_a = self.add_interface(a, spec.mtu);
        let at_b = self.add_interface(b, spec.mtu);
        let ends = (End::Interface { host: a, interface: at_a }, End::Interface { host: b, interface: at_b });
        self.join(ends, spec);
        (at_a, at_b)
    }

    /// Joins a host to a switch. Forward is from the host to the switch.
    ///
    /// # Panics
    /// When the host or the switch is not of this world.
    pub fn plug(&mut self, host: &Host, switch: SwitchId, spec: LinkSpec) -> InterfaceId {
        let host = self.index_of(host);
        let interface = self.add_interface(host, spec.mtu);
        let port = self.switches[switch.0].ports.len();
        self.join((End::Interface { host, interface }, End::Port { switch: switch.0, port }), spec);
        interface
    }

    fn add_interface(&mut self, node: usize, mtu: usize) -> InterfaceId {
        let node = &self.nodes[node];
        let number = node.interfaces.len();
        let address = self.derive.address(node.host.name(), number);
        node.host.add_interface(Interface { mtu, ..Interface::ethernet(format!("eth{number}"), address) })
    }

    fn join(&mut self, (a, b): (End, End), spec: LinkSpec) {
        for (from, to, conditions) in [(a, b, spec.forward), (b, a, spec.backward)] {
            let number = self.directions.len();
            let seed = self.derive.direction(&self.name_of(from), &self.name_of(to));
            let impairment = Impairment::new(conditions, seed);
            self.directions.push(Direction { impairment, from, to });
            match from {
                End::Interface { host, interface } => self.nodes[host].interfaces.push((interface, number)),
                End::Port { switch, .. } => self.switches[switch].ports.push(number),
            }
        }
    }

    fn name_of(&self, end: End) -> String {
        match end {
            End::Interface { host, interface } => {
                format!("{}:eth{}", self.nodes[host].host.name(), interface.index())
            }
            End::Port { switch, port } => format!("{}:{port}", self.switches[switch].name),
        }
    }

    fn index_of(&self, host: &Host) -> usize {
        let index = self.by_name.get(host.name()).copied();
        index.expect("the host is of this world")
    }

    /// Changes the link at an interface of a host: `away` for what the host sends, `towards` for what it
    /// receives. What is on the way keeps its fate.
    ///
    /// # Panics
    /// When the host is not of this world.
    pub fn set_conditions(
        &mut self,
        host: &Host,
        interface: InterfaceId,
        away: fathom_impair::Conditions,
        towards: fathom_impair::Conditions,
    ) {
        let end = End::Interface { host: self.index_of(host), interface };
        for direction in &mut self.directions {
            if direction.from == end {
                direction.impairment.set_conditions(away.clone());
            } else if direction.to == end {
                direction.impairment.set_conditions(towards.clone());
            }
        }
    }

    /// The world's time.
    pub fn now(&self) -> Instant {
        self.shared.now()
    }

    /// Sets the time of day at time zero of the world, as time since 1970-01-01 00:00 UTC.
    pub fn set_wall_clock(&mut self, since_1970: Duration) {
        self.shared.set_epoch(since_1970);
    }

    /// Sets how fast time passes.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Sets how long each run may take.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The hosts, in the order in which they were added.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.nodes.iter().map(|node| &node.host)
    }

    /// The host of a name.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.by_name.get(name).map(|&index| &self.nodes[index].host)
    }

    /// Starts to record on every host; see [`Host::record`].
    pub fn record(&self, capacity: usize) {
        self.hosts().for_each(|host| host.record(capacity));
    }

    /// Takes the records of every host; see [`Host::drain_records`].
    pub fn drain_records(&self) -> Vec<(Host, Vec<Record>)> {
        self.hosts().map(|host| (host.clone(), host.drain_records())).collect()
    }
}

impl Drop for World {
    /// Ends all tasks: they hold hosts, and hosts are what they wait for.
    fn drop(&mut self) {
        self.shared.tasks.close();
        self.shared.timers.clear();
    }
}
