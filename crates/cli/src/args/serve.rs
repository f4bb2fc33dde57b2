//! Options of `fathom serve`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgAction, Args};
use fathom_impair::ByteCount;

use super::network::NetworkArgs;
use super::parse::seconds;
use crate::exit::Exit;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  fathom serve . --via tap:tap0 --address 192.0.2.2/24
  fathom serve /srv --via tun:tun0 --address 192.0.2.2/24 --https 443 --name www.example --ca-out ca.pem
  fathom serve . --via tap:tap0 --address 192.0.2.2/24 --upload --loss 1% --delay 20ms
  curl --cacert ca.pem https://192.0.2.2/        curl -T FILE http://192.0.2.2/

Exit codes:
   0 ended by SIGINT or SIGTERM
   2 the command line does not make sense
  23 output could not be written
  26 the folder, a certificate or a key could not be read
  45 the interface could not be used, or it went away";

/// Where to listen: a port at all addresses of the host, or at one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// `None`: all of them.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = |port: u16| if port == 0 { None } else { Some(port) };
        if let Some(port) = text.parse().ok().and_then(port) {
            return Ok(Place { address: None, port });
        }
        if let Ok(at) = text.parse::<SocketAddr>()
            && let Some(port) = port(at.port())
        {
            return Ok(Place { address: Some(at.ip()), port });
        }
        Err("expected PORT or ADDRESS:PORT, such as 80, 192.0.2.2:8080 or [2001:db8::2]:80".into())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => SocketAddr::new(address, self.port).fmt(f),
            None => self.port.fmt(f),
        }
    }
}

/// Serve a folder over HTTP, from a host of its own
///
/// HTTP/1.1 and HTTP/2, in the clear and over TLS, with byte ranges, conditional requests, index pages, lists
/// and, if wanted, uploads. Each request is a line on standard output: time, client, request, status, bytes
/// and milliseconds.
///
/// Names that begin with a dot are neither served nor listed nor written, except .well-known; symbolic links
/// that lead out of the folder are refused. SIGINT or SIGTERM ends the server when the requests that have
/// begun are answered; a second one ends it at once.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// The folder
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,

    /// Listen for HTTP here; may be repeated (80, unless there is --https)
    ///
    /// PORT is at all addresses of the host, ADDRESS:PORT at one. Both HTTP/1.1 and HTTP/2 (by prior knowledge) are
    /// answered.
    #[arg(long, value_name = "[ADDRESS:]PORT", action = ArgAction::Append, help_heading = "Listening")]
    pub(crate) http: Vec<Place>,

    /// Listen for HTTP over TLS here; may be repeated
    ///
    /// TLS 1.3 and 1.2, with HTTP/2 or HTTP/1.1 by ALPN. Without --cert a certificate is made for the names of --name
    /// and all addresses of the host, with an authority of its own that --ca-out writes to a file.
    #[arg(long, value_name = "[ADDRESS:]PORT", action = ArgAction::Append, help_heading = "Listening")]
    pub(crate) https: Vec<Place>,

    /// The server's certificate and those that lead to its authority, in PEM
    #[arg(long, value_name = "FILE", requires = "key", requires = "https", help_heading = "Listening")]
    pub(crate) cert: Option<PathBuf>,

    /// The key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "Listening")]
    pub(crate) key: Option<PathBuf>,

    /// A name of this server, for the certificate that is made; may be repeated
    #[arg(long, value_name = "NAME", action = ArgAction::Append, conflicts_with = "cert", requires = "https")]
    #[arg(help_heading = "Listening")]
    pub(crate) name: Vec<String>,

    /// Write the authority of the certificate that is made, for curl --cacert
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "cert",
        requires = "https",
        help_heading = "Listening"
    )]
    pub(crate) ca_out: Option<String>,

    /// Let clients write files by PUT or POST
    ///
    /// A file takes its place when all of it has come: readers see the old one or the new one. If-None-Match: *
    /// keeps a file that is there. An upload that breaks off leaves nothing; if fathom is killed meanwhile, a file
    /// .fathom-upload-* stays.
    #[arg(long, help_heading = "Files")]
    pub(crate) upload: bool,

    /// Largest file to take
    #[arg(long, value_name = "BYTES", default_value = "16GiB", requires = "upload", help_heading = "Files")]
    pub(crate) upload_limit: ByteCount,

    /// Do not list folders that have no index.html
    #[arg(long, help_heading = "Files")]
    pub(crate) no_list: bool,

    /// Serve names that begin with a dot like others
    #[arg(long, help_heading = "Files")]
    pub(crate) dotfiles: bool,

    /// Follow symbolic links out of the folder
    #[arg(long, help_heading = "Files")]
    pub(crate) follow_links: bool,

    /// Connections at once; more wait
    #[arg(long, value_name = "N", default_value_t = 1024, help_heading = "Limits")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_connections: u32,

    /// Seconds that a client may take for TLS and for the head of a request
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30", help_heading = "Limits")]
    pub(crate) head_timeout: Duration,

    /// Seconds that a connection may stand still
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "75", help_heading = "Limits")]
    pub(crate) idle_timeout: Duration,

    /// Seconds for the requests that have begun when the server is to end
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "10", help_heading = "Limits")]
    pub(crate) grace: Duration,

    /// Tell of connections too; -vv with the client's program, -vvvv with each frame (on standard error)
    #[arg(short, long, action = ArgAction::Count, help_heading = "Reports")]
    pub(crate) verbose: u8,

    /// Write no line for each request
    #[arg(short, long, conflicts_with = "json", help_heading = "Reports")]
    pub(crate) quiet: bool,

    /// Write each request as a line of JSON
    ///
    /// Members: version (1), time, connection, client, server, tls (null in the clear), protocol, method, target,
    /// status (null if the connection was closed instead), received and sent (bytes of the bodies), ms, complete,
    /// user_agent.
    #[arg(long, help_heading = "Reports")]
    pub(crate) json: bool,

    /// Where fathom sockets asks (a socket in $XDG_RUNTIME_DIR or among the temporary files)
    #[arg(long, value_name = "PATH", help_heading = "Reports")]
    pub(crate) control: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

impl ServeArgs {
    /// Refuses limits of no time at all.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`].
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let limits = [("--head-timeout", self.head_timeout), ("--idle-timeout", self.idle_timeout)];
        match limits.into_iter().find(|(_, limit)| limit.is_zero()) {
            Some((option, _)) => {
                Err(Failure::new(Exit::Usage, format!("{option} 0 closes every connection"))
                    .hint("say how many seconds a client may take"))
            }
            None => Ok(()),
        }
    }
}
