//! The server's side of TLS.

use std::io;
use std::sync::Arc;

use fathom_net::Host;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{SecretRecords, WallClock};

mod made;

pub use made::{Made, MakeError};

/// Who a server is: its certificate chain, its own certificate first, and its key.
#[derive(Debug)]
pub struct Identity {
    /// The chain.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the first certificate.
    pub key: PrivateKeyDer<'static>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Identity { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl Identity {
    /// The certificates in `chain` and the key in `key`, both PEM (RFC 7468): PKCS #8, PKCS #1 or SEC 1.
    ///
    /// # Errors
    /// [`IdentityError`] when there is none, or one is broken.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Identity, IdentityError> {
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| IdentityError::Certificate(error.to_string()))?;
        if chain.is_empty() {
            return Err(IdentityError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            pem::Error::NoItemsFound => IdentityError::NoKey,
            error => IdentityError::Key(error.to_string()),
        })?;
        Ok(Identity { chain, key })
    }

    /// SHA-256 of the server's own certificate, as openssl and browsers show it: `AB:CD:…`.
    pub fn fingerprint(&self) -> String {
        self.chain.first().map_or_else(String::new, |certificate| fingerprint(certificate))
    }
}

/// SHA-256 of a certificate in pairs of digits.
fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    let pairs: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

/// Why text is not an identity.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IdentityError {
    /// The first text holds no certificate.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// A certificate cannot be read.
    #[error("a certificate in it cannot be read: {0}")]
    Certificate(String),
    /// The second text holds no key, or only an encrypted one.
    #[error("there is no private key in it that can be read without a password")]
    NoKey,
    /// The key cannot be read.
    #[error("the key in it cannot be read: {0}")]
    Key(String),
}

/// A configuration for a server on `host` that speaks the protocols `alpn` (RFC 7301), the most wanted
/// first. Secrets go into the host's records, for the decryption of its captures.
///
/// # Errors
/// [`rustls::Error`] when key and certificate do not fit.
pub fn config(host: &Host, identity: Identity, alpn: &[&str]) -> Result<ServerConfig, rustls::Error> {
    let clock = Arc::new(WallClock(host.clone()));
    let mut config = ServerConfig::builder_with_details(super::provider(), clock)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)?;
    config.key_log = Arc::new(SecretRecords(host.clone()));
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(config)
}

/// Speaks TLS with the client on `stream`.
///
/// # Errors
/// What the negotiation or the connection underneath brings; a negotiation's is a [`rustls::Error`]
/// inside.
pub async fn accept<S>(config: Arc<ServerConfig>, stream: S) -> io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    TlsAcceptor::from(config).accept(stream).await
}
