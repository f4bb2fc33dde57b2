//! Options of `fathom sockets`.

use std::path::PathBuf;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  fathom sockets
  fathom sockets -t --control /run/fathom.sock
  fathom sockets --metrics > /var/lib/node_exporter/fathom.prom

Exit codes:
   0 everything was shown
   2 the command line does not make sense
   7 nobody answers at the control socket
  23 output could not be written
  56 the answer broke off or is not understood";

/// Show the sockets of a running fathom serve, like ss -ti
///
/// A line for each socket: protocol, state, bytes that wait to be read and to be acknowledged (for a
/// listener: connections that wait, and at most), both ends. Below a connection, what TCP knows of it, by the names
/// of ss: times in milliseconds, sizes in bytes, cwnd and ssthresh in segments.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SocketsArgs {
    /// The control socket, as fathom serve prints it (found by itself when there is one)
    #[arg(long, value_name = "PATH")]
    pub(crate) control: Option<PathBuf>,

    /// TCP only
    #[arg(short, long)]
    pub(crate) tcp: bool,

    /// UDP only
    #[arg(short, long)]
    pub(crate) udp: bool,

    /// Listeners only
    #[arg(short, long)]
    pub(crate) listening: bool,

    /// Show what is counted instead: frames, drops for each reason, sockets by state, requests
    #[arg(long, conflicts_with_all = ["tcp", "udp", "listening", "metrics"])]
    pub(crate) counters: bool,

    /// Show what is counted as OpenMetrics text
    #[arg(long, conflicts_with_all = ["tcp", "udp", "listening", "json"])]
    pub(crate) metrics: bool,

    /// Show one JSON object: version (1), and sockets or the counters
    #[arg(long)]
    pub(crate) json: bool,
}
