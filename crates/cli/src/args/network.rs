//! Options of every command that moves packets: which network, by which link, recorded where.

use std::net::IpAddr;
use std::str::FromStr;

use clap::Args;
use fathom_net::IpCidr;
use fathom_wire::EthernetAddress;

use super::link::{Link, LinkArgs, MIN_IPV6_MTU};
use crate::exit::Exit;
use crate::failure::Failure;

/// A network to put the command's host on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Via {
    /// The internet inside this process.
    Lab,
    /// A TAP interface of this machine, by name: Ethernet.
    Tap(String),
    /// A TUN interface of this machine, by name: IP packets.
    Tun(String),
}

impl FromStr for Via {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "lab" => Ok(Via::Lab),
            Some(("tap", name)) if !name.is_empty() => Ok(Via::Tap(name.into())),
            Some(("tun", name)) if !name.is_empty() => Ok(Via::Tun(name.into())),
            _ => Err("expected 'lab', 'tap:NAME' or 'tun:NAME', such as tap:tap0".into()),
        }
    }
}

/// The network, the way to it, and the capture.
#[derive(Args, Clone, Debug)]
pub(crate) struct NetworkArgs {
    /// The network to use: lab, tap:NAME or tun:NAME
    ///
    /// lab: an internet inside this process, on a clock of its own, with a resolver at 8.8.8.8, example.com,
    /// and a round trip of 20 ms. It needs nothing and touches nothing outside.
    ///
    /// tap:NAME: a TAP interface of this machine, which fathom's host is plugged into with an address of its
    /// own. Needs the permission to open it (ip tuntap add NAME mode tap user USER).
    ///
    /// tun:NAME: the same with a TUN interface, which carries IP packets: there is no Ethernet, and no ARP.
    #[arg(long, value_name = "NETWORK", help_heading = "Network")]
    via: Option<Via>,

    /// With tap and tun: an address of this host; may be repeated
    #[arg(long, value_name = "IP/PREFIX", help_heading = "Network")]
    pub(crate) address: Vec<IpCidr>,

    /// With tap and tun: the next hop for everything beyond; one for IPv4, one for IPv6
    #[arg(long, value_name = "IP", help_heading = "Network")]
    pub(crate) gateway: Vec<IpAddr>,

    /// With tap and tun: a DNS server; may be repeated
    #[arg(long, value_name = "IP", help_heading = "Network")]
    pub(crate) resolver: Vec<IpAddr>,

    /// With tap: the Ethernet address of this host (random if not given)
    #[arg(long, value_name = "MAC", value_parser = mac, help_heading = "Network")]
    pub(crate) mac: Option<EthernetAddress>,

    /// Number that all chance comes from: the same seed, the same run
    ///
    /// In the lab: what the link loses, and every choice of every host, is the same for the same number.
    /// On an interface of this machine: what the link loses.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Network")]
    pub(crate) seed: u64,

    #[command(flatten)]
    link: LinkArgs,

    /// Write the frames to a pcapng file, with the TLS secrets; - for standard output
    ///
    /// Wireshark and tshark open it decrypted. Whoever has the file can read what was encrypted.
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(crate) write: Option<String>,
}

fn mac(text: &str) -> Result<EthernetAddress, String> {
    let address: Option<EthernetAddress> = text.parse().ok();
    match address {
        Some(address) if address.is_unicast() && address != EthernetAddress::UNSPECIFIED => Ok(address),
        Some(_) => Err("a host's own address is neither a group's nor all zeros".into()),
        None => Err("expected six bytes in hexadecimal, such as 02:00:00:00:00:01".into()),
    }
}

impl NetworkArgs {
    /// The network to use.
    ///
    /// # Errors
    ///
    /// No network was chosen, or options contradict the choice.
    pub(crate) fn via(&self) -> Result<&Via, Failure> {
        let via = self.via.as_ref().ok_or_else(|| {
            Failure::new(Exit::Usage, "no network is chosen")
                .hint("add '--via lab' (an internet inside this process), '--via tap:NAME' or '--via tun:NAME' (an interface of this machine)")
        })?;
        match via {
            Via::Lab => {
                let foreign = [
                    ("--address", !self.address.is_empty()),
                    ("--gateway", !self.gateway.is_empty()),
                    ("--resolver", !self.resolver.is_empty()),
                    ("--mac", self.mac.is_some()),
                ];
                if let Some((option, _)) = foreign.iter().find(|(_, given)| *given) {
                    return Err(Failure::new(Exit::Usage, format!("{option} has no meaning with --via lab"))
                        .hint("the lab's host is configured already; leave it out"));
                }
            }
            Via::Tap(_) | Via::Tun(_) => {
                if self.mac.is_some() && matches!(via, Via::Tun(_)) {
                    return Err(Failure::new(Exit::Usage, "--mac has no meaning with --via tun:NAME").hint(
                        "a TUN interface carries IP packets, without Ethernet addresses; leave it out",
                    ));
                }
                if self.address.is_empty() {
                    return Err(Failure::new(Exit::Usage, "the host on the interface has no address")
                        .hint("add '--address IP/PREFIX', such as --address 192.0.2.2/24"));
                }
                for gateway in &self.gateway {
                    let same_family = |cidr: &IpCidr| cidr.address().is_ipv4() == gateway.is_ipv4();
                    if !self.address.iter().any(same_family) {
                        return Err(Failure::new(
                            Exit::Usage,
                            format!("the gateway {gateway} is of a family that no --address is of"),
                        )
                        .hint("give the host an address of that family"));
                    }
                }
            }
        }
        self.link.check()?;
        Ok(via)
    }

    /// Refuses IPv6 by name (-6) on a link that cannot carry it.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`].
    pub(crate) fn check_family(&self, only_ipv6: bool) -> Result<(), Failure> {
        match self.link().mtu() {
            Some(mtu) if only_ipv6 && mtu < MIN_IPV6_MTU => Err(Failure::new(
                Exit::Usage,
                format!("IPv6 needs an MTU of {MIN_IPV6_MTU} bytes at least, and --mtu says {mtu}"),
            )
            .hint("leave out -6, or raise --mtu")),
            _ => Ok(()),
        }
    }

    /// The link between the host and its network.
    pub(crate) fn link(&self) -> Link {
        self.link.link()
    }
}
