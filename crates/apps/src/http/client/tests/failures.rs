//! What fails, and how that is told.

use fathom_net::{Kind, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::dns::ResolveError;

/// A server on port 81 that reads a request, writes `reply` and closes.
pub(super) fn raw_server(bench: &mut Bench, reply: &'static str) {
    let server = bench.server.clone();
    bench.run(async move {
        let listener = TcpListener::bind(&server, Bench::server_addresses(81)[1]).await.unwrap();
        server.clone().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                server.spawn(answer(stream, reply));
            }
        });
    });
}

async fn answer(mut stream: TcpStream, reply: &'static str) {
    let mut request = [0; 4096];
    assert!(stream.read(&mut request).await.unwrap() > 0);
    stream.write_all(reply.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    // Reads to the end, so that closing is orderly.
    while stream.read(&mut request).await.unwrap_or(0) > 0 {}
}

fn raw(reply: &'static str) -> FetchError {
    let mut bench = Bench::new().with_dns();
    raw_server(&mut bench, reply);
    get(&mut bench, "http://example.test:81/", Options::default()).unwrap_err()
}

#[test]
fn an_empty_reply_is_told_from_a_broken_one() {
    assert!(matches!(raw(""), FetchError::EmptyReply { .. }));
    assert!(matches!(raw("SSH-2.0-x\r\n"), FetchError::Malformed { .. }));
    assert!(matches!(raw("HTTP/1.1 200 OK\r\ncontent-le"), FetchError::Receive { .. }));
}

#[test]
fn a_body_that_ends_early_is_partial() {
    let error = raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
    assert!(matches!(error, FetchError::Partial { received: 3, expected: Some(10), .. }), "{error:?}");
    let error = raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nab");
    assert!(matches!(error, FetchError::Partial { expected: None, .. }), "{error:?}");
}

#[test]
fn a_body_without_length_ends_with_the_connection() {
    let mut bench = Bench::new().with_dns();
    raw_server(&mut bench, "HTTP/1.0 200 Fine\r\n\r\nall of it");
    let (response, text) = get(&mut bench, "http://example.test:81/", Options::default()).unwrap();
    assert_eq!((text.as_str(), response.reason.as_deref()), ("all of it", Some("Fine")));
}

#[test]
fn names_and_ports_that_are_not_there() {
    let (mut bench, options) = site_bench();
    let error = get(&mut bench, "http://nowhere.test/", options.clone()).unwrap_err();
    assert!(
        matches!(&error, FetchError::Resolve { cause: ResolveError::NoSuchName { .. }, .. }),
        "{error:?}"
    );
    let error = get(&mut bench, "http://example.test:9/", options).unwrap_err();
    let FetchError::Connect { attempts, .. } = &error else { panic!("{error:?}") };
    assert_eq!(attempts.len(), 2);
    assert_eq!(error.layer(), fathom_net::Layer::Transport);
    assert_eq!(error.address(), Some(SocketAddr::new(ip(crate::testing::SERVER_V4), 9)));
}

#[test]
fn certificates_are_checked_unless_told_not_to() {
    let (mut bench, options) = site_bench();
    let (other, _) = identity("other.test");
    let tls = tls::client::Options { roots: Roots::Certificates(vec![other]), ..Default::default() };
    let untrusting = Options { tls, ..options.clone() };
    let error = get(&mut bench, "https://example.test/", untrusting.clone()).unwrap_err();
    assert!(matches!(error, FetchError::Certificate { .. }), "{error:?}");
    let trusting = options.clone();
    let untrusted = untrusting.tls.roots.clone();
    let error = get(&mut bench, "https://www.example.test/", options).unwrap_err();
    assert!(matches!(error, FetchError::Certificate { .. }), "{error:?}");
    let tls = tls::client::Options { verify: false, ..untrusting.tls.clone() };
    let (response, _) = get(&mut bench, "https://www.example.test/", Options { tls, ..untrusting }).unwrap();
    let facts = response.connection().tls.clone().unwrap();
    assert!(!facts.verified);
    let judge = |roots: &Roots, name: &str| {
        let judged = tls::client::judge(&bench.client, roots, name, &facts.peer_certificates);
        judged.map_err(|error| error.to_string())
    };
    let trusted = &trusting.tls.roots;
    assert_eq!(judge(trusted, "example.test"), Ok(()));
    assert!(judge(trusted, "www.example.test").unwrap_err().contains("not valid for name"));
    assert!(judge(&untrusted, "example.test").is_err());
}

#[test]
fn tls_with_a_server_that_does_not_speak_it_fails_as_tls() {
    let mut bench = Bench::new().with_dns();
    raw_server(&mut bench, "HTTP/1.1 400 Bad Request\r\n\r\n");
    let (ca, _) = identity("example.test");
    let tls = tls::client::Options { roots: Roots::Certificates(vec![ca]), ..Default::default() };
    let error =
        get(&mut bench, "https://example.test:81/", Options { tls, ..Options::default() }).unwrap_err();
    assert!(matches!(error, FetchError::Tls { .. }), "{error:?}");
}

#[test]
fn timeouts_say_what_was_under_way() {
    let (mut bench, options) = site_bench();
    let total = Options { total_timeout: Some(Duration::from_secs(1)), ..options.clone() };
    let start = bench.millis();
    let error = get(&mut bench, "https://example.test/slow", total).unwrap_err();
    assert!(
        matches!(error, FetchError::Timeout { phase: Phase::Request, address: Some(_), .. }),
        "{error:?}"
    );
    assert!((bench.millis() - start - 1000.0).abs() < 0.5);
    let connect = Options { connect_timeout: Some(Duration::from_millis(30)), ..options };
    let error = get(&mut bench, "https://example.test/", connect.clone()).unwrap_err();
    assert!(matches!(error, FetchError::Timeout { phase: Phase::Connect, .. }), "{error:?}");
    let connect = Options { connect_timeout: Some(Duration::from_millis(50)), ..connect };
    let error = get(&mut bench, "https://example.test/", connect).unwrap_err();
    assert!(matches!(error, FetchError::Timeout { phase: Phase::Handshake, .. }), "{error:?}");
}

#[test]
fn redirects_that_cannot_be_followed() {
    let (mut bench, options) = site_bench();
    let redirects = Redirects { follow: true, max: 5, keep_method: false };
    let options = Options { redirects, ..options };
    let error = get(&mut bench, "http://example.test/loop", options.clone()).unwrap_err();
    assert!(matches!(error, FetchError::TooManyRedirects { max: 5, .. }), "{error:?}");
    let error = get(&mut bench, "http://example.test/ftp", options.clone()).unwrap_err();
    assert!(matches!(error, FetchError::UnsupportedScheme { .. }), "{error:?}");
    let error = get(&mut bench, "http://example.test/broken", options.clone()).unwrap_err();
    assert!(matches!(error, FetchError::BadRedirect { .. }), "{error:?}");
    let request = Request::new(Method::POST, "http://example.test/keep").unwrap();
    let request = request.body(Body::reader(&b"once"[..], None));
    let error = send(&mut bench, request, options).unwrap_err();
    assert!(matches!(error, FetchError::BodyNotRepeatable { .. }), "{error:?}");
}

#[test]
fn content_that_is_not_what_it_says_is_an_error_of_decoding() {
    let (mut bench, options) = site_bench();
    let options = Options { compressed: true, ..options };
    let error = get(&mut bench, "https://example.test/not-gzip", options).unwrap_err();
    assert!(matches!(error, FetchError::Decode { .. }), "{error:?}");
}

#[test]
fn a_reset_stream_is_told_from_a_closed_connection() {
    let (mut bench, options) = site_bench();
    let error = get(&mut bench, "https://example.test/nothing", options.clone()).unwrap_err();
    assert!(matches!(error, FetchError::Http2Stream { .. }), "{error:?}");
    let options = Options { version: Version::Http11, ..options };
    let error = get(&mut bench, "https://example.test/nothing", options).unwrap_err();
    assert!(matches!(error, FetchError::EmptyReply { .. }), "{error:?}");
}

#[test]
fn urls_as_people_type_them() {
    assert_eq!(parse_url("example.test/x?y#z").unwrap().as_str(), "http://example.test/x?y#z");
    assert_eq!(parse_url("example.test:8080").unwrap().as_str(), "http://example.test:8080/");
    assert_eq!(parse_url("https://bücher.test/").unwrap().host_str(), Some("xn--bcher-kva.test"));
    assert!(matches!(parse_url("ftp://example.test/"), Err(FetchError::UnsupportedScheme { .. })));
    for nonsense in ["", "http://", "http://a b/", "http://:80", "http://example.test:99999/"] {
        assert!(matches!(parse_url(nonsense), Err(FetchError::BadUrl { .. })), "{nonsense}");
    }
}

#[test]
fn versions_that_exclude_each_other_leave_no_tls() {
    let (mut bench, options) = site_bench();
    use tls::client::TlsVersion::{Tls12, Tls13};
    let tls =
        tls::client::Options { min_version: Some(Tls13), max_version: Some(Tls12), ..options.tls.clone() };
    let error = get(&mut bench, "https://example.test/", Options { tls, ..options }).unwrap_err();
    assert!(matches!(error, FetchError::TlsOptions { .. }), "{error:?}");
}

#[test]
fn a_url_too_long_to_be_sent_is_refused_before_anything_is_sent() {
    let (mut bench, options) = site_bench();
    for version in [Version::Http11, Version::Http2] {
        bench.records();
        let url = format!("https://example.test/{}", "x".repeat(65_600));
        let error = get(&mut bench, &url, Options { version, ..options.clone() }).unwrap_err();
        let FetchError::BadUrl { url, why } = error else { panic!("{error:?}") };
        assert_eq!(why, "it has 65621 bytes, and 65534 is the most that is sent");
        assert!(url.starts_with("https://example.test/xxx") && url.len() < 100, "{url}");
        assert!(!bench.records().iter().any(|record| matches!(record.kind, Kind::Frame(_))));
    }
}

#[test]
fn a_head_of_http_2_may_be_as_large() {
    let (mut bench, options) = site_bench();
    let (response, _) = get(&mut bench, "https://example.test/fields", options).unwrap();
    assert!(response.headers.len() >= 900, "{}", response.headers.len());
}

#[test]
fn a_head_may_have_a_thousand_fields() {
    let head = |fields: usize| -> &'static str {
        let fields: String = (0..fields).map(|n| format!("x-{n}: 1\r\n")).collect();
        format!("HTTP/1.1 200 OK\r\n{fields}\r\n").leak()
    };
    let mut bench = Bench::new().with_dns();
    raw_server(&mut bench, head(1000));
    let (response, _) = get(&mut bench, "http://example.test:81/", Options::default()).unwrap();
    assert_eq!(response.headers.len(), 1000);
    let error = raw(head(1001));
    assert!(matches!(error, FetchError::HeadTooLarge { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the response's head has more than 1000 fields or 512 KiB");
}
