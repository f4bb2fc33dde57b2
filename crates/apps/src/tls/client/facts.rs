//! What a handshake agreed on.

use fathom_net::Span;
use rustls::{ClientConnection, HandshakeKind};

/// What a handshake agreed on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFacts {
    /// The version, such as `TLSv1.3`.
    pub version: String,
    /// The cipher suite by its IANA name, such as `TLS_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// The key exchange group, such as `X25519`. None when a TLS 1.2 session was resumed.
    pub group: Option<String>,
    /// The application protocol (RFC 7301), such as `h2`.
    pub alpn: Option<String>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// The server's certificate chain in DER, its own certificate first.
    pub peer_certificates: Vec<Vec<u8>>,
    /// Whether the chain was verified for the server's name.
    pub verified: bool,
}

impl TlsFacts {
    pub(crate) fn of(connection: &ClientConnection, verified: bool) -> TlsFacts {
        let version = match connection.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLS",
        };
        let suite = connection.negotiated_cipher_suite();
        let cipher = suite.and_then(|suite| suite.suite().as_str()).unwrap_or("unknown");
        let group = connection.negotiated_key_exchange_group();
        let certificates = connection.peer_certificates().unwrap_or_default();
        TlsFacts {
            version: version.to_owned(),
            // rustls puts the version into the names of TLS 1.3 suites, IANA does not.
            cipher: cipher.replace("TLS13_", "TLS_"),
            group: group.and_then(|group| group.name().as_str()).map(str::to_owned),
            alpn: connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            resumed: matches!(connection.handshake_kind(), Some(HandshakeKind::Resumed)),
            peer_certificates: certificates.iter().map(|certificate| certificate.to_vec()).collect(),
            verified,
        }
    }

    /// Writes the facts that a reader of the waterfall wants into `span`.
    pub(crate) fn note(&self, span: &Span) {
        span.fact("version", &self.version);
        span.fact("cipher", &self.cipher);
        if let Some(group) = &self.group {
            span.fact("group", group);
        }
        if let Some(alpn) = &self.alpn {
            span.fact("alpn", alpn);
        }
        span.fact("resumed", self.resumed);
    }
}
