//! Options of `fathom ping`: those of ping (iputils).

use std::time::Duration;

use clap::Args;

use super::network::NetworkArgs;
use super::parse::seconds;

/// Ask a host for echoes, and time them
///
/// Options, lines and exit codes are those of ping (iputils): 0 when there were replies, 1 when there was
/// none (or fewer than -c before -w ran out), 2 for other errors.
#[derive(Args, Debug)]
#[command(args_override_self = true)]
#[command(after_help = "\
Examples:
  fathom ping example.com --via lab -c 3
  fathom ping -6 example.com --via lab -c 10 -i 0.2 --loss 10%")]
pub(crate) struct PingArgs {
    /// A name or an address
    #[arg(value_name = "HOST")]
    pub(crate) host: String,

    /// Stop after that many requests
    #[arg(short, long = "count", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Seconds between requests
    #[arg(short, long = "interval", value_name = "SECONDS", value_parser = seconds, default_value = "1")]
    #[arg(allow_hyphen_values = true)]
    pub(crate) interval: Duration,

    /// Bytes of data in each request
    #[arg(short, long = "size", value_name = "BYTES", default_value_t = 56)]
    #[arg(value_parser = clap::value_parser!(u16).range(..=65_507))]
    pub(crate) size: u16,

    /// Seconds to wait for the replies to the last requests
    #[arg(short = 'W', long = "timeout", value_name = "SECONDS", value_parser = seconds)]
    #[arg(allow_hyphen_values = true)]
    pub(crate) timeout: Option<Duration>,

    /// Stop after that many seconds, however many were sent or answered
    #[arg(short = 'w', long = "deadline", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) deadline: Option<u32>,

    /// Time to live (hop limit) of the requests
    #[arg(short = 't', long = "ttl", value_name = "HOPS", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) ttl: Option<u8>,

    /// Use IPv4
    #[arg(short = '4', long = "ipv4", conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,

    /// Use IPv6
    #[arg(short = '6', long = "ipv6")]
    pub(crate) ipv6: bool,

    /// Show addresses, not names
    #[arg(short = 'n', long = "numeric")]
    pub(crate) numeric: bool,

    /// Show the first and the last lines only
    #[arg(short, long = "quiet")]
    pub(crate) quiet: bool,

    /// Put the time (seconds since 1970) before each line
    #[arg(short = 'D', long = "timestamps")]
    pub(crate) timestamps: bool,

    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}
