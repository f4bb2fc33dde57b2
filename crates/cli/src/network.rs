//! The host that a command runs on, and the network it is put on.

use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use fathom_apps::dns::DnsResolver;
use fathom_apps::tls::client::Roots;
use fathom_device::{OpenError, TapDevice, TunDevice};
use fathom_lab::{Lab, LabConfig};
use fathom_lens::LinkType;
use fathom_net::driver::{Attachment, RealTime};
use fathom_net::{Host, IpCidr, Route};
use fathom_record::Layer;
use fathom_world::Pace;

use crate::args::{Link, NetworkArgs, Via};
use crate::exit::Exit;
use crate::failure::{Failure, reason};

/// The port of DNS.
const DNS: u16 = 53;
/// Records that may wait to be looked at. At 1 Gbit/s they fill in about a tenth of a second.
const RECORDS: usize = 1 << 16;

/// A host on a network.
pub(crate) struct Network {
    host: Host,
    /// What the frames of its one interface begin with.
    link_type: LinkType,
    kind: Kind,
}

enum Kind {
    Lab(Box<Lab>),
    Real(RealTime),
}

impl Network {
    /// Puts a host on the network that the options name, and begins to record.
    ///
    /// # Errors
    ///
    /// [`Exit::Interface`] when the interface cannot be used, [`Exit::Usage`] for options that do not fit.
    pub(crate) fn open(args: &NetworkArgs) -> Result<Self, Failure> {
        let link = args.link();
        let network = match args.via()? {
            Via::Lab => lab(args.seed, link)?,
            Via::Tap(name) => {
                let device = TapDevice::open(name).map_err(|error| unusable(&error, LinkType::Ethernet))?;
                real(name, Attachment::new(device).name("eth0"), LinkType::Ethernet, args, link)?
            }
            Via::Tun(name) => {
                let device = TunDevice::open(name).map_err(|error| unusable(&error, LinkType::Raw))?;
                real(name, Attachment::new(device).name("tun0"), LinkType::Raw, args, link)?
            }
        };
        network.host.record(RECORDS);
        Ok(network)
    }

    /// The host.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// What the frames of each interface of the host begin with.
    pub(crate) fn links(&self) -> [LinkType; 1] {
        [self.link_type]
    }

    /// Whom the host trusts if nobody says otherwise.
    pub(crate) fn roots(&self) -> Roots {
        match &self.kind {
            Kind::Lab(lab) => Roots::Certificates(vec![lab.ca().clone()]),
            Kind::Real(_) => Roots::System,
        }
    }

    /// Whether time passes by itself. In the lab it passes by what happens.
    pub(crate) fn is_real_time(&self) -> bool {
        matches!(self.kind, Kind::Real(_))
    }

    /// Lets a second take a second, in the lab too: for runs that somebody watches.
    pub(crate) fn pace_in_real_time(&mut self) {
        if let Kind::Lab(lab) = &mut self.kind {
            lab.world().set_pace(Pace::RealTime);
        }
    }

    /// The time since 1970 at which the clock of the records was zero.
    pub(crate) fn epoch(&self) -> Duration {
        let now = Duration::from_nanos(self.host.now().as_nanos());
        self.host.wall_clock().saturating_sub(now)
    }

    /// What befell the interface, if it failed on the way.
    pub(crate) fn device_failure(&self) -> Option<Failure> {
        let Kind::Real(driver) = &self.kind else { return None };
        let (_, error) = driver.take_failures().into_iter().next()?;
        Some(broken(&error, self.link_type))
    }

    /// Runs `future` to its end.
    ///
    /// # Errors
    ///
    /// [`Exit::Internal`] when the lab comes to a standstill, [`Exit::Interface`] when the interface fails.
    pub(crate) fn block_on<F: Future>(&mut self, future: F) -> Result<F::Output, Failure> {
        match &mut self.kind {
            Kind::Real(driver) => {
                let (mut future, mut failure) = (pin!(future), pin!(driver.device_failed()));
                let either = poll_fn(|cx| match future.as_mut().poll(cx) {
                    Poll::Ready(output) => Poll::Ready(Ok(output)),
                    Poll::Pending => failure.as_mut().poll(cx).map(|(_, error)| Err(error)),
                });
                self.host.block_on(either).map_err(|error| broken(&error, self.link_type))
            }
            Kind::Lab(lab) => lab.block_on(future).map_err(|error| {
                Failure::new(Exit::Internal, format!("the lab stopped: {error}"))
                    .hint("set a time limit (-m for get, -w for ping), or look at each frame with -vvvv")
            }),
        }
    }
}

fn lab(seed: u64, link: Link) -> Result<Network, Failure> {
    let config = LabConfig { seed, up: link.up, down: link.down, ..LabConfig::default() };
    let lab = Lab::new(config)
        .map_err(|error| Failure::new(Exit::Internal, format!("the lab could not be built: {error}")))?;
    Ok(Network { host: lab.client().clone(), link_type: LinkType::Ethernet, kind: Kind::Lab(Box::new(lab)) })
}

/// A host in real time, on the interface `name` of this machine.
fn real(
    name: &str,
    attachment: Attachment,
    link_type: LinkType,
    args: &NetworkArgs,
    link: Link,
) -> Result<Network, Failure> {
    let failed = |what: &str, error: &std::io::Error| {
        Failure::new(Exit::Interface, format!("could not use {name}: {what}: {}", reason(error)))
            .on(Layer::Link, protocol(link_type))
    };
    let driver = RealTime::builder("fathom").start().map_err(|error| failed("starting the host", &error))?;
    let mut attachment = attachment.up(link.up).down(link.down).seed(args.seed);
    if let Some(mac) = args.mac {
        attachment = attachment.address(mac);
    }
    let interface = driver.attach(attachment).map_err(|error| failed("attaching it", &error))?;
    let host = driver.host().clone();
    for address in &args.address {
        host.add_address(interface, *address).map_err(|error| {
            Failure::new(
                Exit::Usage,
                format!("{} cannot be this host's address: {}", address.address(), reason(&error)),
            )
            .on(Layer::Internet, "IP")
            .hint("give a unicast address with its prefix length, such as 192.0.2.2/24")
        })?;
    }
    for gateway in &args.gateway {
        let destination = if gateway.is_ipv4() { IpCidr::IPV4_ANY } else { IpCidr::IPV6_ANY };
        let route = Route { destination, gateway: Some(*gateway), interface, metric: 0 };
        host.add_route(route).map_err(|error| {
            Failure::new(Exit::Usage, format!("{gateway} cannot be the gateway: {}", reason(&error)))
                .on(Layer::Internet, "IP")
                .hint("give an address within the network of an --address")
        })?;
    }
    if !args.resolver.is_empty() {
        let servers: Vec<SocketAddr> =
            args.resolver.iter().map(|address: &IpAddr| SocketAddr::new(*address, DNS)).collect();
        let resolver = DnsResolver::new(servers);
        host.set_resolver(Some(Arc::new(resolver)));
    }
    Ok(Network { host, link_type, kind: Kind::Real(driver) })
}

/// Why an interface could not be opened. The words of the device say what to try.
fn unusable(error: &OpenError, link_type: LinkType) -> Failure {
    Failure::new(Exit::Interface, error).on(Layer::Link, protocol(link_type))
}

/// What befell an interface.
fn broken(error: &std::io::Error, link_type: LinkType) -> Failure {
    let what = match error.kind() {
        std::io::ErrorKind::NotConnected => reason(error),
        _ => format!("the interface failed: {}", reason(error)),
    };
    Failure::new(Exit::Interface, what)
        .on(Layer::Link, protocol(link_type))
        .hint("make it again as it was, and see that nothing removes it: ip -d link show NAME")
}

/// What an interface is called on its layer.
fn protocol(link_type: LinkType) -> &'static str {
    match link_type {
        LinkType::Ethernet => "Ethernet",
        LinkType::Raw => "TUN",
    }
}
