//! What works.

use std::sync::Mutex;

use fathom_net::{Kind, Outcome, Record};
use fathom_record::{Engine, SendReason, TcpStateName};

use super::*;
use crate::Family;

/// Start and end in milliseconds, name and outcome of the spans, in the order of their starts.
fn spans(records: &[Record]) -> Vec<(f64, f64, &'static str, Option<Outcome>)> {
    let mut spans = Vec::new();
    for record in records {
        match &record.kind {
            Kind::SpanStart(start) => {
                spans.push((record.id, (record.at.as_millis_f64(), f64::NAN, start.name, None)));
            }
            Kind::SpanEnd(end) => {
                let span = spans.iter_mut().find(|span| span.0 == end.span).unwrap();
                span.1.1 = record.at.as_millis_f64();
                span.1.3 = Some(end.outcome.clone());
            }
            _ => {}
        }
    }
    spans.into_iter().map(|(_, span)| span).collect()
}

fn facts(records: &[Record]) -> Vec<(&'static str, String)> {
    let fact = |record: &Record| match &record.kind {
        Kind::SpanNote(_, fathom_record::SpanNote::Fact { name, value }) => Some((*name, value.clone())),
        _ => None,
    };
    records.iter().filter_map(fact).collect()
}

#[test]
fn a_page_over_https_takes_four_phases_of_one_round_trip() {
    let (mut bench, options) = site_bench();
    bench.records();
    let start = bench.millis();
    let (response, text) = get(&mut bench, "https://example.test/", options).unwrap();
    assert_eq!((response.version, text.as_str()), (http::Version::HTTP_2, "hello"));
    let records = bench.records();
    let spans = spans(&records);
    let names: Vec<_> = spans.iter().map(|span| span.2).collect();
    assert_eq!(names, ["fetch", "resolve", "connect", "handshake", "request", "response"]);
    assert!(spans.iter().all(|span| span.3 == Some(Outcome::Done)), "{spans:?}");
    for (phase, round_trip) in spans[1..5].iter().zip(0..) {
        let begins = start + 20.0 * f64::from(round_trip);
        assert!((phase.0 - begins).abs() < 0.5, "{phase:?} begins at {begins}");
        assert!((phase.1 - begins - 20.0).abs() < 0.5, "{phase:?} takes 20 ms");
    }
    let facts = facts(&records);
    for (name, value) in [("queries", "2"), ("alpn", "h2"), ("path", "/"), ("status", "200"), ("bytes", "5")]
    {
        assert!(facts.contains(&(name, value.into())), "{name}={value} in {facts:?}");
    }
    assert!(records.iter().any(|record| matches!(&record.kind, Kind::TlsSecret(line)
        if line.starts_with("CLIENT_HANDSHAKE_TRAFFIC_SECRET "))));
}

#[test]
fn tls_1_2_takes_a_round_trip_more_and_resumption_is_told() {
    let (mut bench, options) = site_bench();
    let tls =
        tls::client::Options { max_version: Some(tls::client::TlsVersion::Tls12), ..options.tls.clone() };
    let start = bench.millis();
    let (response, _) = get(&mut bench, "https://example.test/", Options { tls, ..options.clone() }).unwrap();
    let facts = response.connection().tls.clone().unwrap();
    assert_eq!((facts.version.as_str(), facts.alpn.as_deref()), ("TLSv1.2", Some("h2")));
    assert!(facts.verified && facts.peer_certificates.len() == 1);
    assert!((bench.millis() - start - 100.0).abs() < 1.0, "took {}", bench.millis() - start);
    // Without HTTP keep-alive, the second connection resumes the session of the first.
    let client = Client::new(&bench.client, Options { version: Version::Http11, ..options });
    let resumed = bench.run(async move {
        let mut resumed = Vec::new();
        for _ in 0..2 {
            let request = Request::get("https://example.test/").unwrap();
            let request = request.header(http::header::CONNECTION, "close".parse().unwrap());
            let mut response = client.fetch(request).await.unwrap();
            response.bytes().await.unwrap();
            resumed.push(response.connection().tls.as_ref().unwrap().resumed);
        }
        resumed
    });
    assert_eq!(resumed, [false, true]);
}

#[test]
fn speaks_http_1_when_told_to_and_keeps_the_head_as_it_came() {
    let (mut bench, options) = site_bench();
    let options = Options { version: Version::Http11, family: Family::V4, ..options };
    let (response, _) = get(&mut bench, "https://example.test/", options).unwrap();
    assert_eq!(response.version, http::Version::HTTP_11);
    assert_eq!(response.connection().tls.as_ref().unwrap().alpn.as_deref(), Some("http/1.1"));
    assert!(response.connection().remote.is_ipv4());
    assert_eq!(response.reason.as_deref(), Some("OK"));
    let head = String::from_utf8(response.head.unwrap().to_vec()).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.contains("\r\nDate: "), "{head}");
}

#[test]
fn speaks_http_2_in_the_clear_by_prior_knowledge() {
    let (mut bench, options) = site_bench();
    let options = Options { version: Version::Http2PriorKnowledge, ..options };
    let (response, text) = get(&mut bench, "http://example.test/", options).unwrap();
    assert_eq!((response.version, text.as_str()), (http::Version::HTTP_2, "hello"));
}

#[test]
fn the_head_of_a_large_response_does_not_wait_for_its_body() {
    let (mut bench, options) = site_bench();
    for version in [Version::Auto, Version::Http11] {
        let options = Options { version, ..options.clone() };
        bench.records();
        get(&mut bench, "https://example.test/big", options).unwrap();
        let spans = spans(&bench.records());
        let request = spans.iter().find(|span| span.2 == "request").unwrap();
        assert!((request.1 - request.0 - 20.0).abs() < 1.0, "{version:?}: {request:?}");
    }
}

#[test]
fn the_second_fetch_of_a_client_uses_the_connection_of_the_first() {
    let (mut bench, options) = site_bench();
    for version in [Version::Auto, Version::Http11] {
        let client = Client::new(&bench.client, Options { version, ..options.clone() });
        let took = bench.run(async move {
            let mut times = Vec::new();
            for _ in 0..2 {
                let start = client.host.now();
                let mut response =
                    client.fetch(Request::get("https://example.test/big").unwrap()).await.unwrap();
                assert_eq!(response.bytes().await.unwrap().len(), 300_000);
                times.push(((client.host.now() - start).as_millis(), response.connection().reused));
            }
            times
        });
        assert!(took[0].0 >= 80 && !took[0].1, "{took:?}");
        assert!(took[1].0 < 60 && took[1].1, "{took:?}");
    }
}

#[test]
fn sends_bodies_known_and_streamed() {
    let (mut bench, options) = site_bench();
    for version in [Version::Auto, Version::Http11] {
        let options = Options { version, ..options.clone() };
        let request = Request::new(Method::POST, "https://example.test/echo").unwrap().body("known");
        let (_, text) = send(&mut bench, request, options.clone()).unwrap();
        assert_eq!(text, "POST example.test auth=- type=- body=known");
        let request = Request::new(Method::PUT, "https://example.test/echo").unwrap();
        let request = request.body(Body::reader(&b"streamed"[..], None));
        let (_, text) = send(&mut bench, request, options).unwrap();
        assert_eq!(text, "PUT example.test auth=- type=- body=streamed");
    }
}

#[test]
fn credentials_in_the_url_become_a_header_and_are_not_shown() {
    let (mut bench, options) = site_bench();
    let (_, text) = get(&mut bench, "http://us%65r:p%3Ass@example.test/echo", options).unwrap();
    // user:p:ss
    assert_eq!(text, "GET example.test auth=Basic dXNlcjpwOnNz type=- body=");
    let shown = bench.records().into_iter().any(|record| format!("{:?}", record.kind).contains("p%3Ass"));
    assert!(!shown, "a password is in the records");
}

#[test]
fn follows_redirects_as_curl_does() {
    let (mut bench, options) = site_bench();
    let follow = Redirects { follow: true, ..Redirects::default() };
    let options = Options { redirects: follow.clone(), ..options };
    let post = |path: &str| {
        let request = Request::new(Method::POST, &format!("http://example.test{path}")).unwrap();
        let request = request.header(http::header::AUTHORIZATION, "secret".parse().unwrap());
        request.header(http::header::CONTENT_TYPE, "text/x".parse().unwrap()).body("b")
    };
    // path, keep the method, what arrives
    let table = [
        ("/once", false, "GET example.test auth=secret type=- body="),
        ("/once", true, "POST example.test auth=secret type=- body="),
        ("/keep", false, "POST example.test auth=secret type=text/x body=b"),
        ("/other", false, "GET www.example.test auth=- type=- body="),
    ];
    for (path, keep_method, expected) in table {
        let redirects = Redirects { keep_method, ..follow.clone() };
        let (response, text) =
            send(&mut bench, post(path), Options { redirects, ..options.clone() }).unwrap();
        assert_eq!(text, expected, "{path}");
        assert_eq!(response.hops.len(), 1);
        assert_eq!(response.hops[0].received, 5);
    }
    let (response, _) = get(&mut bench, "http://example.test/once#part", options.clone()).unwrap();
    assert_eq!(response.url.as_str(), "http://example.test/echo?x=1#part");
    let not_followed = Options { redirects: Redirects::default(), ..options };
    assert_eq!(get(&mut bench, "http://example.test/once", not_followed).unwrap().0.status, 302);
}

#[test]
fn decodes_content_only_when_asked() {
    let (mut bench, options) = site_bench();
    let (response, text) = get(&mut bench, "https://example.test/gzip", options.clone()).unwrap();
    assert!(response.received() < 200 && !text.starts_with("plain"), "{text}");
    let options = Options { compressed: true, ..options };
    let (response, text) = get(&mut bench, "https://example.test/gzip", options).unwrap();
    assert_eq!(text, "plain ".repeat(1000));
    assert!(response.received() < 200, "{}", response.received());
}

#[test]
fn tells_the_observer_what_happens_in_its_order() {
    let (mut bench, options) = site_bench();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let into = seen.clone();
    let observer = Observer::new(move |event| {
        let text = format!("{event:?}");
        into.lock().unwrap().push(text.split([' ', '{']).next().unwrap().to_owned());
    });
    let options = Options { observer: Some(observer), ..options };
    get(&mut bench, "https://example.test/", options).unwrap();
    let order = ["Resolved", "Trying", "Connected", "Handshake", "RequestHead", "ResponseHead", "BodyEnd"];
    assert_eq!(*seen.lock().unwrap(), order);
}

#[test]
fn heads_before_the_final_one_are_told_and_kept() {
    let mut bench = Bench::new();
    super::failures::raw_server(
        &mut bench,
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
    );
    let seen = Arc::new(Mutex::new(Vec::new()));
    let into = seen.clone();
    let observer = Observer::new(move |event| {
        if let Event::Informational { status, .. } = event {
            into.lock().unwrap().push(status.as_u16());
        }
    });
    let options = Options { observer: Some(observer), ..Options::default() };
    let (response, text) = get(&mut bench, "http://[fd00::2]:81/", options).unwrap();
    assert_eq!((text.as_str(), seen.lock().unwrap().as_slice()), ("ab", &[103][..]));
    let head = response.head.unwrap();
    assert!(head.starts_with(b"HTTP/1.1 103") && head.ends_with(b"Content-Length: 2\r\n\r\n"), "{head:?}");
}

#[test]
fn overrides_and_literals_need_no_resolver() {
    let (mut bench, options) = site_bench();
    bench.client.set_resolver(None);
    let (_, text) = get(&mut bench, "http://[fd00::2]/", options.clone()).unwrap();
    assert_eq!(text, "hello");
    let entry = ResolveOverride {
        host: "example.test".into(),
        port: 443,
        addresses: vec![ip(crate::testing::SERVER_V4)],
    };
    let options = Options { resolve: vec![entry], ..options };
    let (response, _) = get(&mut bench, "https://example.test/", options.clone()).unwrap();
    assert!(response.connection().remote.is_ipv4());
    let error = get(&mut bench, "http://example.test/", options).unwrap_err();
    assert_eq!(error.to_string(), "example.test: no resolver is configured");
}

#[test]
fn an_override_for_every_host_gives_way_to_one_of_its_own() {
    let (mut bench, options) = site_bench();
    bench.client.set_resolver(None);
    let entry =
        |host: &str, address| ResolveOverride { host: host.into(), port: 80, addresses: vec![ip(address)] };
    let any = entry("*", crate::testing::SERVER_V4);
    let options = Options { resolve: vec![any, entry("six.test", "fd00::2")], ..options };
    let (response, _) = get(&mut bench, "http://anything.test/", options.clone()).unwrap();
    assert!(response.connection().remote.is_ipv4());
    let (response, _) = get(&mut bench, "http://six.test/", options).unwrap();
    assert!(response.connection().remote.is_ipv6());
}

#[test]
fn a_client_that_is_closed_says_so_to_its_servers() {
    let (mut bench, _) = site_bench();
    let server = bench.server.clone();
    let (client, gone) = (bench.client.clone(), Arc::new(Mutex::new(None)));
    let when = gone.clone();
    let closed = bench.run(async move {
        let listener = TcpListener::bind(&server, Bench::server_addresses(81)[0]).await.unwrap();
        server.clone().spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1000];
            assert!(stream.read(&mut buffer).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            assert_eq!(stream.read(&mut buffer).await.unwrap(), 0);
            *when.lock().unwrap() = Some(server.now());
        });
        let fetcher = Client::new(&client, Options::default());
        let request = Request::get("http://10.0.0.2:81/").unwrap();
        fetcher.fetch(request).await.unwrap().bytes().await.unwrap();
        let closed = client.now();
        fetcher.close().await;
        client.sleep(Duration::from_millis(50)).await;
        closed
    });
    let heard = gone.lock().unwrap().expect("the server heard of it");
    assert_eq!((heard - closed).as_millis(), 10);
}

#[test]
fn connections_end_without_a_reset() {
    for version in [Version::Auto, Version::Http11] {
        let (mut bench, options) = site_bench();
        let host = bench.client.clone();
        bench.run(async move {
            let client = Client::new(&host, Options { version, ..options });
            client
                .fetch(Request::get("https://example.test/").unwrap())
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap();
            let before = host.now();
            client.close().await;
            // Our end there, the server's back.
            assert_eq!((host.now() - before).as_millis(), 20);
        });
        let states = bench.records().into_iter().filter_map(|record| match record.kind {
            Kind::Engine(Engine::TcpState { to, .. }) => Some(to),
            Kind::Engine(Engine::TcpSegment { why: SendReason::Reset, .. }) => panic!("a reset"),
            _ => None,
        });
        assert_eq!(states.last(), Some(TcpStateName::TimeWait));
    }
}
