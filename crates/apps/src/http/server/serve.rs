//! Connections and what is spoken on them.

use std::error::Error;
use std::io;
use std::sync::Arc;

use fathom_net::{Host, TcpListener, TcpStream};
use http::header::{DATE, HeaderValue};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::server::TlsStream;

use super::conduit::Conduit;
use super::exchange::{Account, Event, Observer, RequestBody};
use super::head_first::HeadFirst;
use super::watch::{Activity, Server, guarded};
use super::{Agreed, Handler, Limits, Peer, Response};
use crate::http::date::imf_fixdate;
use crate::http::runtime::{HostExecutor, HostTimer};

/// Windows that let the TCP window, which is tuned, be the one that limits an upload.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// The least that hyper takes for the head of a request.
const MIN_HEAD_BYTES: usize = 8192;

/// What all connections of a server share.
pub(super) struct Common {
    pub(super) host: Host,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) limits: Limits,
    pub(super) observer: Option<Observer>,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) server: Server,
}

impl Common {
    fn tell(&self, event: Event<'_>) {
        if let Some(observer) = &self.observer {
            observer.tell(&event);
        }
    }
}

pub(super) async fn accept(listener: TcpListener, common: Arc<Common>) {
    let accepting = async {
        // Accepted first: a listener that waits for a connection must keep no place from the others.
        while let Ok((stream, _)) = listener.accept().await {
            let Some(place) = common.server.place().await else { return };
            common.host.spawn(connection(Arc::clone(&common), stream, place));
        }
    };
    guarded(accepting, common.server.phase(), common.server.draining(), |_| {}).await;
}

async fn connection(common: Arc<Common>, stream: TcpStream, place: OwnedSemaphorePermit) {
    let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else { return };
    let _open = common.server.count();
    let mut peer = Peer { flow: stream.flow(), remote, local, tls: None };
    let activity = Arc::new(Activity::new(common.observer.is_some()));
    let conduit = Conduit::new(stream, Arc::clone(&activity), common.server.clone(), place);
    // What breaks a connection is the client's to notice, and the observer's to tell.
    let establishing = establish(&common, conduit, &mut peer);
    let ready = guarded(establishing, common.server.phase(), common.server.draining(), |_| {}).await;
    let ready = ready.unwrap_or_else(|| Err(io::Error::other("the server ends")));
    let (stream, h2) = match ready {
        Ok(ready) => ready,
        Err(error) => {
            common.tell(Event::NotConnected { peer: &peer, error: &error.to_string() });
            return;
        }
    };
    let peer = Arc::new(peer);
    common.tell(Event::Connected { peer: &peer });
    let reason = match stream {
        Ready::Plain(stream) => speak(&common, &peer, &activity, stream, h2).await,
        Ready::Tls(stream) => speak(&common, &peer, &activity, *stream, h2).await,
    };
    let info = activity.take_info();
    common.tell(Event::Closed { peer: &peer, reason: reason.as_deref(), info: info.as_ref() });
}

/// A connection that is ready for requests.
enum Ready {
    Plain(Conduit),
    Tls(Box<TlsStream<Conduit>>),
}

/// Finds out what is to be spoken; the answer says whether it is HTTP/2.
async fn establish(common: &Common, mut conduit: Conduit, peer: &mut Peer) -> io::Result<(Ready, bool)> {
    conduit.set_nodelay()?;
    let limit = common.limits.head_timeout;
    let Some(tls) = &common.tls else {
        let beginning = Box::pin(conduit.begins_http2());
        let h2 = common.host.timeout(limit, beginning).await.map_err(|_| silent("sent no request"))??;
        return Ok((Ready::Plain(conduit), h2));
    };
    let accepting = Box::pin(crate::tls::server::accept(Arc::clone(tls), conduit));
    let stream = common.host.timeout(limit, accepting).await.map_err(|_| silent("did not finish TLS"))??;
    let session = stream.get_ref().1;
    peer.tls = Some(Agreed::of(session));
    let h2 = session.alpn_protocol() == Some(b"h2");
    Ok((Ready::Tls(Box::new(stream)), h2))
}

fn silent(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("the client {what} in time"))
}

/// Answers requests until the connection ends; says why, if it did not end in order.
async fn speak<S>(
    common: &Arc<Common>,
    peer: &Arc<Peer>,
    activity: &Arc<Activity>,
    stream: S,
    h2: bool,
) -> Option<String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = {
        let (common, peer, activity) = (Arc::clone(common), Arc::clone(peer), Arc::clone(activity));
        service_fn(move |request| {
            answer(Arc::clone(&common), Arc::clone(&peer), Arc::clone(&activity), request)
        })
    };
    let Limits { head_timeout, idle_timeout, head_bytes, streams, .. } = common.limits;
    let (host, phase) = (&common.host, common.server.phase());
    let (stream, timer) = (TokioIo::new(stream), HostTimer::new(host.clone()));
    let idle = activity.idle(host, idle_timeout);
    let ended = if h2 {
        let connection = http2::Builder::new(HostExecutor(host.clone()))
            .timer(timer)
            .auto_date_header(false)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(streams)
            .max_header_list_size(u32::try_from(head_bytes).unwrap_or(u32::MAX))
            .serve_connection(stream, service);
        guarded(connection, phase, idle, |connection| connection.graceful_shutdown()).await
    } else {
        let connection = http1::Builder::new()
            .timer(timer)
            .auto_date_header(false)
            .title_case_headers(true)
            // A client may end its side after its request; only then it waits for the answer.
            .half_close(true)
            .header_read_timeout(head_timeout)
            .max_header_size(head_bytes)
            .max_buf_size(head_bytes.max(MIN_HEAD_BYTES))
            .serve_connection(stream, service);
        guarded(connection, phase, idle, |connection| connection.graceful_shutdown()).await
    };
    match ended {
        None => Some("idle for too long, or the server ends".into()),
        Some(Ok(())) => None,
        Some(Err(error)) => Some(match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }),
    }
}

/// The connection is to be closed without a response.
#[derive(Debug, thiserror::Error)]
#[error("closed without a response")]
struct NoResponse;

async fn answer(
    common: Arc<Common>,
    peer: Arc<Peer>,
    activity: Arc<Activity>,
    request: http::Request<Incoming>,
) -> Result<Response, NoResponse> {
    let (head, incoming) = request.into_parts();
    let (body, received) = RequestBody::new(incoming);
    let mut request = http::Request::from_parts(head, body);
    let account = common
        .observer
        .as_ref()
        .map(|observer| Account::open(observer.clone(), &common.host, &peer, &request, received));
    request.extensions_mut().insert(Arc::unwrap_or_clone(peer));
    let host = common.host.clone();
    let at_work = activity.handler();
    let mut response = Arc::clone(&common.handler).handle(host, request).await.ok_or(NoResponse)?;
    drop(at_work);
    // RFC 9110 6.6.1, by the world's clock.
    if let Ok(date) = HeaderValue::try_from(imf_fixdate(common.host.wall_clock())) {
        response.headers_mut().entry(DATE).or_insert(date);
    }
    let response = match account {
        Some(account) => account.follow(response),
        None => response,
    };
    Ok(response.map(HeadFirst::wrap))
}
