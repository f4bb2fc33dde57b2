//! Names for addresses: a hook, since this crate connects to addresses only.

use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

use crate::Host;

/// The addresses of a name, when they are known.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Finds the addresses of names for the programs of a host.
///
/// The host is an argument: a resolver belongs to its host and must not keep it alive.
pub trait Resolve: Any + Debug + Send + Sync {
    /// The addresses of `name`, the one to try first in front.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound) when the name has none.
    fn resolve<'a>(&'a self, host: &'a Host, name: &'a str) -> Resolving<'a>;
}
