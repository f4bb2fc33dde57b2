//! One question to the servers, until one of them answers.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use fathom_net::{Host, TcpStream, UdpSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::message::{Addresses, Question, Reading, UDP_PAYLOAD};
use super::{ResolveError, Settings};

/// A server, while one question is put to it.
///
/// Its socket stays open over the rounds, so that a late answer still counts. Each question has a
/// port of its own (RFC 5452 9.2).
struct Asked {
    server: SocketAddr,
    id: u16,
    message: Vec<u8>,
    socket: Option<UdpSocket>,
    failure: Option<ResolveError>,
}

impl Asked {
    async fn send(&mut self, host: &Host) -> io::Result<()> {
        let socket = match &self.socket {
            Some(socket) => socket.clone(),
            None => {
                let any: SocketAddr = match self.server {
                    SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                    SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
                };
                let socket = UdpSocket::bind(host, any).await?;
                // Connected: an ICMP error for this server becomes an error of the socket, at once.
                socket.connect(self.server)?;
                self.socket.insert(socket).clone()
            }
        };
        socket.send(&self.message).await.map(drop)
    }

    /// What has arrived for `question`; what is not its answer is skipped.
    fn poll_reply(&self, cx: &mut Context<'_>, question: &Question) -> Poll<io::Result<Reading>> {
        let Some(socket) = &self.socket else { return Poll::Pending };
        let mut buffer = [0; UDP_PAYLOAD as usize];
        loop {
            let Poll::Ready(received) = socket.poll_recv_from(cx, &mut buffer) else { return Poll::Pending };
            let (len, from) = received?;
            if (from.ip(), from.port()) == (self.server.ip(), self.server.port()) {
                match question.read(self.id, &buffer[..len]) {
                    Reading::Foreign => {}
                    reading => return Poll::Ready(Ok(reading)),
                }
            }
        }
    }
}

/// Puts `question` to `servers`; counts each message sent in `queries`.
pub(super) async fn ask(
    host: Host,
    servers: Arc<[SocketAddr]>,
    settings: Settings,
    question: Question,
    queries: Arc<AtomicU32>,
) -> Result<Addresses, ResolveError> {
    let name = name_of(&question);
    let mut asked = Vec::with_capacity(servers.len());
    for &server in servers.iter() {
        let id = host.random_u64() as u16;
        asked.push(Asked { server, id, message: question.message(id)?, socket: None, failure: None });
    }
    let mut wait = settings.first_wait;
    for _ in 0..settings.rounds {
        for current in 0..asked.len() {
            if asked[current].failure.is_some() {
                continue;
            }
            queries.fetch_add(1, Ordering::Relaxed);
            if let Err(cause) = asked[current].send(&host).await {
                asked[current].failure = Some(unreachable(&name, asked[current].server, cause));
                continue;
            }
            let Ok((index, reply)) = host.timeout(wait, reply(&asked, &question)).await else { continue };
            match settle(&host, &settings, &question, &asked[index], reply, &queries).await {
                Ok(addresses) => return Ok(addresses),
                Err(error) if is_definite(&error) => return Err(error),
                Err(error) => asked[index].failure = Some(error),
            }
        }
        wait *= 2;
    }
    let failures = asked.into_iter().filter_map(|server| server.failure);
    Err(match failures.fold(None, |one, other| Some(ResolveError::clearer(one, other))) {
        Some(failure) => failure,
        None if servers.is_empty() => ResolveError::NoResolver { name },
        None => ResolveError::NoAnswer { name, servers: servers.to_vec() },
    })
}

/// The next reply of any server that has not failed yet, in the order of the servers.
async fn reply(asked: &[Asked], question: &Question) -> (usize, io::Result<Reading>) {
    poll_fn(|cx| {
        for (index, server) in asked.iter().enumerate().filter(|(_, server)| server.failure.is_none()) {
            if let Poll::Ready(reply) = server.poll_reply(cx, question) {
                return Poll::Ready((index, reply));
            }
        }
        Poll::Pending
    })
    .await
}

/// What a reply means, after the TCP exchange that a cut one asks for.
async fn settle(
    host: &Host,
    settings: &Settings,
    question: &Question,
    asked: &Asked,
    reply: io::Result<Reading>,
    queries: &AtomicU32,
) -> Result<Addresses, ResolveError> {
    let (name, server) = (name_of(question), asked.server);
    let reply = match reply {
        Ok(Reading::Truncated) => {
            queries.fetch_add(1, Ordering::Relaxed);
            let exchange = pin!(over_tcp(host, question, asked));
            match host.timeout(settings.tcp_timeout, exchange).await {
                Ok(reply) => reply,
                Err(_) => return Err(ResolveError::NoAnswer { name, servers: vec![server] }),
            }
        }
        reply => reply,
    };
    match reply {
        Ok(Reading::Addresses(addresses)) => Ok(addresses),
        Ok(Reading::NoData) => Err(ResolveError::NoAddress { name, family: question.family, server }),
        Ok(Reading::NxDomain) => Err(ResolveError::NoSuchName { name, server }),
        Ok(Reading::Failure(code)) => {
            Err(ResolveError::ServerFailure { name, server, code: label(code).into() })
        }
        Ok(Reading::Truncated | Reading::Foreign) => {
            Err(ResolveError::ServerFailure { name, server, code: "a broken answer over TCP".into() })
        }
        Err(cause) => Err(unreachable(&name, server, cause)),
    }
}

/// The same question over TCP: two bytes of length before each message (RFC 1035 4.2.2).
async fn over_tcp(host: &Host, question: &Question, asked: &Asked) -> io::Result<Reading> {
    let mut stream = TcpStream::connect(host, asked.server).await?;
    stream.set_nodelay(true)?;
    let len = u16::try_from(asked.message.len()).map_err(io::Error::other)?;
    let mut framed = len.to_be_bytes().to_vec();
    framed.extend_from_slice(&asked.message);
    stream.write_all(&framed).await?;
    let len = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(len)];
    stream.read_exact(&mut answer).await?;
    Ok(question.read(asked.id, &answer))
}

/// Whether other servers need not be asked any more.
fn is_definite(error: &ResolveError) -> bool {
    matches!(error, ResolveError::NoSuchName { .. } | ResolveError::NoAddress { .. })
}

fn unreachable(name: &str, server: SocketAddr, cause: io::Error) -> ResolveError {
    ResolveError::Unreachable { name: name.into(), server, cause: Arc::new(cause) }
}

fn name_of(question: &Question) -> String {
    question.name.to_string().trim_end_matches('.').to_owned()
}

/// The response code as the RFCs and `dig` spell it.
fn label(code: hickory_proto::op::ResponseCode) -> &'static str {
    use hickory_proto::op::ResponseCode;
    match code {
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        other => other.to_str(),
    }
}
