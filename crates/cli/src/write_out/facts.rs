//! What can be said about a transfer.

use std::net::SocketAddr;
use std::time::Duration;

use crate::exit::Exit;

/// Points in time of a transfer, in curl's meaning: from its start, each phase's end; over redirects the
/// sum of each hop's. Zero for what was not reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Times {
    /// The name was resolved.
    pub(crate) namelookup: Duration,
    /// TCP was connected.
    pub(crate) connect: Duration,
    /// TLS was negotiated.
    pub(crate) appconnect: Duration,
    /// The request was about to be sent.
    pub(crate) pretransfer: Duration,
    /// The request was sent.
    pub(crate) posttransfer: Duration,
    /// The first byte of the response had come.
    pub(crate) starttransfer: Duration,
    /// All hops before the last were done.
    pub(crate) redirect: Duration,
    /// Everything was done.
    pub(crate) total: Duration,
}

/// A transfer, as `-w` tells it.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// How it ended.
    pub(crate) exit: Exit,
    /// The message of an error.
    pub(crate) error: Option<String>,
    /// The URL as given.
    pub(crate) url: String,
    /// The URL that was fetched last.
    pub(crate) url_effective: String,
    /// Its scheme.
    pub(crate) scheme: Option<String>,
    /// The last request's method.
    pub(crate) method: String,
    /// The last request's Referer header.
    pub(crate) referer: Option<String>,
    /// The last response's version, as `1.1` or `2`.
    pub(crate) version: Option<&'static str>,
    /// The last response's status.
    pub(crate) status: u16,
    /// The last response's headers in their order.
    pub(crate) headers: Vec<(String, String)>,
    /// Where a redirect that was not followed would lead.
    pub(crate) redirect_url: Option<String>,
    /// Redirects that were followed.
    pub(crate) redirects: u64,
    /// Connections that were made.
    pub(crate) connects: u64,
    /// Our end of the last connection.
    pub(crate) local: Option<SocketAddr>,
    /// The peer's end of it.
    pub(crate) remote: Option<SocketAddr>,
    /// Certificates that the server sent.
    pub(crate) certificates: u64,
    /// Why its certificate is not good (the number of OpenSSL's X509_V_ERR), 0 if it is.
    pub(crate) verify_result: u64,
    /// Bytes of all responses' heads.
    pub(crate) header_bytes: u64,
    /// Bytes of all requests.
    pub(crate) request_bytes: u64,
    /// Bytes of the last response's body as it came.
    pub(crate) downloaded: u64,
    /// Bytes of the request's body.
    pub(crate) uploaded: u64,
    /// The file that the body went to.
    pub(crate) file: Option<String>,
    /// Points in time.
    pub(crate) times: Times,
}

impl Facts {
    /// A transfer of `url` of which nothing is known yet.
    pub(crate) fn new(url: &str, method: &str) -> Self {
        Facts {
            exit: Exit::Success,
            error: None,
            url: url.into(),
            url_effective: url.into(),
            scheme: None,
            method: method.into(),
            referer: None,
            version: None,
            status: 0,
            headers: Vec::new(),
            redirect_url: None,
            redirects: 0,
            connects: 0,
            local: None,
            remote: None,
            certificates: 0,
            verify_result: 0,
            header_bytes: 0,
            request_bytes: 0,
            downloaded: 0,
            uploaded: 0,
            file: None,
            times: Times::default(),
        }
    }

    /// The first header of the last response that has this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Bytes a second over the whole time, rounded down.
    pub(super) fn speed(&self, bytes: u64) -> u64 {
        let micros = self.times.total.as_micros().max(1);
        u64::try_from(u128::from(bytes) * 1_000_000 / micros).unwrap_or(u64::MAX)
    }
}
