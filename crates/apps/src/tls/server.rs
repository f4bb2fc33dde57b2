//! The server's side of TLS.

use std::io;
use std::sync::Arc;

use fathom_net::Host;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::WallClock;

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

/// A configuration for a server on `host` that speaks the protocols `alpn` (RFC 7301), the most wanted
/// first.
///
/// # Errors
/// [`rustls::Error`] when key and certificate do not fit.
pub fn config(host: &Host, identity: Identity, alpn: &[&str]) -> Result<ServerConfig, rustls::Error> {
    let clock = Arc::new(WallClock(host.clone()));
    let mut config = ServerConfig::builder_with_details(super::provider(), clock)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)?;
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
