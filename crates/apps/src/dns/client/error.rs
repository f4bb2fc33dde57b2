//! Why a name has no addresses.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::Family;

/// Why a name has no addresses.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The server says that there is no such name (RFC 1035 4.1.1, RCODE 3).
    #[error("{name}: no such name (NXDOMAIN from {server})")]
    NoSuchName {
        /// The name asked for.
        name: String,
        /// Who said so.
        server: SocketAddr,
    },
    /// The name exists, but has no address of this family (RFC 2308 2.2).
    #[error("{name} has no {family} address (from {server})")]
    NoAddress {
        /// The name asked for.
        name: String,
        /// The family asked for.
        family: Family,
        /// Who said so.
        server: SocketAddr,
    },
    /// No server answered in time.
    #[error("{name}: no answer from {}", list(servers))]
    NoAnswer {
        /// The name asked for.
        name: String,
        /// Who was asked.
        servers: Vec<SocketAddr>,
    },
    /// The server answered that it could not or would not answer (SERVFAIL, REFUSED, …).
    #[error("{name}: {code} from {server}")]
    ServerFailure {
        /// The name asked for.
        name: String,
        /// Who said so.
        server: SocketAddr,
        /// The response code.
        code: String,
    },
    /// The server could not be reached.
    #[error("{name}: cannot ask {server}: {cause}")]
    Unreachable {
        /// The name asked for.
        name: String,
        /// Who was to be asked.
        server: SocketAddr,
        /// What went wrong on the way.
        #[source]
        cause: Arc<io::Error>,
    },
    /// Not a name that DNS can carry (RFC 1035 2.3.4).
    #[error("{name} is not a host name: {why}")]
    InvalidName {
        /// What was given.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// None of the addresses found is of the family that is wanted.
    #[error("{name} has no {family} address")]
    NoneOfFamily {
        /// The name or address given.
        name: String,
        /// The family wanted.
        family: Family,
    },
    /// No server is configured.
    #[error("{name}: no resolver is configured")]
    NoResolver {
        /// The name asked for.
        name: String,
    },
    /// A resolver of another kind failed.
    #[error("{name}: {cause}")]
    Other {
        /// The name asked for.
        name: String,
        /// What it said.
        #[source]
        cause: Arc<io::Error>,
    },
}

fn list(servers: &[SocketAddr]) -> String {
    servers.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" and ")
}

impl ResolveError {
    /// Of two failures, the one that says more about the name: a definite answer before silence.
    pub(crate) fn clearer(one: Option<ResolveError>, other: ResolveError) -> ResolveError {
        let vagueness = |error: &ResolveError| match error {
            ResolveError::NoSuchName { .. } | ResolveError::InvalidName { .. } => 0,
            ResolveError::ServerFailure { .. } | ResolveError::Other { .. } => 1,
            ResolveError::NoAnswer { .. } | ResolveError::NoResolver { .. } => 2,
            ResolveError::Unreachable { .. } => 3,
            ResolveError::NoAddress { .. } | ResolveError::NoneOfFamily { .. } => 4,
        };
        match one {
            Some(one) if vagueness(&one) <= vagueness(&other) => one,
            _ => other,
        }
    }
}

impl From<ResolveError> for io::Error {
    fn from(error: ResolveError) -> io::Error {
        let kind = match &error {
            ResolveError::NoSuchName { .. }
            | ResolveError::NoAddress { .. }
            | ResolveError::NoneOfFamily { .. } => io::ErrorKind::NotFound,
            ResolveError::NoAnswer { .. } => io::ErrorKind::TimedOut,
            ResolveError::InvalidName { .. } => io::ErrorKind::InvalidInput,
            ResolveError::Unreachable { cause, .. } | ResolveError::Other { cause, .. } => cause.kind(),
            ResolveError::ServerFailure { .. } | ResolveError::NoResolver { .. } => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
