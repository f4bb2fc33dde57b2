//! A host: to make one, and to move its packets and its time.

use core::cell::RefCell;
use core::ffi::{CStr, c_char, c_int, c_void};
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fathom_linux::{Errno, Kernel, Result, Settings};

use crate::pointer;

/// A host, opaque to C.
#[derive(Debug)]
pub struct Fathom {
    kernel: Kernel,
    /// A call has panicked, and what it was about to change may be half changed.
    broken: bool,
}

/// A host may move between threads.
const _: () = {
    const fn may_move<T: Send>() {}
    may_move::<Fathom>();
};

/// `ENOTRECOVERABLE`: a call on this host has panicked.
const BROKEN: i64 = -131;
/// What [`fathom_next_deadline`] gives when nothing is due.
const NEVER: i64 = -1;

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

/// Does `call` on a host. Errors are negative numbers; no panic passes.
///
/// # Safety
/// `host` is null or from [`fathom_new`], not freed, and in no other call.
pub(crate) unsafe fn on(host: *mut Fathom, call: impl FnOnce(&mut Kernel) -> Result<i64>) -> i64 {
    // SAFETY: the caller vouches for it, but for null.
    let Some(host) = (unsafe { host.as_mut() }) else { return -i64::from(Errno::EFAULT.raw()) };
    if host.broken {
        return BROKEN;
    }
    match catch_unwind(AssertUnwindSafe(|| call(&mut host.kernel))) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => -i64::from(error.raw()),
        Err(_) => {
            host.broken = true;
            BROKEN
        }
    }
}

/// As [`on`], for calls that give an `int`.
///
/// # Safety
/// The same.
pub(crate) unsafe fn on_int(host: *mut Fathom, call: impl FnOnce(&mut Kernel) -> Result<i64>) -> c_int {
    // SAFETY: the caller vouches for it.
    (unsafe { on(host, call) }) as c_int
}

/// As [`on`], for calls that give a length.
///
/// # Safety
/// The same.
pub(crate) unsafe fn on_len(host: *mut Fathom, call: impl FnOnce(&mut Kernel) -> Result<usize>) -> isize {
    // SAFETY: the caller vouches for it.
    unsafe { on(host, |kernel| Ok(call(kernel)? as i64)) as isize }
}

fn set_last_error(text: &str) {
    let text = CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default();
    LAST_ERROR.with(|last| *last.borrow_mut() = text);
}

/// See `fathom.h`.
///
/// # Safety
/// `settings` is null or a text that ends with a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_new(settings: *const c_char) -> *mut Fathom {
    let text = if settings.is_null() {
        ""
    } else {
        // SAFETY: not null, and the caller vouches for the end.
        match unsafe { CStr::from_ptr(settings) }.to_str() {
            Ok(text) => text,
            Err(_) => {
                set_last_error("the settings are not UTF-8");
                return core::ptr::null_mut();
            }
        }
    };
    let made = catch_unwind(|| text.parse::<Settings>().and_then(|settings| Kernel::new(&settings)));
    match made {
        Ok(Ok(kernel)) => Box::into_raw(Box::new(Fathom { kernel, broken: false })),
        Ok(Err(error)) => {
            set_last_error(&error.to_string());
            core::ptr::null_mut()
        }
        Err(_) => {
            set_last_error("a fault of libfathom");
            core::ptr::null_mut()
        }
    }
}

/// See `fathom.h`.
#[unsafe(no_mangle)]
pub extern "C" fn fathom_last_error() -> *const c_char {
    LAST_ERROR.with(|last| last.borrow().as_ptr())
}

/// See `fathom.h`.
#[unsafe(no_mangle)]
pub extern "C" fn fathom_error_name(error: c_int) -> *const c_char {
    /// Every name with its end, found by its number.
    static NAMES: std::sync::OnceLock<Vec<(c_int, CString)>> = std::sync::OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let known = (1..=BROKEN.unsigned_abs() as c_int).filter_map(Errno::from_raw);
        let mut names: Vec<(c_int, CString)> =
            known.filter_map(|errno| Some((errno.raw(), CString::new(errno.name()).ok()?))).collect();
        names.push((-BROKEN as c_int, c"ENOTRECOVERABLE".to_owned()));
        names
    });
    let number = error.saturating_abs();
    names
        .iter()
        .find(|(known, _)| *known == number)
        .map_or(c"unknown error".as_ptr(), |(_, name)| name.as_ptr())
}

/// See `fathom.h`.
///
/// # Safety
/// `host` is null or from [`fathom_new`], and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_free(host: *mut Fathom) {
    if host.is_null() {
        return;
    }
    // SAFETY: it came from a box, and the caller gives it back once.
    let host = unsafe { Box::from_raw(host) };
    // A host that is broken may panic once more; there is nobody to tell.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(host)));
}

/// See `fathom.h`.
///
/// # Safety
/// As [`on`]; `packet` is null or has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_put(host: *mut Fathom, packet: *const c_void, len: usize) -> c_int {
    // SAFETY: the caller vouches for both.
    unsafe {
        on_int(host, |kernel| {
            kernel.put(pointer::bytes(packet, len)?);
            Ok(0)
        })
    }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`on`]; `packet` is null or has room for `room` bytes, `departure_us` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_take(
    host: *mut Fathom,
    packet: *mut c_void,
    room: usize,
    departure_us: *mut u64,
) -> isize {
    // SAFETY: the caller vouches for all of them.
    unsafe {
        on_len(host, |kernel| {
            let room = pointer::room(packet, room)?;
            let Some(next) = kernel.peek() else { return Ok(0) };
            // It stays for a larger room.
            let len = next.bytes.len();
            let room = room.get_mut(..len).ok_or(Errno::EMSGSIZE)?;
            room.copy_from_slice(&next.bytes);
            if let Some(departure_us) = departure_us.as_mut() {
                *departure_us = next.departure_us();
            }
            kernel.take();
            Ok(len)
        })
    }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`on`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_now(host: *mut Fathom) -> i64 {
    // SAFETY: the caller vouches for it.
    unsafe { on(host, |kernel| Ok(kernel.now_us() as i64)) }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`on`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_next_deadline(host: *mut Fathom) -> i64 {
    // SAFETY: the caller vouches for it.
    unsafe { on(host, |kernel| Ok(kernel.next_deadline_us().map_or(NEVER, |at| at as i64))) }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`on`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_advance_to(host: *mut Fathom, now_us: u64) -> c_int {
    // SAFETY: the caller vouches for it.
    unsafe { on_int(host, |kernel| kernel.advance_to(now_us).map(|()| 0)) }
}

/// See `fathom.h`.
///
/// # Safety
/// As [`on`]; `name` is null or a text that ends with a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fathom_counter(host: *mut Fathom, name: *const c_char) -> i64 {
    // SAFETY: the caller vouches for both.
    unsafe {
        on(host, |kernel| {
            if name.is_null() {
                return Err(Errno::EFAULT);
            }
            let name = CStr::from_ptr(name).to_str().map_err(|_| Errno::ENOENT)?;
            kernel.counter(name).map(|count| count as i64).ok_or(Errno::ENOENT)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> *mut Fathom {
        // SAFETY: the text has its end.
        let host = unsafe { fathom_new(c"address=192.0.2.1/24".as_ptr()) };
        assert!(!host.is_null());
        host
    }

    #[test]
    fn a_panic_ends_at_the_boundary_and_the_host_with_it() {
        let host = host();
        // SAFETY: the host is ours until it is freed.
        unsafe {
            assert_eq!(on(host, |_| panic!("a fault that the test makes")), BROKEN);
            assert_eq!(fathom_now(host), BROKEN);
            assert_eq!(fathom_put(host, core::ptr::null(), 0), BROKEN as c_int);
            fathom_free(host);
        }
    }

    #[test]
    fn null_pointers_are_errors() {
        let host = host();
        let fault = -Errno::EFAULT.raw();
        // SAFETY: the host is ours until it is freed, and null is what is asked about.
        unsafe {
            assert_eq!(fathom_put(core::ptr::null_mut(), core::ptr::null(), 0), fault);
            assert_eq!(fathom_put(host, core::ptr::null(), 20), fault);
            assert_eq!(fathom_take(host, core::ptr::null_mut(), 20, core::ptr::null_mut()), fault as isize);
            assert_eq!(fathom_counter(host, core::ptr::null()), fault.into());
            assert_eq!(fathom_put(host, c"x".as_ptr().cast(), usize::MAX), -Errno::EINVAL.raw());
            fathom_free(host);
            fathom_free(core::ptr::null_mut());
        }
    }

    #[test]
    fn what_is_wrong_with_settings_is_told() {
        // SAFETY: the texts have their ends.
        let told = unsafe {
            assert!(fathom_new(c"mtu=9".as_ptr()).is_null());
            CStr::from_ptr(fathom_last_error()).to_str().unwrap()
        };
        assert_eq!(told, "mtu=9: the value is 68 to 65535");
    }
}
