//! The kernel's TUN and TAP interfaces: a virtual cable between the kernel's stack and this process.
//!
//! Reference: Linux `Documentation/networking/tuntap.rst`. A TAP interface carries Ethernet frames, and has
//! neighbours; a TUN interface carries IP packets. One read or write moves one frame, which may be a
//! super-segment of 64 KiB, and whose checksum may be left out, where the kernel agrees to that.

pub(crate) mod control;
pub(crate) mod offload;

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::descriptor::{Prefix, halves};
use crate::{Device, InterfaceKind, Medium, Offload, OpenError, ReceiveHalf, TransmitHalf};
use control::Attach;

/// The longest name of an interface, the terminating zero not counted.
const NAME_MAX: usize = 15;

/// A TAP interface of the kernel, opened for its other end: Ethernet frames.
#[derive(Debug)]
pub struct TapDevice(Interface);

/// A TUN interface of the kernel, opened for its other end: IP packets without a link header.
#[derive(Debug)]
pub struct TunDevice(Interface);

impl TapDevice {
    /// Opens the existing TAP interface `name`, such as one made by `ip tuntap add dev tap0 mode tap`.
    ///
    /// Its link goes up while it is open; addresses and `ip link set up` on the kernel's side are the
    /// owner's business. The MTU is the one of this moment; when the kernel's side is given a larger one
    /// later, larger frames come.
    ///
    /// Checksums and the cutting of super-segments are left to the kernel as far as it agrees; see
    /// [`Device::offload`] and [`Device::disable_offload`].
    ///
    /// # Errors
    /// Each with what to do about it; see [`OpenError`].
    pub fn open(name: &str) -> Result<TapDevice, OpenError> {
        Interface::open(InterfaceKind::Tap, name).map(TapDevice)
    }

    /// Makes a TAP interface `name` that exists while this device does. Takes CAP_NET_ADMIN.
    ///
    /// # Errors
    /// [`OpenError::Exists`] when the name is taken; otherwise as [`TapDevice::open`].
    pub fn create(name: &str) -> Result<TapDevice, OpenError> {
        Interface::create(InterfaceKind::Tap, name).map(TapDevice)
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }
}

impl TunDevice {
    /// Opens the existing TUN interface `name`, such as one made by `ip tuntap add dev tun0 mode tun`.
    ///
    /// See [`TapDevice::open`] for what stays with the owner.
    ///
    /// # Errors
    /// Each with what to do about it; see [`OpenError`].
    pub fn open(name: &str) -> Result<TunDevice, OpenError> {
        Interface::open(InterfaceKind::Tun, name).map(TunDevice)
    }

    /// Makes a TUN interface `name` that exists while this device does. Takes CAP_NET_ADMIN.
    ///
    /// # Errors
    /// [`OpenError::Exists`] when the name is taken; otherwise as [`TunDevice::open`].
    pub fn create(name: &str) -> Result<TunDevice, OpenError> {
        Interface::create(InterfaceKind::Tun, name).map(TunDevice)
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }
}

impl Device for TapDevice {
    fn medium(&self) -> Medium {
        Medium::Ethernet
    }

    fn mtu(&self) -> usize {
        self.0.mtu
    }

    fn offload(&self) -> Offload {
        self.0.offload
    }

    fn disable_offload(&mut self) -> io::Result<()> {
        self.0.disable_offload()
    }

    fn split(self: Box<Self>) -> (Box<dyn ReceiveHalf>, Box<dyn TransmitHalf>) {
        halves(self.0.fd, Medium::Ethernet, self.0.prefix)
    }
}

impl Device for TunDevice {
    fn medium(&self) -> Medium {
        Medium::Ip
    }

    fn mtu(&self) -> usize {
        self.0.mtu
    }

    fn offload(&self) -> Offload {
        self.0.offload
    }

    fn disable_offload(&mut self) -> io::Result<()> {
        self.0.disable_offload()
    }

    fn split(self: Box<Self>) -> (Box<dyn ReceiveHalf>, Box<dyn TransmitHalf>) {
        halves(self.0.fd, Medium::Ip, self.0.prefix)
    }
}

/// An interface of either kind.
#[derive(Debug)]
struct Interface {
    fd: OwnedFd,
    name: String,
    mtu: usize,
    prefix: Prefix,
    offload: Offload,
}

impl Interface {
    fn open(kind: InterfaceKind, name: &str) -> Result<Interface, OpenError> {
        check_name(name)?;
        if !control::exists(name).map_err(|errno| system(kind, name, errno))? {
            return Err(OpenError::NotFound { kind, name: name.to_owned() });
        }
        Interface::attach(kind, name, Attach::Existing, |errno| match errno {
            Errno::BUSY => OpenError::Busy { name: name.to_owned() },
            Errno::INVAL => OpenError::WrongKind { kind, name: name.to_owned() },
            errno => system(kind, name, errno),
        })
    }

    fn create(kind: InterfaceKind, name: &str) -> Result<Interface, OpenError> {
        check_name(name)?;
        Interface::attach(kind, name, Attach::New, |errno| match errno {
            Errno::BUSY | Errno::EXIST | Errno::INVAL => OpenError::Exists { name: name.to_owned() },
            errno => system(kind, name, errno),
        })
    }

    fn attach(
        kind: InterfaceKind,
        name: &str,
        attach: Attach,
        refused: impl Fn(Errno) -> OpenError,
    ) -> Result<Interface, OpenError> {
        let mut fd = open_driver(kind, name)?;
        let virtio = control::attach(&fd, kind, name, attach, true)
            .and_then(|()| control::set_virtio_header(&fd, Prefix::VIRTIO.virtio));
        let (prefix, offload) = match virtio {
            Ok(()) => (Prefix::VIRTIO, offload::negotiate(|bits| control::set_offload(&fd, bits))),
            // A kernel without virtio headers, or an interface of another kind: what it says without tells.
            Err(Errno::INVAL | Errno::NOTTY | Errno::OPNOTSUPP) => {
                drop(fd);
                fd = open_driver(kind, name)?;
                control::attach(&fd, kind, name, attach, false).map_err(&refused)?;
                // Whoever had the interface before may have offered something. This fails where it cannot.
                let _ = control::set_offload(&fd, 0);
                (Prefix::default(), Offload::default())
            }
            Err(errno) => return Err(refused(errno)),
        };
        let mtu = control::mtu(name).map_err(|errno| system(kind, name, errno))?;
        Ok(Interface { fd, name: name.to_owned(), mtu, prefix, offload })
    }

    fn disable_offload(&mut self) -> io::Result<()> {
        if self.prefix.virtio > 0 {
            control::set_offload(&self.fd, 0)?;
        }
        self.offload = Offload::default();
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), OpenError> {
    let fits = (1..=NAME_MAX).contains(&name.len());
    // The kernel would take `%d` as a pattern and choose a name itself.
    let plain = name.bytes().all(|byte| byte.is_ascii_graphic() && !b"/%:".contains(&byte));
    if fits && plain && name != "." && name != ".." {
        Ok(())
    } else {
        Err(OpenError::InvalidName { name: name.to_owned() })
    }
}

fn open_driver(kind: InterfaceKind, name: &str) -> Result<OwnedFd, OpenError> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK;
    rustix::fs::open("/dev/net/tun", flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => OpenError::NoDriver,
        errno => system(kind, name, errno),
    })
}

fn system(kind: InterfaceKind, name: &str, errno: Errno) -> OpenError {
    let name = name.to_owned();
    match errno {
        Errno::PERM | Errno::ACCESS => OpenError::NoPermission { kind, name },
        errno => OpenError::System { name, source: errno.into() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_kernel_would_not_take_literally_are_refused() {
        for name in ["", "a-name-of-16-byt", "tap%d", "a/b", "a b", ".", ".."] {
            assert!(matches!(TapDevice::open(name), Err(OpenError::InvalidName { .. })), "{name}");
            assert!(matches!(TunDevice::create(name), Err(OpenError::InvalidName { .. })), "{name}");
        }
    }

    #[test]
    fn an_interface_that_is_not_there_is_named_with_the_remedy() {
        let tap = TapDevice::open("fathom-none").unwrap_err();
        let tun = TunDevice::open("fathom-none").unwrap_err();
        for (error, mode) in [(tap, "tap"), (tun, "tun")] {
            assert!(matches!(error, OpenError::NotFound { .. }));
            let remedy = format!("ip tuntap add dev fathom-none mode {mode}");
            assert!(error.to_string().contains(&remedy), "{error}");
        }
    }
}
