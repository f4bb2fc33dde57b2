//! The client's side of TLS.

mod facts;
mod verify;

use std::io;
use std::sync::Arc;

use fathom_net::Host;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use facts::TlsFacts;

use super::{SecretRecords, WallClock};

/// A version of TLS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// Which authorities are trusted.
#[derive(Clone, Debug, Default)]
pub enum Roots {
    /// Those that the operating system trusts.
    #[default]
    System,
    /// These and no others.
    Certificates(Vec<CertificateDer<'static>>),
}

impl Roots {
    /// The certificates in `text`, which is PEM (RFC 7468).
    ///
    /// # Errors
    /// [`RootsError`] when there is none, or one is broken.
    pub fn from_pem(text: &[u8]) -> Result<Roots, RootsError> {
        let certificates = CertificateDer::pem_slice_iter(text)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| RootsError::Broken(error.to_string()))?;
        if certificates.is_empty() { Err(RootsError::Empty) } else { Ok(Roots::Certificates(certificates)) }
    }

    fn store(&self) -> Result<RootCertStore, RootsError> {
        let mut store = RootCertStore::empty();
        match self {
            Roots::System => {
                let found = rustls_native_certs::load_native_certs();
                store.add_parsable_certificates(found.certs);
                if store.is_empty() {
                    let why = found.errors.first().map_or("no bundle found".into(), ToString::to_string);
                    return Err(RootsError::System(why));
                }
            }
            Roots::Certificates(certificates) => {
                for certificate in certificates {
                    store.add(certificate.clone()).map_err(|error| RootsError::Broken(error.to_string()))?;
                }
            }
        }
        Ok(store)
    }
}

/// Why there is nothing to trust.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RootsError {
    /// The text holds no certificate.
    #[error("there is no certificate in it")]
    Empty,
    /// A certificate cannot be read.
    #[error("a certificate in it cannot be read: {0}")]
    Broken(String),
    /// The operating system's certificates cannot be read.
    #[error("the system's certificate authorities cannot be read: {0}")]
    System(String),
}

/// How to speak TLS.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who is trusted.
    pub roots: Roots,
    /// Whether the server's certificate must be valid for its name. `false` accepts any.
    pub verify: bool,
    /// The oldest version to accept; none means TLS 1.2.
    pub min_version: Option<TlsVersion>,
    /// The newest version to offer; none means TLS 1.3.
    pub max_version: Option<TlsVersion>,
}

impl Default for Options {
    fn default() -> Self {
        Options { roots: Roots::System, verify: true, min_version: None, max_version: None }
    }
}

impl Options {
    fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let (min, max) =
            (self.min_version.unwrap_or(TlsVersion::Tls12), self.max_version.unwrap_or(TlsVersion::Tls13));
        let all =
            [(TlsVersion::Tls13, &rustls::version::TLS13), (TlsVersion::Tls12, &rustls::version::TLS12)];
        all.into_iter()
            .filter(|(version, _)| (min..=max).contains(version))
            .map(|(_, version)| version)
            .collect()
    }
}

/// Why no TLS connection came about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The server's certificate is not acceptable.
    #[error("{0}")]
    Certificate(#[source] rustls::Error),
    /// The two sides found no common ground, or one broke the rules.
    #[error("{0}")]
    Protocol(#[source] rustls::Error),
    /// The connection failed underneath.
    #[error("{0}")]
    Io(#[source] io::Error),
    /// There is nothing to trust.
    #[error("{0}")]
    Roots(#[from] RootsError),
}

impl HandshakeError {
    fn from_io(error: io::Error) -> Self {
        match error.downcast::<rustls::Error>() {
            Ok(error @ rustls::Error::InvalidCertificate(_)) => HandshakeError::Certificate(error),
            Ok(error @ rustls::Error::NoCertificatesPresented) => HandshakeError::Certificate(error),
            Ok(error) => HandshakeError::Protocol(error),
            Err(error) => HandshakeError::Io(error),
        }
    }
}

/// A configuration for connections of `host` that offer the protocols `alpn` (RFC 7301), the most
/// wanted first. Secrets go into the host's records, for the decryption of its captures.
///
/// # Errors
/// [`HandshakeError::Roots`] when the roots cannot be read, [`HandshakeError::Protocol`] when the
/// options leave no version.
pub fn config(host: &Host, options: &Options, alpn: &[&str]) -> Result<ClientConfig, HandshakeError> {
    let provider = super::provider();
    let builder = ClientConfig::builder_with_details(provider.clone(), Arc::new(WallClock(host.clone())))
        .with_protocol_versions(&options.versions())
        .map_err(HandshakeError::Protocol)?;
    let mut config = if options.verify {
        builder.with_root_certificates(options.roots.store()?).with_no_client_auth()
    } else {
        let any: Arc<dyn ServerCertVerifier> = Arc::new(verify::AcceptAny::new(&provider));
        builder.dangerous().with_custom_certificate_verifier(any).with_no_client_auth()
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.key_log = Arc::new(SecretRecords(host.clone()));
    Ok(config)
}

/// Speaks TLS with the server called `name` on `stream`.
///
/// # Errors
/// [`HandshakeError`]: the certificate, the negotiation, or the connection underneath.
pub async fn connect<S>(
    config: Arc<ClientConfig>,
    name: &str,
    stream: S,
) -> Result<TlsStream<S>, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(name.to_owned())
        .map_err(|error| HandshakeError::Protocol(rustls::Error::General(error.to_string())))?;
    TlsConnector::from(config).connect(name, stream).await.map_err(HandshakeError::from_io)
}

/// Judges the chain of the server called `name`, its own certificate first, as a handshake that verifies
/// would at this moment. For connections that took any certificate.
///
/// # Errors
/// [`HandshakeError::Certificate`] when such a handshake would have failed, [`HandshakeError::Roots`] when
/// the roots cannot be read.
pub fn judge(host: &Host, roots: &Roots, name: &str, chain: &[Vec<u8>]) -> Result<(), HandshakeError> {
    let unacceptable = |why: CertificateError| HandshakeError::Certificate(why.into());
    let [own, intermediates @ ..] = chain else {
        return Err(HandshakeError::Certificate(rustls::Error::NoCertificatesPresented));
    };
    let name = ServerName::try_from(name).map_err(|_| unacceptable(CertificateError::NotValidForName))?;
    let roots = Arc::new(roots.store()?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, super::provider())
        .build()
        // Without a root nobody vouches.
        .map_err(|_| unacceptable(CertificateError::UnknownIssuer))?;
    let own = CertificateDer::from_slice(own);
    let intermediates: Vec<_> = intermediates.iter().map(|der| CertificateDer::from_slice(der)).collect();
    let now = UnixTime::since_unix_epoch(host.wall_clock());
    verifier
        .verify_server_cert(&own, &intermediates, &name, &[], now)
        .map(drop)
        .map_err(HandshakeError::Certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_that_are_none_are_refused() {
        assert!(matches!(Roots::from_pem(b"nothing here"), Err(RootsError::Empty)));
        let broken = b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
        assert!(matches!(Roots::from_pem(broken), Err(RootsError::Broken(_))));
        let nonsense = Roots::Certificates(vec![CertificateDer::from(vec![1, 2, 3])]);
        assert!(matches!(nonsense.store(), Err(RootsError::Broken(_))));
    }

    #[test]
    fn the_versions_between_the_two_are_offered() {
        use TlsVersion::{Tls12, Tls13};
        // oldest, newest, how many
        for (min, max, count) in
            [(None, None, 2), (Some(Tls13), None, 1), (None, Some(Tls12), 1), (Some(Tls13), Some(Tls12), 0)]
        {
            let options = Options { min_version: min, max_version: max, ..Options::default() };
            assert_eq!(options.versions().len(), count, "{min:?} to {max:?}");
        }
    }
}
