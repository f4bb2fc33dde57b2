//! Pages, names and failures.

use fathom_apps::dns::ResolveError;
use fathom_apps::http::client::{Body, Redirects, Version};
use http::Method;

use super::*;
use crate::pattern_at;

fn text(lab: &mut Lab, path: &str) -> (u16, String) {
    let options = options(lab);
    let (response, bytes) = get(lab, &format!("https://example.com{path}"), options).unwrap();
    (response.status.as_u16(), String::from_utf8(bytes).unwrap())
}

#[test]
fn the_first_page_is_small_and_honest() {
    let mut lab = Lab::new(LabConfig::default()).unwrap();
    let (status, page) = text(&mut lab, "/");
    assert_eq!(status, 200);
    assert!(page.len() < 4096 && page.contains("Nothing here is the real\nexample.com"), "{page}");
    assert!(Lab::names().any(|name| name == "www.example.com"));
    let plain = get(&mut lab, "http://www.example.com/", Options::default()).unwrap();
    assert_eq!(plain.1, page.as_bytes());
    assert_eq!(plain.0.version, http::Version::HTTP_11);
}

#[test]
fn every_page_does_what_the_first_one_says() {
    let mut lab = Lab::new(LabConfig::default()).unwrap();
    assert_eq!(text(&mut lab, "/status/418").0, 418);
    assert_eq!(text(&mut lab, "/status/204"), (204, String::new()));
    assert_eq!(text(&mut lab, "/status/100").0, 400);
    assert_eq!(text(&mut lab, "/nowhere").0, 404);
    assert!(text(&mut lab, "/headers").1.contains("user-agent: fathom/"));
    let before = lab.client().now();
    assert_eq!(text(&mut lab, "/slow?ms=500").1, "thought for 500 ms\n");
    let took = lab.client().now() - before;
    assert!((575..590).contains(&took.as_millis()), "{took:?}");
}

#[test]
fn bytes_are_as_many_as_asked_for_and_known() {
    let mut lab = Lab::new(LabConfig::default()).unwrap();
    for version in [Version::Auto, Version::Http11] {
        let options = Options { version, ..options(&lab) };
        let (response, bytes) = get(&mut lab, "https://example.com/bytes/1000000", options).unwrap();
        assert_eq!(bytes.len(), 1_000_000);
        assert!(bytes.iter().zip(0..).all(|(byte, offset)| *byte == pattern_at(offset)));
        assert_eq!(response.headers["content-type"], "application/octet-stream");
    }
}

#[test]
fn head_has_the_head_of_get_and_no_body() {
    let mut lab = Lab::new(LabConfig::default()).unwrap();
    for version in [Version::Auto, Version::Http11] {
        let options = Options { version, ..options(&lab) };
        let request = Request::new(Method::HEAD, "https://example.com/bytes/1000").unwrap();
        let (response, bytes) = send(&mut lab, request, options).unwrap();
        assert_eq!((response.headers["content-length"].as_bytes(), bytes.len()), (&b"1000"[..], 0));
    }
}

#[test]
fn what_is_posted_comes_back() {
    let mut lab = Lab::new(LabConfig::default()).unwrap();
    let sent: Vec<u8> = (0..200_000).map(pattern_at).collect();
    for version in [Version::Auto, Version::Http11] {
        let options = Options { version, ..options(&lab) };
        let request = Request::new(Method::POST, "https://example.com/echo").unwrap();
        let request = request.body(Body::from(sent.clone()));
        assert!(send(&mut lab, request, options).unwrap().1 == sent);
    }
}

#[test]
fn redirects_lead_to_the_first_page() {
    let mut lab = Lab::new(LabConfig::default()).unwrap();
    let redirects = Redirects { follow: true, ..Redirects::default() };
    let options = Options { redirects, ..options(&lab) };
    let (response, _) = get(&mut lab, "https://example.com/redirect/3", options).unwrap();
    assert_eq!((response.url.path(), response.hops.len()), ("/", 3));
}

#[test]
fn content_comes_in_the_coding_that_the_client_accepts() {
    let mut lab = Lab::new(LabConfig::default()).unwrap();
    let plain = text(&mut lab, "/encoded").1;
    for coding in ["gzip", "br", "zstd"] {
        let compressed = Options { compressed: true, ..options(&lab) };
        let request = Request::get("https://example.com/encoded").unwrap();
        let request = request.header(http::header::ACCEPT_ENCODING, coding.parse().unwrap());
        let (response, bytes) = send(&mut lab, request, compressed).unwrap();
        assert_eq!(response.headers["content-encoding"], coding);
        assert!(bytes == plain.as_bytes(), "{coding}");
        assert!(response.received() < 20_000, "{coding}: {}", response.received());
    }
}

#[test]
fn names_that_fail_fail_as_they_should() {
    let mut lab = Lab::new(LabConfig::default()).unwrap();
    let options = options(&lab);
    let error = get(&mut lab, "https://nowhere.test/", options.clone()).unwrap_err();
    assert!(
        matches!(&error, FetchError::Resolve { cause: ResolveError::NoSuchName { .. }, .. }),
        "{error:?}"
    );
    let error = get(&mut lab, "https://refused.example.com/", options.clone()).unwrap_err();
    let FetchError::Connect { attempts, .. } = &error else { panic!("{error:?}") };
    assert!(attempts.iter().all(|one| one.error.kind() == io::ErrorKind::ConnectionRefused), "{error:?}");
    let error = get(&mut lab, "https://unreachable.example.com/", options.clone()).unwrap_err();
    let FetchError::Connect { attempts, .. } = &error else { panic!("{error:?}") };
    assert!(attempts.iter().all(|one| one.error.kind() == io::ErrorKind::HostUnreachable), "{error:?}");
    for name in ["badcert", "expired"] {
        let error = get(&mut lab, &format!("https://{name}.example.com/"), options.clone()).unwrap_err();
        assert!(matches!(error, FetchError::Certificate { .. }), "{error:?}");
    }
    let connect_timeout = Some(Duration::from_secs(2));
    let error = get(&mut lab, "https://silent.example.com/", Options { connect_timeout, ..options });
    assert!(matches!(error, Err(FetchError::Timeout { .. })), "{error:?}");
}

#[test]
fn the_authority_is_the_same_in_der_and_pem() {
    let lab = Lab::new(LabConfig::default()).unwrap();
    let Roots::Certificates(from_pem) = Roots::from_pem(lab.ca_pem().as_bytes()).unwrap() else { panic!() };
    assert_eq!(from_pem, [lab.ca().clone()]);
}

#[test]
fn servers_that_close_too_early_are_told_apart() {
    let mut lab = Lab::new(LabConfig::default()).unwrap();
    let options = options(&lab);
    let error = get(&mut lab, "http://example.com/close", options.clone()).unwrap_err();
    assert!(matches!(error, FetchError::EmptyReply { .. }), "{error:?}");
    let error = get(&mut lab, "http://example.com/partial", options.clone()).unwrap_err();
    assert!(matches!(error, FetchError::Partial { received: 500, expected: Some(1000), .. }), "{error:?}");
    let error = get(&mut lab, "https://example.com/close", options).unwrap_err();
    assert!(matches!(error, FetchError::Http2Stream { .. }), "{error:?}");
}

#[test]
fn packets_fit_an_access_link_with_a_small_mtu() {
    for mtu in [576, 1280] {
        let small = fathom_impair::Conditions::default().mtu(mtu);
        let families = if mtu < 1280 { Families::V4 } else { Families::Both };
        let config = LabConfig { up: small.clone(), down: small, families, ..LabConfig::default() };
        let mut lab = Lab::new(config).unwrap();
        let options = options(&lab);
        let request = Request::new(Method::POST, "https://example.com/echo").unwrap();
        let sent: Vec<u8> = (0..50_000).map(pattern_at).collect();
        assert!(send(&mut lab, request.body(Body::from(sent.clone())), options).unwrap().1 == sent, "{mtu}");
    }
}

#[test]
fn a_large_body_survives_a_bad_link() {
    let bad = || {
        let conditions = fathom_impair::Conditions::default().delay(Duration::from_millis(5));
        let conditions = conditions.loss("2%".parse().unwrap()).duplicate("1%".parse().unwrap());
        conditions.corrupt("1%".parse().unwrap()).rate("50Mbit".parse().unwrap())
    };
    let mut lab = Lab::new(LabConfig { up: bad(), down: bad(), ..LabConfig::default() }).unwrap();
    let options = options(&lab);
    let (_, bytes) = get(&mut lab, "https://example.com/bytes/3000000", options).unwrap();
    assert_eq!(bytes.len(), 3_000_000);
    assert!(bytes.iter().zip(0..).all(|(byte, offset)| *byte == pattern_at(offset)));
}
