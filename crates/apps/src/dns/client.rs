//! A stub resolver: asks recursive resolvers over UDP, and over TCP where an answer was cut
//! (RFC 1035 7, RFC 7766 5).

mod error;
mod exchange;
mod lookup;
mod message;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fathom_net::{Host, Resolve};

pub use error::ResolveError;
pub use lookup::{Addresses, Answer, Lookup};

use crate::Family;

/// How long and how often to ask.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long the first round waits before the question is repeated; each further round waits twice
    /// as long as the one before. An answer to an earlier round still counts while a later one waits.
    pub first_wait: Duration,
    /// Rounds over the servers.
    pub rounds: u32,
    /// How long a TCP exchange may take, once an answer over UDP was cut.
    pub tcp_timeout: Duration,
}

impl Default for Settings {
    /// 1 s, 2 s and 4 s: one lost datagram costs a second, and a dead server is known after seven.
    fn default() -> Self {
        Settings { first_wait: Duration::from_secs(1), rounds: 3, tcp_timeout: Duration::from_secs(5) }
    }
}

/// A stub resolver for the hosts it is given to.
///
/// ```
/// use fathom_apps::dns::DnsResolver;
/// # use std::net::SocketAddr;
/// let resolver = DnsResolver::new(vec![SocketAddr::from(([8, 8, 8, 8], 53))]);
/// assert_eq!(resolver.servers().len(), 1);
/// // host.set_resolver(Some(std::sync::Arc::new(resolver)));
/// ```
#[derive(Clone, Debug)]
pub struct DnsResolver {
    servers: Arc<[SocketAddr]>,
    settings: Settings,
}

impl DnsResolver {
    /// Asks `servers` in this order; the next one is asked when one fails or does not answer in time.
    pub fn new(servers: Vec<SocketAddr>) -> Self {
        DnsResolver { servers: servers.into(), settings: Settings::default() }
    }

    /// The same with other waiting times.
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The servers that are asked.
    pub fn servers(&self) -> &[SocketAddr] {
        &self.servers
    }

    /// Asks for the addresses of `name`: AAAA first and A right behind it, without waiting for either
    /// (RFC 8305 3). The answers come one family at a time, as they arrive.
    pub fn lookup(&self, host: &Host, name: &str, family: Family) -> Lookup {
        Lookup::start(host, self, name, family)
    }
}

impl Resolve for DnsResolver {
    fn resolve<'a>(
        &'a self,
        host: &'a Host,
        name: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(async move {
            let mut lookup = self.lookup(host, name, Family::Any);
            let mut addresses = Vec::new();
            let mut error = None;
            while let Some(answer) = lookup.next().await {
                match answer.result {
                    Ok(records) => addresses.extend(records.addresses),
                    Err(cause) => error = Some(ResolveError::clearer(error, cause)),
                }
            }
            match error {
                Some(cause) if addresses.is_empty() => Err(cause.into()),
                _ => Ok(addresses),
            }
        })
    }
}

#[cfg(test)]
mod tests;
