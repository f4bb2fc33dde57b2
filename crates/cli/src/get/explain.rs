//! From errors of a fetch to one line for a person, with curl's exit code.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use fathom_apps::dns::ResolveError;
use fathom_apps::http::client::{FetchError, Phase};
use fathom_apps::tls::client::HandshakeError;
use fathom_impair::TimeSpan;
use fathom_record::Layer;
use rustls::CertificateError;

use crate::args::Via;
use crate::exit::Exit;
use crate::failure::{Failure, reason};

/// Says what `error` means for somebody on the network `via`.
pub(crate) fn explain(error: &FetchError, via: &Via) -> Failure {
    match error {
        FetchError::UnsupportedScheme { scheme } => {
            Failure::new(Exit::UnsupportedProtocol, format!("protocol \"{scheme}\" is not supported"))
                .hint("use http:// or https://")
        }
        FetchError::BadUrl { url, why } => malformed(url, why),
        FetchError::BadRedirect { location, why } => {
            Failure::new(Exit::MalformedUrl, format!("the server redirects to {location:?}: {why}"))
                .on(Layer::Application, "HTTP")
                .hint("see its answer with -i, without -L")
        }
        FetchError::Resolve { host, cause } => unresolved(host, cause, via),
        FetchError::Connect { host, port, attempts } => {
            let failed: Vec<_> = attempts.iter().map(|attempt| (attempt.address, &attempt.error)).collect();
            unconnected(host, *port, &failed)
        }
        FetchError::Timeout { phase, after, .. } => {
            let failure = Failure::new(
                Exit::Timeout,
                format!("gave up after {} {}", TimeSpan(*after), while_in(*phase)),
            );
            place(failure, error, protocol(*phase)).hint("allow more time with -m or --connect-timeout")
        }
        FetchError::Roots { cause } => {
            Failure::new(Exit::CaFile, format!("no certificate authorities: {cause}"))
                .hint("name a PEM file with --cacert, or use -k to take any certificate")
        }
        FetchError::TooManyRedirects { max, url } => Failure::new(
            Exit::TooManyRedirects,
            format!("maximum ({max}) redirects followed; the next leads to {url}"),
        )
        .on(Layer::Application, "HTTP")
        .hint("look at the hops with -v, or allow more with --max-redirs"),
        FetchError::BodyNotRepeatable { url } => {
            Failure::new(Exit::Rewind, format!("{url} asks for the body again, and it is gone"))
                .on(Layer::Application, "HTTP")
                .hint("send the body from a file")
        }
        _ => exchange(error),
    }
}

/// Errors of a connection that stood.
fn exchange(error: &FetchError) -> Failure {
    let (exit, what, protocol, hint) = match error {
        FetchError::Certificate { host, cause, .. } => (
            Exit::Certificate,
            format!("the certificate of {host} is not acceptable: {}", certificate(&cause.to_string())),
            "TLS",
            "name its authority with --cacert FILE, or take any certificate with -k",
        ),
        FetchError::Tls { host, cause, .. } => (
            Exit::TlsConnect,
            format!("no TLS with {host}: {cause}"),
            "TLS",
            "check that the port speaks TLS, or use http://",
        ),
        FetchError::EmptyReply { .. } => {
            (Exit::EmptyReply, "empty reply from server".into(), "HTTP", "see what it does with -vvvv")
        }
        FetchError::Send { cause, .. } => (
            Exit::Send,
            format!("sending failed: {cause}"),
            "TCP",
            "see who closed the connection with -vvvv",
        ),
        FetchError::Receive { cause, .. } => (
            Exit::Receive,
            format!("receiving failed: {cause}"),
            "TCP",
            "see who closed the connection with -vvvv",
        ),
        FetchError::Partial { received, expected, .. } => (
            Exit::Partial,
            match expected {
                Some(expected) => {
                    format!(
                        "transfer closed with {} bytes remaining to read",
                        expected.saturating_sub(*received)
                    )
                }
                None => format!("transfer closed in the middle of the body, after {received} bytes"),
            },
            "HTTP",
            "try again; -vvvv shows who closed it",
        ),
        FetchError::Http2 { cause, .. } => {
            (Exit::Http2, format!("HTTP/2 failed: {cause}"), "HTTP/2", "try --http1.1")
        }
        FetchError::Http2Stream { cause, .. } => {
            (Exit::Http2Stream, format!("the HTTP/2 stream was reset: {cause}"), "HTTP/2", "try --http1.1")
        }
        FetchError::Malformed { cause, .. } => (
            Exit::WeirdReply,
            format!("the answer is not HTTP: {cause}"),
            "HTTP",
            "check scheme and port of the URL",
        ),
        FetchError::Decode { encoding, cause } => (
            Exit::Encoding,
            format!("the body is not in the encoding it says ({encoding}): {cause}"),
            "HTTP",
            "leave out --compressed",
        ),
        other => (Exit::Receive, other.to_string(), "HTTP", "see what happened with -v"),
    };
    place(Failure::new(exit, what), error, protocol).hint(hint)
}

fn place(failure: Failure, error: &FetchError, protocol: &'static str) -> Failure {
    failure.on(error.layer(), protocol).to(error.address())
}

/// A text that is no URL.
pub(crate) fn malformed(url: &str, why: &str) -> Failure {
    Failure::new(Exit::MalformedUrl, format!("'{url}' is no URL: {why}"))
        .hint("write it as http://HOST[:PORT]/PATH, special characters as %20")
}

/// A name without an address. `host` may be any name, of a ping too.
pub(crate) fn unresolved(host: &str, cause: &ResolveError, via: &Via) -> Failure {
    let (why, asked) = match cause {
        ResolveError::NoSuchName { server, .. } => {
            ("the name does not exist (NXDOMAIN)".into(), Some(*server))
        }
        ResolveError::NoAddress { family, server, .. } => {
            (format!("the name has no {family} address"), Some(*server))
        }
        ResolveError::NoneOfFamily { family, .. } => (format!("it has no {family} address"), None),
        ResolveError::NoAnswer { servers, .. } => {
            ("no answer from the DNS server in time".into(), servers.first().copied())
        }
        ResolveError::ServerFailure { server, code, .. } => {
            (format!("the DNS server answered {code}"), Some(*server))
        }
        ResolveError::Unreachable { server, cause, .. } => {
            (format!("the DNS server cannot be reached: {}", reason(cause)), Some(*server))
        }
        ResolveError::InvalidName { why, .. } => (format!("it is no host name: {why}"), None),
        ResolveError::NoResolver { .. } => ("there is no DNS server to ask".into(), None),
        other => (other.to_string(), None),
    };
    let hint = match (cause, via) {
        (ResolveError::NoResolver { .. }, _) => "name one with --resolver IP, or an address with --resolve",
        (ResolveError::NoSuchName { .. }, Via::Lab) => {
            "the lab is an internet of its own and has example.com; for real hosts use --via tap:NAME"
        }
        (ResolveError::NoSuchName { .. }, Via::Tap(_) | Via::Tun(_)) => "check the spelling",
        (ResolveError::NoAddress { .. } | ResolveError::NoneOfFamily { .. }, _) => "try without -4 or -6",
        (ResolveError::InvalidName { .. }, _) => "check the spelling",
        (_, Via::Lab) => "try a link with less loss",
        (_, Via::Tap(_) | Via::Tun(_)) => "check --resolver and --gateway, or name an address with --resolve",
    };
    Failure::new(Exit::ResolveHost, format!("could not resolve host: {host}: {why}"))
        .on(Layer::Application, "DNS")
        .to(asked)
        .hint(hint)
}

/// No address of a host could be connected to.
fn unconnected(host: &str, port: u16, attempts: &[(SocketAddr, &io::Error)]) -> Failure {
    let last = attempts.last();
    let kind = last.map(|(_, error)| error.kind());
    let why = match attempts {
        [] => "it has no address".to_owned(),
        [(_, error)] => say(error),
        [rest @ .., (_, last)] if rest.iter().all(|(_, error)| error.kind() == last.kind()) => {
            format!("{} ({} addresses)", say(last), attempts.len())
        }
        several => {
            let each = several.iter().map(|(address, error)| format!("{}: {}", address.ip(), say(error)));
            each.collect::<Vec<_>>().join(", ")
        }
    };
    let hint = match kind {
        Some(ErrorKind::ConnectionRefused) => "check the port, and that a server listens there",
        Some(ErrorKind::TimedOut) => "check that the host is up and no firewall drops the packets",
        Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable) => {
            "check the address, the route to it (--gateway), and the family (-4, -6)"
        }
        _ => "see each packet with -vvvv",
    };
    Failure::new(Exit::Connect, format!("failed to connect to {host} port {port}: {why}"))
        .on(Layer::Transport, "TCP")
        .to(last.map(|(address, _)| *address))
        .hint(hint)
}

/// An error of an attempt to connect, without the address that its message may begin with.
pub(super) fn say(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".into(),
        ErrorKind::ConnectionReset => "connection reset".into(),
        ErrorKind::TimedOut => "no answer".into(),
        ErrorKind::HostUnreachable => "host unreachable".into(),
        ErrorKind::NetworkUnreachable => "network unreachable".into(),
        _ => reason(error),
    }
}

/// What was wrong with a certificate, as the number of OpenSSL's X509_V_ERR that curl gives; 0 when the
/// certificate was not the trouble.
pub(super) fn verify_result(error: &FetchError) -> u64 {
    match error {
        FetchError::Certificate { cause, .. } => objection(cause),
        _ => 0,
    }
}

/// The same of a judgement that was asked for by itself.
pub(super) fn objection(error: &HandshakeError) -> u64 {
    let why = match error {
        HandshakeError::Certificate(rustls::Error::InvalidCertificate(why)) => why,
        // Nobody is trusted.
        HandshakeError::Roots(_) => &CertificateError::UnknownIssuer,
        _ => return 1,
    };
    match why {
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => 9,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => 10,
        CertificateError::BadSignature => 7,
        CertificateError::UnknownIssuer => 20,
        CertificateError::Revoked => 23,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => 26,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => 62,
        _ => 1,
    }
}

/// What rustls says of a certificate, without its own preamble.
fn certificate(text: &str) -> &str {
    text.strip_prefix("invalid peer certificate: ").unwrap_or(text)
}

fn while_in(phase: Phase) -> &'static str {
    match phase {
        Phase::Resolve => "resolving the name",
        Phase::Connect => "connecting",
        Phase::Handshake => "negotiating TLS",
        Phase::Request => "waiting for the answer",
        Phase::Response => "receiving the answer",
    }
}

fn protocol(phase: Phase) -> &'static str {
    match phase {
        Phase::Resolve => "DNS",
        Phase::Connect => "TCP",
        Phase::Handshake => "TLS",
        Phase::Request | Phase::Response => "HTTP",
    }
}

#[cfg(test)]
mod tests;
