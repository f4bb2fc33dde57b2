//! Options of `fathom get`: curl's, where curl has one.

use std::time::Duration;

use clap::{ArgAction, Args};

use super::data::Data;
use super::network::NetworkArgs;
use super::parse::seconds;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  fathom get https://example.com/ --via lab
  fathom get https://example.com/ --via lab --loss 2% --delay 40ms --seed 7
  fathom get https://example.com/bytes/100000 --via lab --rate down:5mbit -O --write out.pcapng
  fathom get http://192.0.2.1/ --via tap:tap0 --address 192.0.2.2/24";

/// The exit codes as a part of the help.
fn exit_codes() -> String {
    let lines = Exit::TABLE.iter().map(|(exit, meaning)| format!("  {:2} {}", exit.code(), meaning.trim()));
    format!("Exit codes (curl's):\n{}", lines.collect::<Vec<_>>().join("\n"))
}

/// Fetch a URL, and show where the time went
///
/// The body goes to standard output. A waterfall goes to standard error: a row for each phase with its
/// layer, its milliseconds and the reason for them, made from the records of the stack that sent and
/// received each frame.
///
/// Options, -w names and exit codes are curl's.
#[derive(Args, Debug)]
#[command(args_override_self = true)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit_codes()))]
pub(crate) struct GetArgs {
    /// What to fetch; http:// if it has no scheme
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// Request method (GET, or what other options imply)
    #[arg(short = 'X', long, value_name = "METHOD", allow_hyphen_values = true)]
    #[arg(help_heading = "Request")]
    pub(crate) request: Option<String>,

    /// Add a header; 'Name:' removes one, 'Name;' sends it empty, @FILE reads a file
    #[arg(short = 'H', long, value_name = "HEADER", allow_hyphen_values = true, action = ArgAction::Append)]
    #[arg(help_heading = "Request")]
    pub(crate) header: Vec<String>,

    #[command(flatten)]
    pub(crate) data: Data,

    /// Put the data of -d into the URL, and send GET
    #[arg(short = 'G', long, help_heading = "Request")]
    pub(crate) get: bool,

    /// Ask for the headers only (HEAD), and show them
    #[arg(short = 'I', long, help_heading = "Request")]
    pub(crate) head: bool,

    /// User and password for Basic authentication
    #[arg(short = 'u', long, value_name = "USER:PASSWORD", allow_hyphen_values = true)]
    #[arg(help_heading = "Request")]
    pub(crate) user: Option<String>,

    /// Value of the User-Agent header; '' sends none
    #[arg(short = 'A', long, value_name = "NAME", allow_hyphen_values = true, help_heading = "Request")]
    pub(crate) user_agent: Option<String>,

    /// Value of the Referer header
    #[arg(short = 'e', long, value_name = "URL", allow_hyphen_values = true, help_heading = "Request")]
    pub(crate) referer: Option<String>,

    /// Ask for a part of the body: 0-99, 100-, -100
    #[arg(short = 'r', long, value_name = "RANGE", allow_hyphen_values = true, help_heading = "Request")]
    pub(crate) range: Option<String>,

    /// Ask for a compressed body (gzip, br, zstd), and decompress it
    #[arg(long, help_heading = "Request")]
    pub(crate) compressed: bool,

    /// Follow redirects
    #[arg(short = 'L', long, help_heading = "Request")]
    pub(crate) location: bool,

    /// Most redirects to follow with -L; -1 for no limit
    #[arg(long, value_name = "N", default_value_t = 50, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(i64).range(-1..), help_heading = "Request")]
    pub(crate) max_redirs: i64,

    /// Write the body to FILE; - for standard output
    #[arg(short, long, value_name = "FILE", conflicts_with = "remote_name", help_heading = "Output")]
    pub(crate) output: Option<String>,

    /// Write the body to a file named like the last part of the URL's path
    #[arg(short = 'O', long, help_heading = "Output")]
    pub(crate) remote_name: bool,

    /// Show the response's headers before the body
    #[arg(short, long, visible_alias = "show-headers", help_heading = "Output")]
    pub(crate) include: bool,

    /// Write the response's headers to FILE; - for standard output
    #[arg(short = 'D', long, value_name = "FILE", help_heading = "Output")]
    pub(crate) dump_header: Option<String>,

    /// Fail (22) without a body when the status is 400 or above
    #[arg(short, long, help_heading = "Output", overrides_with = "fail_with_body")]
    pub(crate) fail: bool,

    /// Fail (22) when the status is 400 or above, but give the body
    #[arg(long, help_heading = "Output")]
    pub(crate) fail_with_body: bool,

    /// Show neither waterfall nor errors, but those of the command line (2)
    #[arg(short, long, help_heading = "Output")]
    pub(crate) silent: bool,

    /// Show errors in spite of -s
    #[arg(short = 'S', long, help_heading = "Output")]
    pub(crate) show_error: bool,

    /// Show what happens: -v headers, -vv with times and layers, -vvv with data, -vvvv each frame
    ///
    /// -v: connection and headers ('*' what happens, '>' sent, '<' received).
    /// -vv: with the time of each line since the start.
    /// -vvv: with the body's data ('{' received, '}' sent).
    /// -vvvv: with each frame as nested layers, and why it was sent.
    #[arg(short, long, action = ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,

    /// After the transfer write FORMAT to standard output, with %{names} filled in; @FILE reads it
    ///
    /// Names and meaning are curl's: times are seconds since the start, sizes are bytes. \n, \r and \t are line
    /// end, return and tab, %% is a percent sign. The names are time_namelookup, time_connect, time_appconnect,
    /// time_pretransfer, time_posttransfer, time_starttransfer, time_redirect, time_total, content_type, errormsg,
    /// exitcode, filename_effective, header_json, http_code, http_version, json, local_ip, local_port, method,
    /// num_certs, num_connects, num_headers, num_redirects, onerror, redirect_url, referer, remote_ip, remote_port,
    /// response_code, scheme, size_download, size_header, size_request, size_upload, speed_download, speed_upload,
    /// ssl_verify_result, stderr, stdout, url and url_effective; besides %header{NAME} and %output{FILE}.
    #[arg(short, long, value_name = "FORMAT", allow_hyphen_values = true, help_heading = "Output")]
    pub(crate) write_out: Option<String>,

    /// Use IPv4 only
    #[arg(short = '4', long, overrides_with = "ipv6", help_heading = "Connection")]
    pub(crate) ipv4: bool,

    /// Use IPv6 only
    #[arg(short = '6', long, overrides_with = "ipv4", help_heading = "Connection")]
    pub(crate) ipv6: bool,

    /// Give up after that many seconds; 0 for no limit
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds, allow_hyphen_values = true)]
    #[arg(help_heading = "Connection")]
    pub(crate) max_time: Option<Duration>,

    /// Give up when there is no connection after that many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_hyphen_values = true)]
    #[arg(help_heading = "Connection")]
    pub(crate) connect_timeout: Option<Duration>,

    /// Take any certificate
    #[arg(short = 'k', long, help_heading = "Connection")]
    pub(crate) insecure: bool,

    /// Trust the certificate authorities of this PEM file, and no others
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub(crate) cacert: Option<String>,

    /// Use HTTP/1.1
    #[arg(long = "http1.1", overrides_with_all = ["http2", "http2_prior_knowledge"])]
    #[arg(help_heading = "Connection")]
    pub(crate) http1_1: bool,

    /// Use HTTP/2 where the server has it (with https this is tried anyway)
    #[arg(long = "http2", overrides_with_all = ["http1_1", "http2_prior_knowledge"])]
    #[arg(help_heading = "Connection")]
    pub(crate) http2: bool,

    /// Use HTTP/2 without asking, with http:// too
    #[arg(long = "http2-prior-knowledge", overrides_with_all = ["http1_1", "http2"])]
    #[arg(help_heading = "Connection")]
    pub(crate) http2_prior_knowledge: bool,

    /// Use TLS 1.2 or newer
    #[arg(long = "tlsv1.2", overrides_with = "tlsv1_3", help_heading = "Connection")]
    pub(crate) tlsv1_2: bool,

    /// Use TLS 1.3 or newer
    #[arg(long = "tlsv1.3", overrides_with = "tlsv1_2", help_heading = "Connection")]
    pub(crate) tlsv1_3: bool,

    /// Newest TLS version to use
    #[arg(long, value_name = "VERSION", help_heading = "Connection")]
    pub(crate) tls_max: Option<TlsMax>,

    /// Use this address for a host (* for every host) instead of DNS; IP,IP... for several
    #[arg(long, value_name = "HOST:PORT:IP", action = ArgAction::Append)]
    #[arg(help_heading = "Connection")]
    pub(crate) resolve: Vec<String>,

    #[command(flatten)]
    pub(crate) network: NetworkArgs,

    /// Write phases, causes and facts of HTTP and TCP as JSON; - for standard output
    ///
    /// total_ms: from start to end. phases: the rows of the waterfall (layer, name, start_ms, ms, reason). causes: what
    /// the time went to, summed over the phases (name, ms). http: version and status of the last
    /// response. tcp: round trip, segments, retransmits, MSS and congestion control of the last connection. http and
    /// tcp are null where it did not come to that.
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(crate) json_report: Option<String>,

    /// Write the waterfall as an SVG picture; - for standard output
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(crate) svg: Option<String>,
}

/// The newest TLS version to offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum TlsMax {
    /// TLS 1.2.
    #[value(name = "1.2")]
    V1_2,
    /// TLS 1.3.
    #[value(name = "1.3", alias = "default")]
    V1_3,
}
