use std::net::SocketAddr;
use std::sync::Mutex;

use fathom_net::TcpStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::testing::{Bench, SERVER_V4, ip};

fn start(bench: &mut Bench, limits: Limits) -> SocketAddr {
    let at = SocketAddr::new(ip(SERVER_V4), 80);
    let server = bench.server.clone();
    bench.run(async move {
        let listener = TcpListener::bind(&server, at).await.unwrap();
        let handler = |_: Host, _: Request| async { Some(http::Response::new(body("hello"))) };
        serve(&server, listener, Config { limits, ..Config::default() }, Arc::new(handler)).unwrap();
    });
    at
}

#[test]
fn dates_responses_by_the_world_s_clock() {
    let mut bench = Bench::new();
    let at = start(&mut bench, Limits::default());
    let client = bench.client.clone();
    let (text, now) = bench.run(async move {
        let mut stream = TcpStream::connect(&client, at).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        (text, client.wall_clock())
    });
    let date = crate::http::date::imf_fixdate(now);
    assert!(text.contains(&format!("Date: {date}\r\n")), "{text}");
}

#[test]
fn gives_up_on_a_client_that_sends_no_head() {
    let mut bench = Bench::new();
    let limits = Limits { head_timeout: Duration::from_secs(2), ..Limits::default() };
    let at = start(&mut bench, limits);
    let (client, start) = (bench.client.clone(), bench.millis());
    let read = bench.run(async move {
        let mut stream = TcpStream::connect(&client, at).await.unwrap();
        stream.write_all(b"GET / HT").await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await
    });
    assert!(read.is_ok(), "{read:?}");
    let took = bench.millis() - start;
    assert!((2000.0..2100.0).contains(&took), "took {took}");
}

#[test]
fn a_connection_too_many_waits_for_a_place() {
    let mut bench = Bench::new();
    let at = start(&mut bench, Limits { connections: 1, ..Limits::default() });
    let client = bench.client.clone();
    let (early, late) = bench.run(async move {
        let mut first = TcpStream::connect(&client, at).await.unwrap();
        let mut second = TcpStream::connect(&client, at).await.unwrap();
        second.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut buffer = [0; 100];
        let early = client.timeout(Duration::from_secs(1), Box::pin(second.read(&mut buffer))).await.is_ok();
        first.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        let late = client.timeout(Duration::from_secs(1), Box::pin(second.read(&mut buffer))).await.is_ok();
        (early, late)
    });
    assert_eq!((early, late), (false, true));
}

/// A server that thinks for a second before it answers with `len` bytes, and what its observer was told.
fn start_thinker(
    bench: &mut Bench,
    limits: Limits,
    len: usize,
) -> (SocketAddr, Server, Arc<Mutex<Vec<String>>>) {
    let at = SocketAddr::new(ip(SERVER_V4), 80);
    let told = Arc::new(Mutex::new(Vec::new()));
    let observer = {
        let told = Arc::clone(&told);
        Observer::new(move |event| {
            told.lock().unwrap().push(match event {
                Event::Connected { peer } => format!("{} connected", peer.remote.ip()),
                Event::NotConnected { error, .. } => format!("not connected: {error}"),
                Event::Served { exchange, .. } => format!(
                    "{} {} {:?} in {} out {} complete {}",
                    exchange.method,
                    exchange.target,
                    exchange.status.map(|status| status.as_u16()),
                    exchange.received,
                    exchange.sent,
                    exchange.complete
                ),
                Event::Closed { reason, info, .. } => {
                    format!("closed {} {}", reason.is_some(), info.is_some())
                }
            });
        })
    };
    let host = bench.server.clone();
    let server = bench.run(async move {
        let listener = TcpListener::bind(&host, at).await.unwrap();
        let handler = move |host: Host, _: Request| async move {
            host.sleep(Duration::from_secs(1)).await;
            Some(http::Response::new(body(vec![7; len])))
        };
        let config = Config { limits, observer: Some(observer), ..Config::default() };
        serve(&host, listener, config, Arc::new(handler)).unwrap()
    });
    (at, server, told)
}

#[test]
fn a_server_that_ends_answers_what_was_asked_and_takes_nothing_more() {
    let mut bench = Bench::new();
    let (at, server, told) = start_thinker(&mut bench, Limits::default(), 5);
    let client = bench.client.clone();
    let (answer, late, took) = bench.run(async move {
        let mut idle = TcpStream::connect(&client, at).await.unwrap();
        let mut stream = TcpStream::connect(&client, at).await.unwrap();
        stream.write_all(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        client.sleep(Duration::from_millis(100)).await;
        let begun = client.now();
        let ending = client.spawn(async move { server.shut_down().await });
        client.sleep(Duration::from_millis(100)).await;
        let late = TcpStream::connect(&client, at).await.map(drop);
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0, "a connection without a request is closed");
        drop((stream, idle));
        ending.await.unwrap();
        (answer, late, client.now() - begun)
    });
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("Connection: close"), "{answer}");
    assert_eq!(late.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    assert!(took < Duration::from_millis(1100), "{took:?}");
    let told = told.lock().unwrap();
    let served = "GET /x Some(200) in 0 out 5 complete true";
    for line in ["not connected: the server ends", served, "closed false true"] {
        assert!(told.iter().any(|told| told == line), "{line} in {told:?}");
    }
}

#[test]
fn a_server_that_is_aborted_closes_what_is_going_on() {
    let mut bench = Bench::new();
    let (at, server, told) = start_thinker(&mut bench, Limits::default(), 5);
    let client = bench.client.clone();
    bench.run(async move {
        let mut stream = TcpStream::connect(&client, at).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        client.sleep(Duration::from_millis(100)).await;
        server.abort();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty());
        drop(stream);
        server.shut_down().await;
    });
    assert!(told.lock().unwrap().contains(&"GET / None in 0 out 0 complete false".to_owned()));
}

#[test]
fn a_connection_that_stands_still_is_closed() {
    let mut bench = Bench::new();
    let limits = Limits { idle_timeout: Duration::from_secs(4), ..Limits::default() };
    let (at, _server, told) = start_thinker(&mut bench, limits, 100_000_000);
    let client = bench.client.clone();
    bench.run(async move {
        let mut stream = TcpStream::connect(&client, at).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        // Nobody reads.
        client.sleep(Duration::from_secs(10)).await;
        drop(stream);
    });
    let told = told.lock().unwrap();
    assert_eq!(told.last().unwrap(), "closed true true", "{told:?}");
}

#[test]
fn an_answer_reaches_a_client_that_is_still_sending() {
    let mut bench = Bench::new();
    let (at, _server, _told) = start_thinker(&mut bench, Limits::default(), 5);
    let client = bench.client.clone();
    let answer = bench.run(async move {
        let stream = TcpStream::connect(&client, at).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        write.write_all(b"PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\n").await.unwrap();
        let sending = client.spawn(async move {
            // The server takes what it has room for, and then what it discards.
            while write.write_all(&[1; 10_000]).await.is_ok() {}
        });
        let mut answer = Vec::new();
        let _ = read.read_to_end(&mut answer).await;
        sending.abort();
        answer
    });
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "{:?}", String::from_utf8_lossy(&answer));
}
