//! Attaching a device to a host.

use std::io;
use std::sync::Arc;

use fathom_device::{Device, Medium};
use fathom_impair::{Conditions, Framing, Impairment};
use fathom_stack::{Interface, InterfaceId, Offload};
use fathom_wire::EthernetAddress;

use super::pump::{Port, Pump};
use super::receiver::ReceivePort;
use super::transmitter::TransmitPort;
use crate::Host;

/// A device to attach, and how.
#[derive(Debug)]
pub struct Attachment {
    device: Box<dyn Device>,
    name: Option<String>,
    address: Option<EthernetAddress>,
    up: Conditions,
    down: Conditions,
    seed: Option<u64>,
    offload: bool,
}

impl Attachment {
    /// Attaches `device` as it is.
    pub fn new(device: impl Device) -> Attachment {
        Attachment {
            device: Box::new(device),
            name: None,
            address: None,
            up: Conditions::default(),
            down: Conditions::default(),
            seed: None,
            offload: true,
        }
    }

    /// Names the interface. Without this it is `eth` and its number, or `tun` and its number where
    /// frames are IP packets.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Attachment {
        self.name = Some(name.into());
        self
    }

    /// Sets our Ethernet address. Without this it is the device's, or a random one. Without meaning on a
    /// device whose frames are IP packets.
    #[must_use]
    pub fn address(mut self, address: EthernetAddress) -> Attachment {
        self.address = Some(address);
        self
    }

    /// Makes the way out worse: what the host transmits meets these conditions before the device.
    #[must_use]
    pub fn up(mut self, conditions: Conditions) -> Attachment {
        self.up = conditions;
        self
    }

    /// Makes the way in worse: what the device receives meets these conditions before the host.
    #[must_use]
    pub fn down(mut self, conditions: Conditions) -> Attachment {
        self.down = conditions;
        self
    }

    /// Sets the seed of what the conditions leave to chance, which is random otherwise.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Attachment {
        self.seed = Some(seed);
        self
    }

    /// Whether checksums and the cutting of super-segments are left to the device as far as it can, which is
    /// so without this. A link that is made worse has no offload in any case: it loses, delays and counts
    /// single frames.
    #[must_use]
    pub fn offload(mut self, offload: bool) -> Attachment {
        self.offload = offload;
        self
    }

    pub(super) fn attach(mut self, host: &Host, pump: &Arc<Pump>) -> io::Result<InterfaceId> {
        // A host knows the MTU of its own link; what is larger would only be dropped there.
        let limits = [self.up.mtu, self.down.mtu].into_iter().flatten();
        let mtu = limits.fold(self.device.mtu(), usize::min);
        let number = host.interfaces().len();
        let named = |kind: &str| self.name.clone().unwrap_or_else(|| format!("{kind}{number}"));
        let (interface, framing) = match self.device.medium() {
            Medium::Ethernet => {
                let address = self.address.or(self.device.address().map(EthernetAddress));
                let address = address.unwrap_or_else(|| random_address(host));
                (Interface::ethernet(named("eth"), address), Framing::Ethernet)
            }
            Medium::Ip => (Interface::ip(named("tun")), Framing::Ip),
        };
        let impaired = [&self.up, &self.down].into_iter().any(|side| *side != Conditions::default());
        if impaired || !self.offload {
            self.device.disable_offload()?;
        }
        let offload = offload(self.device.offload());
        let (receive, transmit) = self.device.split();
        let port = Arc::new(Port::new(receive.fd(), transmit.fd())?);
        let interface = host.add_interface(Interface { mtu, offload, ..interface });
        let seed = self.seed.unwrap_or_else(|| host.random_u64());
        let down = impairment(self.down, framing, seed);
        // Another seed, so that the two directions do not lose the same frames.
        let up = impairment(self.up, framing, !seed);
        let receive = ReceivePort::new(interface, receive, down, Arc::clone(&port));
        let transmit = TransmitPort::new(interface, transmit, up, Arc::clone(&port));
        pump.add(receive, transmit, port);
        Ok(interface)
    }
}

/// What a device does, as the stack calls it.
fn offload(offload: fathom_device::Offload) -> Offload {
    let fathom_device::Offload { checksum, tcp_segmentation, udp_segmentation } = offload;
    Offload { transmit_checksum: checksum, segmentation: tcp_segmentation, udp_segmentation }
}

/// A link with these conditions, unless it is perfect.
fn impairment<T: Clone>(conditions: Conditions, framing: Framing, seed: u64) -> Option<Impairment<T>> {
    (conditions != Conditions::default()).then(|| Impairment::new(conditions, seed).with_framing(framing))
}

/// A locally administered address of one station (IEEE 802, 8.2).
fn random_address(host: &Host) -> EthernetAddress {
    let mut octets = [0; 6];
    host.random(&mut octets);
    octets[0] = octets[0] & 0xfc | 0x02;
    EthernetAddress(octets)
}
