//! From C's pointers to slices and addresses, and back.

use core::ffi::{c_int, c_void};
use std::net::SocketAddr;

use fathom_linux::{Errno, Name, Result};
use libc::{sockaddr, socklen_t};

/// The bytes at `data`.
///
/// # Safety
/// `data` is null, or `len` bytes can be read there for as long as the call lasts, and nobody writes them.
pub(crate) unsafe fn bytes<'a>(data: *const c_void, len: usize) -> Result<&'a [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    if len > isize::MAX as usize {
        return Err(Errno::EINVAL);
    }
    if data.is_null() {
        return Err(Errno::EFAULT);
    }
    // SAFETY: not null, no longer than a slice may be, and the caller vouches for the rest.
    Ok(unsafe { core::slice::from_raw_parts(data.cast(), len) })
}

/// The room at `data`.
///
/// # Safety
/// `data` is null, or `len` bytes can be written there for as long as the call lasts, and nobody else uses them.
pub(crate) unsafe fn room<'a>(data: *mut c_void, len: usize) -> Result<&'a mut [u8]> {
    if len == 0 {
        return Ok(&mut []);
    }
    if len > isize::MAX as usize {
        return Err(Errno::EINVAL);
    }
    if data.is_null() {
        return Err(Errno::EFAULT);
    }
    // SAFETY: not null, no longer than a slice may be, and the caller vouches for the rest.
    Ok(unsafe { core::slice::from_raw_parts_mut(data.cast(), len) })
}

/// What stands at `at`.
///
/// # Safety
/// `at` is null, or a value of the type that nobody else uses while the call lasts.
pub(crate) unsafe fn value<'a, T>(at: *mut T) -> Result<&'a mut T> {
    // SAFETY: the caller vouches for it, but for null.
    unsafe { at.as_mut() }.ok_or(Errno::EFAULT)
}

/// The address at `at`.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn name(at: *const sockaddr, len: socklen_t) -> Result<Name> {
    let len = usize::try_from(len as c_int).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the caller vouches for it.
    Name::decode(unsafe { bytes(at.cast(), len) }?)
}

/// Writes an address to `at`, as much of it as fits, and its whole length to `len`. Where `at` is null nobody
/// wants to know.
///
/// # Safety
/// As [`value`] for `len`, and [`room`] for `at`, with `len` bytes.
pub(crate) unsafe fn write_name(at: *mut sockaddr, len: *mut socklen_t, address: SocketAddr) -> Result<()> {
    if at.is_null() {
        return Ok(());
    }
    // SAFETY: the caller vouches for both.
    let (room, len) = unsafe {
        let len = value(len)?;
        (room(at.cast(), length(len)?)?, len)
    };
    let bytes = Name::encode(address);
    let fits = bytes.len().min(room.len());
    room[..fits].copy_from_slice(&bytes[..fits]);
    *len = bytes.len() as socklen_t;
    Ok(())
}

/// Checks that there is room for the answer before the call that gives it.
///
/// # Safety
/// As [`write_name`].
pub(crate) unsafe fn check_name(at: *mut sockaddr, len: *mut socklen_t) -> Result<()> {
    if at.is_null() {
        return Ok(());
    }
    // SAFETY: the caller vouches for it.
    length(unsafe { value(len) }?).map(|_| ())
}

/// A length that the caller has set, which is an `int` to Linux.
pub(crate) fn length(len: &socklen_t) -> Result<usize> {
    usize::try_from(*len as c_int).map_err(|_| Errno::EINVAL)
}
