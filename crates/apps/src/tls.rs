//! TLS 1.3 and 1.2 (RFC 8446, RFC 5246) by rustls on ring.
//!
//! Certificates are judged by the world's clock ([`Host::wall_clock`](fathom_net::Host::wall_clock)).
//! Randomness is the operating system's: rustls takes a source of its own only as a `'static`, which no
//! host is, and ring's key exchange takes none at all. So randoms, keys and ciphertext differ from run to
//! run; lengths and times do not.

pub mod client;
pub mod server;

use std::sync::Arc;
use std::time::Duration;

use fathom_net::Host;
use rustls::KeyLog;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

pub use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// The cryptography in use. Always named, never the process's default.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The host's clock for the validity of certificates and tickets.
#[derive(Debug)]
struct WallClock(Host);

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        let since_epoch: Duration = self.0.wall_clock();
        Some(UnixTime::since_unix_epoch(since_epoch))
    }
}

/// Writes the lines of a TLS key log (RFC 9850) into the host's records.
#[derive(Debug)]
struct SecretRecords(Host);

impl KeyLog for SecretRecords {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        self.0.tls_secret(format!("{label} {} {}", Hex(client_random), Hex(secret)));
    }
}

struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
