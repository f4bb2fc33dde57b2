//! A descriptor that somebody else has opened.

use std::io;
use std::os::fd::OwnedFd;

use crate::descriptor::{Prefix, halves};
use crate::tun_tap::{control, offload};
use crate::virtio;
use crate::{Device, InterfaceKind, Medium, Offload, ReceiveHalf, TransmitHalf};

/// The MTU of a descriptor of which nothing else is said.
const MTU: usize = 1500;

/// A device on a descriptor that was opened elsewhere: by the VPN service of a phone, by a privileged helper
/// that passed it on (`SCM_RIGHTS`), by a virtual machine monitor.
///
/// Each read and each write of the descriptor moves one frame: it is a TUN or TAP descriptor, or a socket that
/// keeps the boundaries of messages (`SOCK_SEQPACKET`, `SOCK_DGRAM`).
///
/// ```
/// use fathom_device::{Device, FdDevice, Medium};
///
/// # fn main() -> std::io::Result<()> {
/// # let fd = std::os::fd::OwnedFd::from(std::os::unix::net::UnixDatagram::pair()?.0);
/// let device = FdDevice::from(fd).with_mtu(1400);
/// assert_eq!((device.medium(), device.mtu()), (Medium::Ip, 1400));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FdDevice {
    fd: OwnedFd,
    medium: Medium,
    mtu: usize,
    prefix: Prefix,
    offload: Offload,
}

impl From<OwnedFd> for FdDevice {
    /// Takes a descriptor over. It becomes non-blocking, for all who share it.
    ///
    /// Of a TUN or TAP descriptor the kernel tells what its frames begin with, and what stands before them; if
    /// it was opened with virtio headers (`IFF_VNET_HDR`), checksums and the cutting of super-segments are
    /// left to the kernel as far as it agrees. On any other descriptor, frames are plain IP packets, unless
    /// said otherwise. The MTU is 1500 bytes, unless said otherwise.
    fn from(fd: OwnedFd) -> FdDevice {
        // Fails for no descriptor that is open.
        let _ = rustix::io::ioctl_fionbio(&fd, true);
        let mut device = FdDevice {
            fd,
            medium: Medium::Ip,
            mtu: MTU,
            prefix: Prefix::default(),
            offload: Offload::default(),
        };
        let Ok(found) = control::describe(&device.fd) else { return device };
        device.medium = match found.kind {
            InterfaceKind::Tap => Medium::Ethernet,
            InterfaceKind::Tun => Medium::Ip,
        };
        device.prefix.packet_information = found.packet_information;
        if found.virtio {
            // Ten bytes are what a descriptor begins with; only who changed that could refuse the way back.
            let _ = control::set_virtio_header(&device.fd, virtio::LEN);
            device.prefix.virtio = virtio::LEN;
            device.offload = offload::negotiate(|bits| control::set_offload(&device.fd, bits));
        }
        device
    }
}

impl FdDevice {
    /// Sets what its frames begin with.
    #[must_use]
    pub fn with_medium(mut self, medium: Medium) -> FdDevice {
        self.medium = medium;
        self
    }

    /// Sets the largest IP packet that fits one frame, in bytes.
    #[must_use]
    pub fn with_mtu(mut self, mtu: usize) -> FdDevice {
        self.mtu = mtu;
        self
    }

    /// Says that a virtio header (VIRTIO 1.2, 5.1.6; ten bytes, little-endian) stands before each frame, in
    /// both directions, and what the other end does with frames that are transmitted to it.
    ///
    /// On a TUN or TAP descriptor the kernel has told so already.
    #[must_use]
    pub fn with_virtio_header(mut self, offload: Offload) -> FdDevice {
        self.prefix.virtio = virtio::LEN;
        self.offload = offload;
        self
    }
}

impl Device for FdDevice {
    fn medium(&self) -> Medium {
        self.medium
    }

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn offload(&self) -> Offload {
        self.offload
    }

    /// On a descriptor that is no TUN or TAP, only what we transmit becomes plain: what the other end sends is
    /// its own choice.
    fn disable_offload(&mut self) -> io::Result<()> {
        self.offload = Offload::default();
        match control::describe(&self.fd) {
            Ok(_) => Ok(control::set_offload(&self.fd, 0)?),
            Err(_) => Ok(()),
        }
    }

    fn split(self: Box<Self>) -> (Box<dyn ReceiveHalf>, Box<dyn TransmitHalf>) {
        halves(self.fd, self.medium, self.prefix)
    }
}

#[cfg(test)]
mod tests;
