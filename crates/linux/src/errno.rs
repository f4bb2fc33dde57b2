//! Error numbers, as Linux has them on x86-64 (`asm-generic/errno.h`).

use core::fmt;

/// An error number of Linux. The same on every target.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(i32);

impl Errno {
    /// The error of this number; `None` when Linux's socket calls have none such.
    pub fn from_raw(number: i32) -> Option<Errno> {
        ERRNOS.iter().find(|(errno, ..)| errno.0 == number).map(|(errno, ..)| *errno)
    }

    /// The error of this name, such as `ECONNREFUSED`; `EWOULDBLOCK` is `EAGAIN`.
    pub fn from_name(name: &str) -> Option<Errno> {
        let name = if name == "EWOULDBLOCK" { "EAGAIN" } else { name };
        ERRNOS.iter().find(|(_, known, _)| *known == name).map(|(errno, ..)| *errno)
    }

    /// Its number, above 0.
    pub const fn raw(self) -> i32 {
        self.0
    }

    /// Its name, such as `EAGAIN`.
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// What it says, in the words of the C library.
    pub fn message(self) -> &'static str {
        self.entry().2
    }

    fn entry(self) -> (Errno, &'static str, &'static str) {
        let known = ERRNOS.iter().find(|(errno, ..)| *errno == self);
        known.copied().unwrap_or((self, "errno", "Unknown error"))
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.message())
    }
}

impl std::error::Error for Errno {}

macro_rules! errnos {
    ($($name:ident $number:literal $message:literal)*) => {
        impl Errno {
            $(#[doc = $message] pub const $name: Errno = Errno($number);)*
        }

        const ERRNOS: &[(Errno, &str, &str)] = &[$((Errno($number), stringify!($name), $message)),*];
    };
}

errnos! {
    EPERM 1 "Operation not permitted"
    ENOENT 2 "No such file or directory"
    EINTR 4 "Interrupted system call"
    EIO 5 "Input/output error"
    ENXIO 6 "No such device or address"
    EBADF 9 "Bad file descriptor"
    EAGAIN 11 "Resource temporarily unavailable"
    ENOMEM 12 "Cannot allocate memory"
    EACCES 13 "Permission denied"
    EFAULT 14 "Bad address"
    EBUSY 16 "Device or resource busy"
    EEXIST 17 "File exists"
    ENODEV 19 "No such device"
    EINVAL 22 "Invalid argument"
    ENFILE 23 "Too many open files in system"
    EMFILE 24 "Too many open files"
    ENOTTY 25 "Inappropriate ioctl for device"
    ESPIPE 29 "Illegal seek"
    EPIPE 32 "Broken pipe"
    EDOM 33 "Numerical argument out of domain"
    ERANGE 34 "Numerical result out of range"
    ENOSYS 38 "Function not implemented"
    ENODATA 61 "No data available"
    EPROTO 71 "Protocol error"
    EOVERFLOW 75 "Value too large for defined data type"
    ENOTSOCK 88 "Socket operation on non-socket"
    EDESTADDRREQ 89 "Destination address required"
    EMSGSIZE 90 "Message too long"
    EPROTOTYPE 91 "Protocol wrong type for socket"
    ENOPROTOOPT 92 "Protocol not available"
    EPROTONOSUPPORT 93 "Protocol not supported"
    ESOCKTNOSUPPORT 94 "Socket type not supported"
    EOPNOTSUPP 95 "Operation not supported"
    EPFNOSUPPORT 96 "Protocol family not supported"
    EAFNOSUPPORT 97 "Address family not supported by protocol"
    EADDRINUSE 98 "Address already in use"
    EADDRNOTAVAIL 99 "Cannot assign requested address"
    ENETDOWN 100 "Network is down"
    ENETUNREACH 101 "Network is unreachable"
    ENETRESET 102 "Network dropped connection on reset"
    ECONNABORTED 103 "Software caused connection abort"
    ECONNRESET 104 "Connection reset by peer"
    ENOBUFS 105 "No buffer space available"
    EISCONN 106 "Transport endpoint is already connected"
    ENOTCONN 107 "Transport endpoint is not connected"
    ESHUTDOWN 108 "Cannot send after transport endpoint shutdown"
    ETIMEDOUT 110 "Connection timed out"
    ECONNREFUSED 111 "Connection refused"
    EHOSTDOWN 112 "Host is down"
    EHOSTUNREACH 113 "No route to host"
    EALREADY 114 "Operation already in progress"
    EINPROGRESS 115 "Operation now in progress"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_name_lead_to_the_same_error() {
        for (errno, name, message) in ERRNOS {
            assert_eq!(Errno::from_raw(errno.raw()), Some(*errno));
            assert_eq!(Errno::from_name(name), Some(*errno));
            assert_eq!(errno.to_string(), format!("{name} ({message})"));
        }
        assert_eq!(Errno::from_name("EWOULDBLOCK"), Some(Errno::EAGAIN));
        assert_eq!(Errno::from_raw(0), None);
        assert_eq!(Errno::from_name("E"), None);
    }
}
