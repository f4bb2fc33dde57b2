//! Why a device could not be opened, in words for the person who asked for it.

use std::fmt;
use std::io;

/// The kinds of interface that the kernel's TUN/TAP driver has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InterfaceKind {
    /// Carries Ethernet frames.
    Tap,
    /// Carries IP packets.
    Tun,
}

/// As `ip tuntap add` takes it for its mode: `tap` or `tun`.
impl fmt::Display for InterfaceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InterfaceKind::Tap => "tap",
            InterfaceKind::Tun => "tun",
        })
    }
}

/// Why a device could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The name is not one that an interface can have.
    #[error("\"{name}\" cannot be the name of an interface: use 1 to 15 characters without '/' or spaces")]
    InvalidName {
        /// The name asked for.
        name: String,
    },
    /// No interface has the name.
    #[error("there is no interface \"{name}\"; `ip tuntap add dev {name} mode {kind}` makes one")]
    NotFound {
        /// The kind asked for.
        kind: InterfaceKind,
        /// The name asked for.
        name: String,
    },
    /// An interface of the name exists, where a new one was to be made.
    #[error("an interface \"{name}\" exists already")]
    Exists {
        /// The name asked for.
        name: String,
    },
    /// The interface is of another kind.
    #[error("\"{name}\" is not a {kind} interface; `ip -d link show {name}` tells its kind")]
    WrongKind {
        /// The kind asked for.
        kind: InterfaceKind,
        /// The name asked for.
        name: String,
    },
    /// Another program has the interface open.
    #[error("another program is using \"{name}\"")]
    Busy {
        /// The name asked for.
        name: String,
    },
    /// This user may not open it.
    #[error(
        "no permission to open \"{name}\": it takes CAP_NET_ADMIN, or an interface made for this user with \
         `ip tuntap add dev {name} mode {kind} user $USER`"
    )]
    NoPermission {
        /// The kind asked for.
        kind: InterfaceKind,
        /// The name asked for.
        name: String,
    },
    /// The kernel has no TUN/TAP driver.
    #[error("this system has no /dev/net/tun; `modprobe tun` loads the driver where it is a module")]
    NoDriver,
    /// The system refused for another reason.
    #[error("cannot open \"{name}\": {source}")]
    System {
        /// The name asked for.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> Self {
        let kind = match &error {
            OpenError::InvalidName { .. } | OpenError::WrongKind { .. } => io::ErrorKind::InvalidInput,
            OpenError::NotFound { .. } | OpenError::NoDriver => io::ErrorKind::NotFound,
            OpenError::Exists { .. } => io::ErrorKind::AlreadyExists,
            OpenError::Busy { .. } => io::ErrorKind::ResourceBusy,
            OpenError::NoPermission { .. } => io::ErrorKind::PermissionDenied,
            OpenError::System { source, .. } => source.kind(),
        };
        io::Error::new(kind, error)
    }
}
