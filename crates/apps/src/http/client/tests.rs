//! Fetches against servers of this crate, and against raw ones that break the rules.

mod failures;
mod fetches;

use std::net::SocketAddr;
use std::sync::Arc;

use fathom_net::{Host, TcpListener};
use http_body_util::BodyExt;

use super::*;
use crate::http::server::{self, Config, body, serve};
use crate::testing::{Bench, identity, ip};
use crate::tls::client::Roots;

/// A site with what the tests need.
async fn site(host: Host, request: server::Request) -> Option<server::Response> {
    let (parts, incoming) = request.into_parts();
    let respond = |status: u16, text: String| {
        let response = http::Response::builder().status(status);
        Some(response.body(body(text)).unwrap())
    };
    let redirect = |status: u16, to: &str| {
        let response = http::Response::builder().status(status).header("location", to);
        Some(response.body(body("moved")).unwrap())
    };
    match parts.uri.path() {
        "/" => respond(200, "hello".into()),
        "/big" => respond(200, "x".repeat(300_000)),
        "/slow" => {
            host.sleep(Duration::from_secs(3)).await;
            respond(200, "late".into())
        }
        "/echo" => {
            let text = String::from_utf8(incoming.collect().await.ok()?.to_bytes().to_vec()).unwrap();
            let header = |name: &str| parts.headers.get(name).map_or("-", |v| v.to_str().unwrap()).to_owned();
            let (auth, kind) = (header("authorization"), header("content-type"));
            let authority = parts.uri.authority().map_or_else(|| header("host"), ToString::to_string);
            respond(200, format!("{} {authority} auth={auth} type={kind} body={text}", parts.method))
        }
        "/once" => redirect(302, "/echo?x=1"),
        "/keep" => redirect(307, "/echo"),
        "/other" => redirect(302, "http://www.example.test/echo"),
        "/ftp" => redirect(302, "ftp://example.test/"),
        "/broken" => redirect(302, "http://["),
        "/loop" => redirect(301, "/loop"),
        "/fields" => {
            let fields = (0..900).map(|n| (format!("x-{n}"), "some text of some length".repeat(4)));
            let response = fields
                .fold(http::Response::builder(), |response, (name, value)| response.header(name, value));
            Some(response.body(body("many")).unwrap())
        }
        "/gzip" => {
            use async_compression::tokio::write::GzipEncoder;
            use tokio::io::AsyncWriteExt;
            let mut encoder = GzipEncoder::new(Vec::new());
            encoder.write_all("plain ".repeat(1000).as_bytes()).await.unwrap();
            encoder.shutdown().await.unwrap();
            let response = http::Response::builder().header("content-encoding", "gzip");
            Some(response.body(body(encoder.into_inner())).unwrap())
        }
        "/not-gzip" => {
            let response = http::Response::builder().header("content-encoding", "gzip");
            Some(response.body(body("this is not gzip")).unwrap())
        }
        "/nothing" => None,
        _ => respond(404, "not here".into()),
    }
}

/// A bench whose server serves the site on 443 and 80, and options that trust it.
fn site_bench() -> (Bench, Options) {
    let mut bench = Bench::new().with_dns();
    let (ca, identity) = identity("example.test");
    let server = bench.server.clone();
    bench.run(async move {
        for (port, identity) in [(443, Some(identity)), (80, None)] {
            for at in Bench::server_addresses(port) {
                let listener = TcpListener::bind(&server, at).await.unwrap();
                let config = Config { identity: identity.clone(), ..Config::default() };
                serve(&server, listener, config, Arc::new(site)).unwrap();
            }
        }
    });
    let tls = tls::client::Options { roots: Roots::Certificates(vec![ca]), ..Default::default() };
    (bench, Options { tls, ..Options::default() })
}

/// Fetches `url` to its end; gives the response and its body as text.
fn get(bench: &mut Bench, url: &str, options: Options) -> Result<(Response, String), FetchError> {
    send(bench, Request::get(url)?, options)
}

fn send(bench: &mut Bench, request: Request, options: Options) -> Result<(Response, String), FetchError> {
    let host = bench.client.clone();
    bench.run(async move {
        let mut response = fetch(&host, request, options).await?;
        let text = response.bytes().await?;
        Ok((response, String::from_utf8_lossy(&text).into_owned()))
    })
}
