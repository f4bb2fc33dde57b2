//! Connections and what is spoken on them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use fathom_net::{Host, TcpListener, TcpStream};
use http::header::{DATE, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;

use super::head_first::HeadFirst;
use super::{Handler, Limits, Request, Response};
use crate::http::date::imf_fixdate;
use crate::http::runtime::{HostExecutor, HostTimer};

/// Windows that let the TCP window, which is tuned, be the one that limits an upload.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

pub(super) async fn accept(
    host: Host,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    limits: Limits,
    handler: Arc<dyn Handler>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        // The semaphore is never closed.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { return };
        let (task_host, tls, limits, handler) = (host.clone(), tls.clone(), limits.clone(), handler.clone());
        host.spawn(async move {
            // What breaks a connection is the client's to notice.
            let _ = connection(task_host, stream, tls, limits, handler).await;
            drop(place);
        });
    }
}

async fn connection(
    host: Host,
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    limits: Limits,
    handler: Arc<dyn Handler>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(tls) = tls else {
        let beginning = Box::pin(begins_http2(&host, &stream));
        let h2 = host.timeout(limits.head_timeout, beginning).await.map_err(io::Error::other)??;
        return speak(host, stream, h2, limits, handler).await.map_err(io::Error::other);
    };
    let accepting = Box::pin(crate::tls::server::accept(tls, stream));
    let stream = host.timeout(limits.head_timeout, accepting).await.map_err(io::Error::other)??;
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    speak(host, stream, h2, limits, handler).await.map_err(io::Error::other)
}

/// Whether the client begins as HTTP/2 does (RFC 9113 3.4): no other method begins with `PRI`.
async fn begins_http2(host: &Host, stream: &TcpStream) -> io::Result<bool> {
    const BEGINNING: &[u8] = b"PRI";
    let mut seen = [0; BEGINNING.len()];
    loop {
        let len = stream.peek(&mut seen).await?;
        if len == 0 || seen[..len] != BEGINNING[..len] {
            return Ok(false);
        }
        if len == BEGINNING.len() {
            return Ok(true);
        }
        // Cut within three bytes: only time tells.
        host.sleep(Duration::from_millis(1)).await;
    }
}

async fn speak<S>(
    host: Host,
    stream: S,
    h2: bool,
    limits: Limits,
    handler: Arc<dyn Handler>,
) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = {
        let host = host.clone();
        service_fn(move |request: Request| answer(host.clone(), handler.clone(), request))
    };
    let (stream, timer) = (TokioIo::new(stream), HostTimer::new(host.clone()));
    if h2 {
        http2::Builder::new(HostExecutor(host))
            .timer(timer)
            .auto_date_header(false)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(limits.streams)
            .serve_connection(stream, service)
            .await
    } else {
        http1::Builder::new()
            .timer(timer)
            .auto_date_header(false)
            .title_case_headers(true)
            .header_read_timeout(limits.head_timeout)
            .serve_connection(stream, service)
            .await
    }
}

/// The connection is to be closed without a response.
#[derive(Debug, thiserror::Error)]
#[error("closed without a response")]
struct NoResponse;

async fn answer(host: Host, handler: Arc<dyn Handler>, request: Request) -> Result<Response, NoResponse> {
    let mut response = handler.handle(host.clone(), request).await.ok_or(NoResponse)?;
    // RFC 9110 6.6.1, by the world's clock.
    if let Ok(date) = HeaderValue::try_from(imf_fixdate(host.wall_clock())) {
        response.headers_mut().entry(DATE).or_insert(date);
    }
    Ok(response.map(HeadFirst::wrap))
}
