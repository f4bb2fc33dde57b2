//! The hosts of the lab, their addresses and the links between them.

mod warm;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU64;
use std::time::Duration;

use fathom_impair::{BitsPerSecond, Conditions};
use fathom_net::{Config, Host, InterfaceId, IpCidr, Route};
use fathom_world::{LinkSpec, World};

use crate::config::{Families, LabConfig};

pub(crate) use warm::warm;

/// How long a frame is on the wide-area link.
pub(crate) const WAN_DELAY: Duration = Duration::from_millis(10);
/// The wide-area link's rate, 10 Gbit/s: so high that a page's time is distance and nothing else.
const WAN_RATE: BitsPerSecond = BitsPerSecond(NonZeroU64::new(10_000_000_000).unwrap()); // not zero

/// The MTU of Ethernet.
const MTU: usize = 1500;

/// A place with an IPv4 and an IPv6 address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dual {
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
}

impl Dual {
    const fn new(v4: [u8; 4], v6: [u16; 8]) -> Dual {
        let [a, b, c, d] = v4;
        let [e, f, g, h, i, j, k, l] = v6;
        Dual { v4: Ipv4Addr::new(a, b, c, d), v6: Ipv6Addr::new(e, f, g, h, i, j, k, l) }
    }

    /// Both, IPv4 first.
    pub(crate) fn both(self) -> [IpAddr; 2] {
        [self.v4.into(), self.v6.into()]
    }
}

/// The client's network, of the ranges for documentation (RFC 5737, RFC 3849).
const CLIENT: Dual = Dual::new([192, 0, 2, 2], [0x2001, 0xdb8, 0, 1, 0, 0, 0, 2]);
const HOME: Dual = Dual::new([192, 0, 2, 1], [0x2001, 0xdb8, 0, 1, 0, 0, 0, 1]);
/// The wide-area link.
const HOME_WAN: Dual = Dual::new([198, 51, 100, 2], [0x2001, 0xdb8, 0, 0xff, 0, 0, 0, 2]);
const CORE_WAN: Dual = Dual::new([198, 51, 100, 1], [0x2001, 0xdb8, 0, 0xff, 0, 0, 0, 1]);
/// The resolver and its router.
pub(crate) const RESOLVER: Dual = Dual::new([8, 8, 8, 8], [0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888]);
const CORE_DNS: Dual = Dual::new([8, 8, 8, 1], [0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 1]);
/// The web server's network.
const CORE_WEB: Dual = web(1, 1);
/// example.com.
pub(crate) const EXAMPLE: Dual =
    Dual::new([93, 184, 215, 14], [0x2606, 0x2800, 0x21f, 0xcb07, 0x6820, 0x80da, 0xaf6b, 0x8b2c]);
/// An address of the web server on which nothing listens.
pub(crate) const REFUSED: Dual = web(20, 0x20);
/// An address on which servers show the wrong certificate.
pub(crate) const BAD_CERTIFICATE: Dual = web(21, 0x21);
/// An address on which servers show an expired certificate.
pub(crate) const EXPIRED: Dual = web(22, 0x22);
/// An address that lets every connection wait for ever.
pub(crate) const SILENT: Dual = web(23, 0x23);
/// An address of the web server's network that nobody has.
pub(crate) const UNREACHABLE: Dual = web(99, 0x99);

const fn web(v4: u8, v6: u16) -> Dual {
    Dual::new([93, 184, 215, v4], [0x2606, 0x2800, 0x21f, 0xcb07, 0, 0, 0, v6])
}

/// The web server's addresses.
pub(crate) const WEB: [Dual; 5] = [EXAMPLE, REFUSED, BAD_CERTIFICATE, EXPIRED, SILENT];

/// The hosts, joined and with their addresses and routes, and the interfaces whose links are slow.
pub(crate) struct Internet {
    pub(crate) client: Host,
    pub(crate) home: Host,
    pub(crate) core: Host,
    pub(crate) resolver: Host,
    pub(crate) web: Host,
    access: InterfaceId,
    wan: InterfaceId,
}

impl Internet {
    /// Builds it into `world`, with perfect links.
    pub(crate) fn build(world: &mut World, config: &LabConfig) -> io::Result<Internet> {
        let client = world.add_host("client", Config::default());
        let home = world.add_router("home", Config::default());
        let core = world.add_router("core", Config::default());
        let resolver = world.add_host("resolver", Config::default());
        let web = world.add_host("web", Config::default());

        // Both ends know what the access link takes, so packets are made to fit it.
        let mtu = [config.up.mtu, config.down.mtu].into_iter().flatten().fold(MTU, usize::min);
        let (access, home_lan) = world.connect(&client, &home, LinkSpec::default().mtu(mtu));
        let (wan, core_wan) = world.connect(&home, &core, LinkSpec::default());
        let (core_dns, dns) = world.connect(&core, &resolver, LinkSpec::default());
        let (core_web, web_lan) = world.connect(&core, &web, LinkSpec::default());

        let has = |address: IpAddr| match config.families {
            Families::Both => true,
            Families::V4 => address.is_ipv4(),
            Families::V6 => address.is_ipv6(),
        };
        for (address, gateway) in CLIENT.both().into_iter().zip(HOME.both()).filter(|pair| has(pair.0)) {
            client.add_address(access, network(address, 24))?;
            client.add_route(default_route(gateway, access))?;
        }
        address(&home, home_lan, HOME, 24)?;
        address(&home, wan, HOME_WAN, 30)?;
        gateway(&home, wan, CORE_WAN)?;
        address(&core, core_wan, CORE_WAN, 30)?;
        address(&core, core_dns, CORE_DNS, 24)?;
        address(&core, core_web, CORE_WEB, 24)?;
        for (client, home) in CLIENT.both().into_iter().zip(HOME_WAN.both()) {
            let destination = network(client, 24).network();
            core.add_route(Route { destination, gateway: Some(home), interface: core_wan, metric: 0 })?;
        }
        address(&resolver, dns, RESOLVER, 24)?;
        gateway(&resolver, dns, CORE_DNS)?;
        for place in WEB {
            address(&web, web_lan, place, 24)?;
        }
        gateway(&web, web_lan, CORE_WEB)?;
        Ok(Internet { client, home, core, resolver, web, access, wan })
    }

    /// Gives the links their conditions.
    pub(crate) fn set_conditions(&self, world: &mut World, config: &LabConfig) {
        let wan = Conditions::default().delay(WAN_DELAY).rate(WAN_RATE);
        world.set_conditions(&self.home, self.wan, wan.clone(), wan);
        world.set_conditions(&self.client, self.access, config.up.clone(), config.down.clone());
    }
}

/// `address` with the length of its network: `v4_len` bits, or 64.
fn network(address: IpAddr, v4_len: u8) -> IpCidr {
    let len = if address.is_ipv4() { v4_len } else { 64 };
    // Both lengths fit their family.
    IpCidr::new(address, len).unwrap_or_else(|| IpCidr::host(address))
}

fn address(host: &Host, on: InterfaceId, place: Dual, v4_len: u8) -> io::Result<()> {
    place.both().into_iter().try_for_each(|address| host.add_address(on, network(address, v4_len)))
}

fn gateway(host: &Host, on: InterfaceId, router: Dual) -> io::Result<()> {
    router.both().into_iter().try_for_each(|router| host.add_route(default_route(router, on)))
}

/// The way to everywhere, by `gateway`.
fn default_route(gateway: IpAddr, interface: InterfaceId) -> Route {
    let unspecified: IpAddr = match gateway {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // A prefix of no bits fits both families.
    let destination = IpCidr::new(unspecified, 0).unwrap_or_else(|| IpCidr::host(unspecified));
    Route { destination, gateway: Some(gateway), interface, metric: 0 }
}
