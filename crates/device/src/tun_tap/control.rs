//! The ioctls of interfaces and of the TUN/TAP driver.

#![allow(unsafe_code)]

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::ioctl::{IntegerSetter, Opcode, Setter, Updater, ioctl};
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

/// Makes `tun`, a descriptor of the driver, the other end of the interface `name`, with a virtio header before
/// each frame or without.
pub(super) fn attach(
    tun: &OwnedFd,
    kind: InterfaceKind,
    name: &str,
    attach: Attach,
    virtio: bool,
) -> Result<(), Errno> {
    let kind = match kind {
        InterfaceKind::Tap => libc::IFF_TAP,
        InterfaceKind::Tun => libc::IFF_TUN,
    };
    let mut flags = kind | libc::IFF_NO_PI;
    if attach == Attach::New {
        flags |= libc::IFF_TUN_EXCL;
    }
    if virtio {
        flags |= libc::IFF_VNET_HDR;
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

/// What the driver tells of a descriptor.
pub(crate) struct Description {
    pub(crate) kind: InterfaceKind,
    /// `struct tun_pi` stands before each frame.
    pub(crate) packet_information: bool,
    /// A virtio header stands before each frame.
    pub(crate) virtio: bool,
}

/// Asks what interface a descriptor is the other end of; fails where it is of none.
pub(crate) fn describe(fd: &OwnedFd) -> Result<Description, Errno> {
    let mut request = request("");
    const OPCODE: Opcode = libc::TUNGETIFF as Opcode;
    // SAFETY: TUNGETIFF writes a `struct ifreq`, which `request` is, whole and initialized.
    unsafe { ioctl(fd, Updater::<OPCODE, libc::ifreq>::new(&mut request)) }?;
    // SAFETY: TUNGETIFF has filled in `ifru_flags`, and any bytes are an integer.
    let flags = libc::c_int::from(unsafe { request.ifr_ifru.ifru_flags } as u16);
    let kind = if flags & libc::IFF_TAP != 0 { InterfaceKind::Tap } else { InterfaceKind::Tun };
    let has = |flag| flags & flag != 0;
    Ok(Description { kind, packet_information: !has(libc::IFF_NO_PI), virtio: has(libc::IFF_VNET_HDR) })
}

/// Sets the virtio header's length and the byte order of its fields.
pub(crate) fn set_virtio_header(fd: &OwnedFd, len: usize) -> Result<(), Errno> {
    const LENGTH: Opcode = libc::TUNSETVNETHDRSZ as Opcode;
    const LITTLE_ENDIAN: Opcode = libc::TUNSETVNETLE as Opcode;
    let len = libc::c_int::try_from(len).map_err(|_| Errno::INVAL)?;
    // SAFETY: TUNSETVNETHDRSZ reads an integer.
    unsafe { ioctl(fd, Setter::<LENGTH, libc::c_int>::new(len)) }?;
    // SAFETY: TUNSETVNETLE reads an integer.
    match unsafe { ioctl(fd, Setter::<LITTLE_ENDIAN, libc::c_int>::new(1)) } {
        // It is the machine's own order, where nothing else can be had.
        Err(_) if cfg!(target_endian = "little") => Ok(()),
        result => result,
    }
}

/// Sets what the kernel may leave to us: bits `TUN_F_…`. It refuses sets with a bit that it does not know.
pub(crate) fn set_offload(fd: &OwnedFd, bits: libc::c_uint) -> Result<(), Errno> {
    const OPCODE: Opcode = libc::TUNSETOFFLOAD as Opcode;
    // SAFETY: TUNSETOFFLOAD takes an integer in place of an address.
    unsafe { ioctl(fd, IntegerSetter::<OPCODE>::new_usize(bits as usize)) }
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
