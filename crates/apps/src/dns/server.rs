//! A name server with its zone in memory, over UDP and TCP.
//!
//! Zones and answers are hickory's `Catalog`; the two loops are ours, since hickory's server opens the
//! operating system's sockets.

mod reply;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fathom_net::{Host, TcpListener, TcpStream, UdpSocket};
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_proto::rr::rdata::{A, AAAA, CNAME, SOA};
use hickory_proto::rr::{Name, RData, Record};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use reply::{Transport, answer};

/// TCP connections served at once; more are closed at once, and the client asks again.
const MAX_CONNECTIONS: usize = 64;
/// How long a TCP connection may be silent (RFC 7766 6.2.3 leaves it to the server).
const IDLE: Duration = Duration::from_secs(10);

/// Why a zone cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ZoneError {
    /// A name that DNS cannot carry.
    #[error("{name} is not a domain name: {why}")]
    InvalidName {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A name that does not belong to the zone, or a record that contradicts another one.
    #[error("the zone {origin} does not take a record for {name}")]
    Rejected {
        /// The zone.
        origin: String,
        /// The name.
        name: String,
    },
}

/// The records of one zone.
///
/// The root zone (`.`) answers for every name: what it does not hold does not exist.
#[derive(Clone, Debug)]
pub struct Zone {
    origin: Name,
    records: Vec<Record>,
}

impl Zone {
    /// An empty zone below `origin`.
    ///
    /// # Errors
    /// [`ZoneError::InvalidName`] when `origin` is no domain name.
    pub fn new(origin: &str) -> Result<Zone, ZoneError> {
        Ok(Zone { origin: parse(origin)?, records: Vec::new() })
    }

    /// Adds an address of `name`, to be kept for `ttl` seconds.
    ///
    /// # Errors
    /// [`ZoneError::InvalidName`] when `name` is no domain name.
    pub fn address(mut self, name: &str, address: IpAddr, ttl: u32) -> Result<Zone, ZoneError> {
        let data = match address {
            IpAddr::V4(address) => RData::A(A(address)),
            IpAddr::V6(address) => RData::AAAA(AAAA(address)),
        };
        self.records.push(Record::from_rdata(parse(name)?, ttl, data));
        Ok(self)
    }

    /// Makes `name` an alias of `target`.
    ///
    /// # Errors
    /// [`ZoneError::InvalidName`] when one of them is no domain name.
    pub fn alias(mut self, name: &str, target: &str, ttl: u32) -> Result<Zone, ZoneError> {
        self.records.push(Record::from_rdata(parse(name)?, ttl, RData::CNAME(CNAME(parse(target)?))));
        Ok(self)
    }

    fn into_catalog(self) -> Result<Catalog, ZoneError> {
        let Zone { origin, records } = self;
        let mut zone = InMemoryZoneHandler::<TokioRuntimeProvider>::empty(
            origin.clone(),
            ZoneType::Primary,
            AxfrPolicy::Deny,
        );
        // Serial, refresh, retry, expire, and the time a "does not exist" may be kept (RFC 2308 5).
        let soa = SOA::new(origin.clone(), origin.clone(), 1, 3600, 600, 86400, 60);
        let soa = Record::from_rdata(origin.clone(), 3600, RData::SOA(soa));
        for record in std::iter::once(soa).chain(records) {
            let name = record.name.to_string();
            if !zone.upsert_mut(record, 1) {
                return Err(ZoneError::Rejected { origin: origin.to_string(), name });
            }
        }
        let mut catalog = Catalog::new();
        catalog.upsert((&origin).into(), vec![Arc::new(zone)]);
        Ok(catalog)
    }
}

fn parse(name: &str) -> Result<Name, ZoneError> {
    let mut parsed = Name::from_ascii(name)
        .map_err(|error| ZoneError::InvalidName { name: name.into(), why: error.to_string() })?;
    parsed.set_fqdn(true);
    Ok(parsed)
}

/// A name server.
#[derive(Clone)]
pub struct DnsServer {
    catalog: Arc<Catalog>,
}

impl std::fmt::Debug for DnsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DnsServer").finish_non_exhaustive()
    }
}

impl DnsServer {
    /// Answers from `zone`, as a recursive resolver would.
    ///
    /// # Errors
    /// [`ZoneError::Rejected`] when a record does not fit the zone.
    pub fn new(zone: Zone) -> Result<DnsServer, ZoneError> {
        Ok(DnsServer { catalog: Arc::new(zone.into_catalog()?) })
    }

    /// Starts answering at `at`, on UDP and TCP, as tasks of the host.
    ///
    /// # Errors
    /// What binding the two sockets brings.
    pub async fn start(&self, host: &Host, at: SocketAddr) -> io::Result<()> {
        let socket = UdpSocket::bind(host, at).await?;
        let listener = TcpListener::bind(host, at).await?;
        host.spawn(serve_udp(socket, self.clone()));
        host.spawn(serve_tcp(host.clone(), listener, self.clone()));
        Ok(())
    }
}

async fn serve_udp(socket: UdpSocket, server: DnsServer) {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        // An error here is an ICMP error for an earlier answer: its client has gone.
        let Ok((len, from)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(answer) = answer(&server.catalog, &buffer[..len], from, Transport::Udp).await {
            // A client whose answer cannot be sent asks again.
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

async fn serve_tcp(host: Host, listener: TcpListener, server: DnsServer) {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let Ok((stream, from)) = listener.accept().await else { return };
        if open.load(Ordering::Relaxed) >= MAX_CONNECTIONS {
            continue;
        }
        open.fetch_add(1, Ordering::Relaxed);
        let (host_of_task, server, open) = (host.clone(), server.clone(), open.clone());
        host.spawn(async move {
            // What breaks a connection is the client's to notice.
            let _ = serve_connection(&host_of_task, stream, from, &server).await;
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// Messages behind two bytes of length each, until the client closes (RFC 1035 4.2.2).
async fn serve_connection(
    host: &Host,
    mut stream: TcpStream,
    from: SocketAddr,
    server: &DnsServer,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let mut question = Vec::new();
        let read = async {
            let len = stream.read_u16().await?;
            question.resize(usize::from(len), 0);
            stream.read_exact(&mut question).await.map(drop)
        };
        host.timeout(IDLE, Box::pin(read)).await.map_err(io::Error::other)??;
        let Some(answer) = answer(&server.catalog, &question, from, Transport::Tcp).await else {
            return Ok(());
        };
        let len = u16::try_from(answer.len()).map_err(io::Error::other)?;
        let framed = [&len.to_be_bytes()[..], &answer].concat();
        host.timeout(IDLE, Box::pin(stream.write_all(&framed))).await.map_err(io::Error::other)??;
    }
}
