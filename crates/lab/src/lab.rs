//! The lab.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fathom_apps::dns::DnsResolver;
use fathom_apps::dns::server::{DnsServer, Zone, ZoneError};
use fathom_apps::http::server::{Config as HttpConfig, serve};
use fathom_apps::tls::CertificateDer;
use fathom_apps::tls::server::Identity;
use fathom_net::{Host, IncomingListener, TcpListener};
use fathom_world::{RunError, World};

use crate::authority::{Authority, Validity};
use crate::config::{Families, LabConfig};
use crate::internet::{self, BAD_CERTIFICATE, Dual, EXAMPLE, EXPIRED, Internet, RESOLVER, SILENT};
use crate::site;

/// The round trip between the client and the servers, before any conditions of the client's own link.
pub const BASE_ROUND_TRIP: Duration = Duration::from_millis(2 * internet::WAN_DELAY.as_millis() as u64);

/// How long the lab's addresses may be kept, in seconds.
const TTL: u32 = 300;

/// Names, and where they lead.
const NAMES: [(&str, Dual); 7] = [
    ("example.com", EXAMPLE),
    ("www.example.com", EXAMPLE),
    ("refused.example.com", internet::REFUSED),
    ("unreachable.example.com", internet::UNREACHABLE),
    ("silent.example.com", internet::SILENT),
    ("badcert.example.com", BAD_CERTIFICATE),
    ("expired.example.com", EXPIRED),
];

/// Why a lab did not come about. None of it depends on what a user gives.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// A host could not be configured, or a server not started.
    #[error("the lab cannot be set up: {0}")]
    Io(#[from] io::Error),
    /// A certificate could not be made.
    #[error("the lab's certificates cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A key does not fit its certificate.
    #[error("the lab's servers cannot speak TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The zone is wrong.
    #[error("the lab's names cannot be served: {0}")]
    Zone(#[from] ZoneError),
    /// A neighbour does not answer.
    #[error("in the lab, {host} gets no echo from {to}: {why}")]
    Silent {
        /// Who asked.
        host: String,
        /// Who does not answer.
        to: IpAddr,
        /// What came instead.
        why: String,
    },
    /// The world did not come to rest.
    #[error("the lab does not run: {0}")]
    Run(#[from] RunError),
}

/// The embedded internet, seen from the client.
#[derive(Debug)]
pub struct Lab {
    world: World,
    client: Host,
    authority: CertificateDer<'static>,
    authority_pem: String,
}

impl Lab {
    /// Builds a lab. Its clock stands at the beginning until [`Lab::block_on`].
    ///
    /// # Errors
    /// [`LabError`]; a lab that could be built once can always be built.
    pub fn new(config: LabConfig) -> Result<Lab, LabError> {
        let mut world = World::new(config.seed);
        world.set_wall_clock(config.wall_clock);
        let internet = Internet::build(&mut world, &config)?;
        let authority = Authority::new(config.seed, config.wall_clock)?;
        world.block_on(async {
            internet::warm(&internet, config.families).await?;
            start_dns(&internet.resolver).await?;
            start_web(&internet.web, &authority, config.wall_clock).await
        })??;
        internet.set_conditions(&mut world, &config);
        let resolvers = RESOLVER.both().map(|address| SocketAddr::new(address, 53));
        let resolvers = resolvers.into_iter().filter(|address| match config.families {
            Families::Both => true,
            Families::V4 => address.is_ipv4(),
            Families::V6 => address.is_ipv6(),
        });
        let client = internet.client;
        client.set_resolver(Some(Arc::new(DnsResolver::new(resolvers.collect()))));
        let (authority, authority_pem) = authority.into_certificate();
        Ok(Lab { world, client, authority, authority_pem })
    }

    /// The names that the lab knows. There are no others.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().map(|(name, _)| name)
    }

    /// The client's host. Its resolver is set.
    pub fn client(&self) -> &Host {
        &self.client
    }

    /// The certificate of the lab's authority, which signed those of its servers.
    pub fn ca(&self) -> &CertificateDer<'static> {
        &self.authority
    }

    /// The same as text (RFC 7468).
    pub fn ca_pem(&self) -> &str {
        &self.authority_pem
    }

    /// The world that the lab is in.
    pub fn world(&mut self) -> &mut World {
        &mut self.world
    }

    /// Runs the lab until `future` completes.
    ///
    /// # Errors
    /// [`RunError`] when it will never complete.
    pub fn block_on<F: Future>(&mut self, future: F) -> Result<F::Output, RunError> {
        self.world.block_on(future)
    }
}

async fn start_dns(host: &Host) -> Result<(), LabError> {
    let mut zone = Zone::new(".")?;
    for (name, place) in NAMES {
        for address in place.both() {
            zone = zone.address(name, address, TTL)?;
        }
    }
    let server = DnsServer::new(zone)?;
    for address in RESOLVER.both() {
        server.start(host, SocketAddr::new(address, 53)).await?;
    }
    Ok(())
}

async fn start_web(host: &Host, authority: &Authority, now: Duration) -> Result<(), LabError> {
    let current = Validity::current(now);
    let example = authority.issue(&["example.com", "www.example.com"], current)?;
    let other = authority.issue(&["example.net"], current)?;
    let expired = authority.issue(&["expired.example.com"], Validity::expired(now))?;
    for (place, identity) in [(EXAMPLE, example), (BAD_CERTIFICATE, other), (EXPIRED, expired)] {
        for address in place.both() {
            start_site(host, SocketAddr::new(address, 80), None).await?;
            start_site(host, SocketAddr::new(address, 443), Some(identity.clone())).await?;
        }
    }
    for address in SILENT.both() {
        for port in [80, 443] {
            // Nobody ever decides about those who knock here.
            let listener = IncomingListener::bind(host, SocketAddr::new(address, port), 16)?;
            host.spawn(async move {
                let _undecided = listener;
                std::future::pending::<()>().await;
            });
        }
    }
    Ok(())
}

async fn start_site(host: &Host, at: SocketAddr, identity: Option<Identity>) -> Result<(), LabError> {
    let listener = TcpListener::bind(host, at).await?;
    let config = HttpConfig { identity, ..HttpConfig::default() };
    serve(host, listener, config, site::handler())?;
    Ok(())
}

#[cfg(test)]
mod tests;
