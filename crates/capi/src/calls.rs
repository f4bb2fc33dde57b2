//! The calls on sockets.

use core::ffi::{c_int, c_ulong, c_void};

use fathom_linux::{Errno, Name, PollFd};
use libc::{nfds_t, pollfd, sockaddr, socklen_t};

use crate::host::{Fathom, on_int, on_len};
use crate::pointer;

/// See `fathom.h`.
///
/// # Safety
/// `host` is null or from [`fathom_new`](crate::fathom_new), not freed, and in no other call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_socket(
    host: *mut Fathom,
    domain: c_int,
    kind: c_int,
    protocol: c_int,
) -> c_int {
    // SAFETY: the caller vouches for it.
    unsafe { on_int(host, |kernel| Ok(kernel.socket(domain, kind, protocol)?.into())) }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_socket`]; `address` is null or has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_bind(
    host: *mut Fathom,
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
) -> c_int {
    // SAFETY: the caller vouches for both.
    unsafe {
        on_int(host, |kernel| {
            match pointer::name(address, len)? {
                Name::Inet(address) => kernel.bind(fd, address)?,
                Name::Unspecified => return Err(Errno::EAFNOSUPPORT),
            }
            Ok(0)
        })
    }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_bind`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_connect(
    host: *mut Fathom,
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
) -> c_int {
    // SAFETY: the caller vouches for both.
    unsafe {
        on_int(host, |kernel| {
            match pointer::name(address, len)? {
                Name::Inet(address) => kernel.connect(fd, address)?,
                Name::Unspecified => kernel.disconnect(fd)?,
            }
            Ok(0)
        })
    }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_socket`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_listen(host: *mut Fathom, fd: c_int, backlog: c_int) -> c_int {
    // SAFETY: the caller vouches for it.
    unsafe { on_int(host, |kernel| kernel.listen(fd, backlog).map(|()| 0)) }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_accept4`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_accept(
    host: *mut Fathom,
    fd: c_int,
    address: *mut sockaddr,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: the caller vouches for all of them.
    unsafe { fathom_accept4(host, fd, address, len, 0) }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_socket`]; `address` is null, or `len` is null or says how many bytes there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_accept4(
    host: *mut Fathom,
    fd: c_int,
    address: *mut sockaddr,
    len: *mut socklen_t,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller vouches for all of them.
    unsafe {
        on_int(host, |kernel| {
            if address.is_null() {
                return Ok(kernel.accept4_unnamed(fd, flags)?.into());
            }
            pointer::check_name(address, len)?;
            let (accepted, peer) = kernel.accept4(fd, flags)?;
            pointer::write_name(address, len, peer)?;
            Ok(accepted.into())
        })
    }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_socket`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_shutdown(host: *mut Fathom, fd: c_int, how: c_int) -> c_int {
    // SAFETY: the caller vouches for it.
    unsafe { on_int(host, |kernel| kernel.shutdown(fd, how).map(|()| 0)) }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_socket`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_close(host: *mut Fathom, fd: c_int) -> c_int {
    // SAFETY: the caller vouches for it.
    unsafe { on_int(host, |kernel| kernel.close(fd).map(|()| 0)) }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_accept4`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_getsockname(
    host: *mut Fathom,
    fd: c_int,
    address: *mut sockaddr,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: the caller vouches for all of them.
    unsafe {
        on_int(host, |kernel| {
            let name = kernel.getsockname(fd)?;
            // Here somebody wants to know.
            pointer::value(address)?;
            pointer::write_name(address, len, name).map(|()| 0)
        })
    }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_accept4`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_getpeername(
    host: *mut Fathom,
    fd: c_int,
    address: *mut sockaddr,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: the caller vouches for all of them.
    unsafe {
        on_int(host, |kernel| {
            let name = kernel.getpeername(fd)?;
            pointer::value(address)?;
            pointer::write_name(address, len, name).map(|()| 0)
        })
    }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_recvfrom`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_read(host: *mut Fathom, fd: c_int, data: *mut c_void, len: usize) -> isize {
    // SAFETY: the caller vouches for both.
    unsafe { on_len(host, |kernel| kernel.read(fd, pointer::room(data, len)?)) }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_sendto`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_write(
    host: *mut Fathom,
    fd: c_int,
    data: *const c_void,
    len: usize,
) -> isize {
    // SAFETY: the caller vouches for both.
    unsafe { on_len(host, |kernel| kernel.write(fd, pointer::bytes(data, len)?)) }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_recvfrom`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_recv(
    host: *mut Fathom,
    fd: c_int,
    data: *mut c_void,
    len: usize,
    flags: c_int,
) -> isize {
    // SAFETY: the caller vouches for both.
    unsafe { on_len(host, |kernel| kernel.recv(fd, pointer::room(data, len)?, flags)) }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_sendto`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_send(
    host: *mut Fathom,
    fd: c_int,
    data: *const c_void,
    len: usize,
    flags: c_int,
) -> isize {
    // SAFETY: the caller vouches for both.
    unsafe { on_len(host, |kernel| kernel.send(fd, pointer::bytes(data, len)?, flags)) }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_accept4`]; `data` is null or has room for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_recvfrom(
    host: *mut Fathom,
    fd: c_int,
    data: *mut c_void,
    len: usize,
    flags: c_int,
    address: *mut sockaddr,
    address_len: *mut socklen_t,
) -> isize {
    // SAFETY: the caller vouches for all of them.
    unsafe {
        on_len(host, |kernel| {
            pointer::check_name(address, address_len)?;
            let (received, from) = kernel.recvfrom(fd, pointer::room(data, len)?, flags)?;
            match from {
                Some(from) => pointer::write_name(address, address_len, from)?,
                // Of a connection there is no name to tell.
                None if address.is_null() => {}
                None => *pointer::value(address_len)? = 0,
            }
            Ok(received)
        })
    }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_bind`]; `data` is null or has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_sendto(
    host: *mut Fathom,
    fd: c_int,
    data: *const c_void,
    len: usize,
    flags: c_int,
    address: *const sockaddr,
    address_len: socklen_t,
) -> isize {
    // SAFETY: the caller vouches for all of them.
    unsafe {
        on_len(host, |kernel| {
            let to = match address.is_null() {
                true => None,
                false => destination(pointer::name(address, address_len)?),
            };
            kernel.sendto(fd, pointer::bytes(data, len)?, flags, to)
        })
    }
}

/// An address of no family names nobody.
pub(crate) fn destination(name: Name) -> Option<std::net::SocketAddr> {
    match name {
        Name::Inet(address) => Some(address),
        Name::Unspecified => None,
    }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_socket`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_fcntl(
    host: *mut Fathom,
    fd: c_int,
    command: c_int,
    argument: c_int,
) -> c_int {
    // SAFETY: the caller vouches for it.
    unsafe { on_int(host, |kernel| Ok(kernel.fcntl(fd, command, argument)?.into())) }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_socket`]; `argument` is null or an `int`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_ioctl(
    host: *mut Fathom,
    fd: c_int,
    request: c_ulong,
    argument: *mut c_int,
) -> c_int {
    // SAFETY: the caller vouches for both.
    unsafe {
        on_int(host, |kernel| {
            let request = u32::try_from(request).map_err(|_| Errno::ENOTTY)?;
            kernel.ioctl(fd, request, pointer::value(argument)?).map(|()| 0)
        })
    }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_socket`]; `fds` is null or has `count` entries that nobody else uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_poll(host: *mut Fathom, fds: *mut pollfd, count: nfds_t) -> c_int {
    // SAFETY: the caller vouches for both.
    unsafe {
        on_int(host, |kernel| {
            let len = usize::try_from(count).ok().and_then(|count| count.checked_mul(size_of::<pollfd>()));
            pointer::room(fds.cast(), len.ok_or(Errno::EINVAL)?)?;
            let entries: &mut [pollfd] = match count {
                0 => &mut [],
                // Looked at as bytes it has passed.
                _ => core::slice::from_raw_parts_mut(fds, count as usize),
            };
            let mut ready = 0;
            for entry in entries {
                let mut one = [PollFd { fd: entry.fd, events: entry.events, revents: 0 }];
                ready += kernel.poll(&mut one) as i64;
                entry.revents = one[0].revents;
            }
            Ok(ready)
        })
    }
}
