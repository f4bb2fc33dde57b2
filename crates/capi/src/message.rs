//! `sendmsg` and `recvmsg`: `struct msghdr`.

use core::ffi::c_int;

use fathom_linux::consts::{MSG_CTRUNC, MSG_TRUNC};
use fathom_linux::{ControlMessage, Errno, Name, Result};
use libc::{iovec, msghdr, socklen_t};

use crate::calls::destination;
use crate::host::{Fathom, on_len};
use crate::pointer;

/// `UIO_MAXIOV`: most parts of one message.
const MOST_PARTS: usize = 1024;
/// Bytes that are gathered from several parts, or scattered to them, in one call. A stream takes and gives the
/// rest with the next call; no datagram is longer.
const MOST_GATHERED: usize = 1 << 20;

/// The parts of a message.
///
/// # Safety
/// `message.msg_iov` is null or has `message.msg_iovlen` entries.
unsafe fn parts(message: &msghdr) -> Result<&[iovec]> {
    #[allow(clippy::unnecessary_cast, reason = "its type differs between C libraries")]
    let count = message.msg_iovlen as usize;
    if count > MOST_PARTS {
        return Err(Errno::EMSGSIZE);
    }
    if count == 0 {
        return Ok(&[]);
    }
    if message.msg_iov.is_null() {
        return Err(Errno::EFAULT);
    }
    // SAFETY: not null, few, and the caller vouches for them.
    Ok(unsafe { core::slice::from_raw_parts(message.msg_iov, count) })
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_socket`](crate::fathom_socket); `message` is null, or its pointers are null or have as many bytes
/// as its lengths say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_sendmsg(
    host: *mut Fathom,
    fd: c_int,
    message: *const msghdr,
    flags: c_int,
) -> isize {
    // SAFETY: the caller vouches for all of them.
    unsafe {
        on_len(host, |kernel| {
            let message = message.as_ref().ok_or(Errno::EFAULT)?;
            let to = match message.msg_name.is_null() || message.msg_namelen == 0 {
                true => None,
                false => destination(pointer::name(message.msg_name.cast(), message.msg_namelen)?),
            };
            #[allow(clippy::unnecessary_cast, reason = "its type differs between C libraries")]
            let control = pointer::bytes(message.msg_control, message.msg_controllen as usize)?;
            let control = ControlMessage::decode(control)?;
            let parts = parts(message)?;
            if let [part] = parts {
                let data = pointer::bytes(part.iov_base, part.iov_len)?;
                return kernel.sendmsg(fd, data, to, &control, flags);
            }
            let mut data = Vec::new();
            for part in parts {
                let part = pointer::bytes(part.iov_base, part.iov_len)?;
                data.extend(&part[..part.len().min(MOST_GATHERED - data.len())]);
            }
            kernel.sendmsg(fd, &data, to, &control, flags)
        })
    }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`fathom_sendmsg`], with everything writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_recvmsg(
    host: *mut Fathom,
    fd: c_int,
    message: *mut msghdr,
    flags: c_int,
) -> isize {
    // SAFETY: the caller vouches for all of them.
    unsafe {
        on_len(host, |kernel| {
            let message = pointer::value(message)?;
            #[allow(clippy::unnecessary_cast, reason = "its type differs between C libraries")]
            let control_room = pointer::room(message.msg_control, message.msg_controllen as usize)?;
            let name_room = match message.msg_name.is_null() {
                true => None,
                false => Some(pointer::room(message.msg_name, pointer::length(&message.msg_namelen)?)?),
            };
            let parts = parts(message)?;
            let received = match parts {
                [part] => kernel.recvmsg(fd, pointer::room(part.iov_base, part.iov_len)?, flags)?,
                parts => {
                    let mut len = 0usize;
                    for part in parts {
                        pointer::room(part.iov_base, part.iov_len)?;
                        len = len.saturating_add(part.iov_len);
                    }
                    let mut data = vec![0; len.min(MOST_GATHERED)];
                    let received = kernel.recvmsg(fd, &mut data, flags)?;
                    let mut rest = &data[..received.copied];
                    for part in parts {
                        let room = pointer::room(part.iov_base, part.iov_len.min(rest.len()))?;
                        room.copy_from_slice(&rest[..room.len()]);
                        rest = &rest[room.len()..];
                    }
                    received
                }
            };
            let (control_len, cut) = ControlMessage::encode(&received.control, control_room);
            message.msg_controllen = control_len as _;
            message.msg_flags = received.flags | if cut { MSG_CTRUNC } else { 0 };
            if let Some(room) = name_room {
                let name = received.from.map(Name::encode).unwrap_or_default();
                let fits = name.len().min(room.len());
                room[..fits].copy_from_slice(&name[..fits]);
                message.msg_namelen = name.len() as socklen_t;
            }
            debug_assert_eq!(received.flags & !(MSG_TRUNC | fathom_linux::consts::MSG_ERRQUEUE), 0);
            Ok(received.len)
        })
    }
}
