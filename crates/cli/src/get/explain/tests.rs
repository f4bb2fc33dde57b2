use std::sync::Arc;
use std::time::Duration;

use fathom_apps::Family;
use fathom_apps::connect::Attempt;

use url::Url;

use super::*;

fn address() -> SocketAddr {
    "192.0.2.1:443".parse().unwrap()
}

fn resolver() -> SocketAddr {
    "8.8.8.8:53".parse().unwrap()
}

fn cause(text: &str) -> Arc<dyn std::error::Error + Send + Sync> {
    Arc::new(io::Error::other(text.to_owned()))
}

fn resolve(cause: ResolveError) -> FetchError {
    FetchError::Resolve { host: "h".into(), cause }
}

fn connect(errors: &[ErrorKind]) -> FetchError {
    let attempts = errors.iter().map(|kind| Attempt { address: address(), error: (*kind).into() });
    FetchError::Connect { host: "h".into(), port: 443, attempts: attempts.collect() }
}

fn handshake(error: rustls::Error) -> Arc<HandshakeError> {
    Arc::new(match error {
        rustls::Error::InvalidCertificate(_) => HandshakeError::Certificate(error),
        _ => HandshakeError::Protocol(error),
    })
}

fn certificate(error: CertificateError) -> FetchError {
    let cause = handshake(rustls::Error::InvalidCertificate(error));
    FetchError::Certificate { host: "h".into(), address: address(), cause }
}

#[test]
fn every_error_has_curls_code_one_line_and_advice() {
    let address = address();
    let url = || Box::new(Url::parse("http://n/").unwrap());
    for (error, code, expected) in [
        (FetchError::UnsupportedScheme { scheme: "ftp".into() }, 1, "protocol \"ftp\" is not supported"),
        (FetchError::BadUrl { url: "x".into(), why: "y".into() }, 3, "'x' is no URL: y"),
        (
            FetchError::BadRedirect { location: "x".into(), why: "y".into() },
            3,
            "the server redirects to \"x\": y",
        ),
        (
            connect(&[ErrorKind::ConnectionRefused]),
            7,
            "failed to connect to h port 443: connection refused [",
        ),
        (
            connect(&[ErrorKind::ConnectionRefused, ErrorKind::ConnectionRefused]),
            7,
            "failed to connect to h port 443: connection refused (2 addresses) [",
        ),
        (
            connect(&[ErrorKind::ConnectionRefused, ErrorKind::TimedOut]),
            7,
            "failed to connect to h port 443: 192.0.2.1: connection refused, 192.0.2.1: no answer [",
        ),
        (connect(&[]), 7, "failed to connect to h port 443: it has no address [transport layer, TCP]"),
        (FetchError::Malformed { address, cause: cause("x") }, 8, "the answer is not HTTP: x ["),
        (FetchError::Http2 { address, cause: cause("x") }, 16, "HTTP/2 failed: x ["),
        (
            FetchError::Partial { address, received: 4, expected: Some(10) },
            18,
            "transfer closed with 6 bytes remaining to read [",
        ),
        (
            FetchError::Timeout {
                phase: Phase::Connect,
                after: Duration::from_millis(1500),
                address: Some(address),
            },
            28,
            "gave up after 1.5 s connecting [transport layer, TCP, 192.0.2.1:443]",
        ),
        (
            FetchError::Tls {
                host: "h".into(),
                address,
                cause: handshake(rustls::Error::HandshakeNotComplete),
            },
            35,
            "no TLS with h: ",
        ),
        (FetchError::TooManyRedirects { max: 5, url: url() }, 47, "maximum (5) redirects followed"),
        (
            FetchError::EmptyReply { address },
            52,
            "empty reply from server [application layer, HTTP, 192.0.2.1:443]",
        ),
        (FetchError::Send { address, cause: cause("x") }, 55, "sending failed: x [transport layer, TCP, "),
        (
            FetchError::Receive { address, cause: cause("x") },
            56,
            "receiving failed: x [transport layer, TCP, ",
        ),
        (certificate(CertificateError::Expired), 60, "the certificate of h is not acceptable: "),
        (
            FetchError::Decode { encoding: "gzip".into(), cause: cause("x") },
            61,
            "the body is not in the encoding it says (gzip): x [",
        ),
        (FetchError::BodyNotRepeatable { url: url() }, 65, "http://n/ asks for the body again"),
        (FetchError::Http2Stream { address, cause: cause("x") }, 92, "the HTTP/2 stream was reset: x ["),
    ] {
        let failure = explain(&error, &Via::Lab);
        let text = failure.to_string();
        assert_eq!(failure.exit.code(), code, "{text}");
        assert!(text.starts_with(&format!("({code}) {expected}")), "{text}");
        assert!(text.contains("; ") && text.lines().count() == 1, "{text}");
    }
}

#[test]
fn a_name_that_does_not_resolve_says_who_said_so_and_what_to_try() {
    let (name, server) = ("h".to_owned(), resolver());
    for (cause, via, expected) in [
        (
            ResolveError::NoSuchName { name: name.clone(), server },
            Via::Lab,
            "the name does not exist (NXDOMAIN) [application layer, DNS, 8.8.8.8:53]; the lab is an internet of its own",
        ),
        (
            ResolveError::NoSuchName { name: name.clone(), server },
            Via::Tap("t".into()),
            "the name does not exist (NXDOMAIN) [application layer, DNS, 8.8.8.8:53]; check the spelling",
        ),
        (
            ResolveError::NoAddress { name: name.clone(), family: Family::V6, server },
            Via::Lab,
            "the name has no IPv6 address [application layer, DNS, 8.8.8.8:53]; try without -4 or -6",
        ),
        (
            ResolveError::NoAnswer { name: name.clone(), servers: vec![server] },
            Via::Tap("t".into()),
            "no answer from the DNS server in time [application layer, DNS, 8.8.8.8:53]; check --resolver",
        ),
        (
            ResolveError::NoResolver { name },
            Via::Tap("t".into()),
            "there is no DNS server to ask [application layer, DNS]; name one with --resolver IP",
        ),
    ] {
        let failure = explain(&resolve(cause), &via);
        let text = failure.to_string();
        assert!(text.starts_with(&format!("(6) could not resolve host: h: {expected}")), "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_certificate_has_openssls_number() {
    for (error, number) in [
        (CertificateError::Expired, 10),
        (CertificateError::NotValidYet, 9),
        (CertificateError::UnknownIssuer, 20),
        (CertificateError::NotValidForName, 62),
        (CertificateError::BadEncoding, 1),
    ] {
        assert_eq!(verify_result(&certificate(error)), number);
    }
    assert_eq!(verify_result(&FetchError::EmptyReply { address: address() }), 0);
}
