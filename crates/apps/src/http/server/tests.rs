use std::net::SocketAddr;

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
        serve(&server, listener, Config { identity: None, limits }, Arc::new(handler)).unwrap();
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
