//! The ioctls of interfaces and of the TUN/TAP driver.

#![allow(unsafe_code)]

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::ioctl::{Opcode, Setter, Updater, ioctl};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::InterfaceKind;

/// Which interface to attach to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Attach {
    /// One that is there. (Whether it is, the caller has to know: the driver would make it.)
    Existing,
    /// One that is made by this and ends with the descriptor.
    New,
}

/// Makes `tun`, a descriptor of the driver, the other end of the interface `name`.
pub(super) fn attach(tun: &OwnedFd, kind: InterfaceKind, name: &str, attach: Attach) -> Result<(), Errno> {
    let kind = match kind {
        InterfaceKind::Tap => libc::IFF_TAP,
        InterfaceKind::Tun => libc::IFF_TUN,
    };
    let mut flags = kind | libc::IFF_NO_PI;
    if attach == Attach::New {
        flags |= libc::IFF_TUN_EXCL;
    }
    match set_interface(tun, name, flags) {
        // One that takes several queues has to be asked for as such.
        Err(Errno::INVAL) if attach == Attach::Existing => {
            set_interface(tun, name, flags | libc::IFF_MULTI_QUEUE)
        }
        result => result,
    }
}

fn set_interface(tun: &OwnedFd, name: &str, flags: libc::c_int) -> Result<(), Errno> {
    let mut request = request(name);
    // The flags are bits of a 16-bit field; the top one is its sign.
    request.ifr_ifru.ifru_flags = flags as u16 as libc::c_short;
    const OPCODE: Opcode = libc::TUNSETIFF as Opcode;
    // SAFETY: TUNSETIFF reads a `struct ifreq`, which `request` is, whole and initialized.
    unsafe { ioctl(tun, Setter::<OPCODE, libc::ifreq>::new(request)) }
}

/// Whether an interface `name` exists in this thread's network namespace.
pub(super) fn exists(name: &str) -> Result<bool, Errno> {
    match rustix::net::netdevice::name_to_index(any_socket()?, name) {
        Ok(_) => Ok(true),
        Err(Errno::NODEV) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// The MTU of the interface `name`, in bytes.
pub(super) fn mtu(name: &str) -> Result<usize, Errno> {
    let mut request = request(name);
    const OPCODE: Opcode = libc::SIOCGIFMTU as Opcode;
    // SAFETY: SIOCGIFMTU reads and writes a `struct ifreq`, which `request` is, whole and initialized.
    unsafe { ioctl(any_socket()?, Updater::<OPCODE, libc::ifreq>::new(&mut request)) }?;
    // SAFETY: SIOCGIFMTU has filled in `ifru_mtu`, and any bytes are an integer.
    let mtu = unsafe { request.ifr_ifru.ifru_mtu };
    usize::try_from(mtu).map_err(|_| Errno::INVAL)
}

/// Interface ioctls go to any socket.
fn any_socket() -> Result<OwnedFd, Errno> {
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
}

fn request(name: &str) -> libc::ifreq {
    // SAFETY: an `ifreq` is integers and a union of integers and addresses, for all of which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // One byte of `ifr_name` stays zero: the end of the name.
    for (to, from) in request.ifr_name[..libc::IFNAMSIZ - 1].iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request
}
