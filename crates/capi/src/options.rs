//! Socket options.

use core::ffi::{c_int, c_void};

use fathom_linux::Errno;
use libc::socklen_t;

use crate::host::{Fathom, on_int};
use crate::pointer;

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_socket`](crate::fathom_socket); `value` is null, or `len` is null or says how many bytes there
/// are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_getsockopt(
    host: *mut Fathom,
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: the caller vouches for all of them.
    unsafe {
        on_int(host, |kernel| {
            let len = pointer::value(len)?;
            let room = pointer::room(value, pointer::length(len)?)?;
            *len = kernel.getsockopt(fd, level, name, room)? as socklen_t;
            Ok(0)
        })
    }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_socket`](crate::fathom_socket); `value` is null or has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_setsockopt(
    host: *mut Fathom,
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *const c_void,
    len: socklen_t,
) -> c_int {
    // SAFETY: the caller vouches for all of them.
    unsafe {
        on_int(host, |kernel| {
            let len = usize::try_from(len as c_int).map_err(|_| Errno::EINVAL)?;
            kernel.setsockopt(fd, level, name, pointer::bytes(value, len)?).map(|()| 0)
        })
    }
}
