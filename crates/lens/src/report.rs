//! The report of a request for programs.

use std::time::Duration;

use serde::Serialize;

use crate::waterfall::Waterfall;

/// The object of `--json-report`. Fields may be added to version 1; a change of meaning is a new version.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// [`Report::SCHEMA_VERSION`].
    pub schema_version: u32,
    /// From the start of the first hop to the end of the last, in milliseconds.
    pub total_ms: f64,
    /// The rows of the waterfall.
    pub phases: Vec<ReportPhase>,
    /// What the time was spent on over all phases, the longest first. They sum to the whole.
    pub causes: Vec<ReportCause>,
    /// The last response; `null` when none came.
    pub http: Option<HttpReport>,
    /// The last connection; `null` when none stood.
    pub tcp: Option<TcpReport>,
}

/// One row of the waterfall.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ReportPhase {
    /// `link`, `internet`, `transport` or `application`.
    pub layer: &'static str,
    /// `resolve`, `connect`, `handshake`, `request`, `server_think`, `response`, `gap`.
    pub name: &'static str,
    /// When it began, in milliseconds since the start.
    pub start_ms: f64,
    /// How long it took, in milliseconds.
    pub ms: f64,
    /// Why it took that long, for a person.
    pub reason: String,
}

/// The time spent on one kind of cause.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ReportCause {
    /// Its name, such as `round trips` or `loss`.
    pub name: &'static str,
    /// How long, in milliseconds.
    pub ms: f64,
}

/// What HTTP knows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct HttpReport {
    /// `1.0`, `1.1` or `2`.
    pub version: String,
    /// The status code.
    pub status: u16,
}

/// What the engine knows of the connection.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TcpReport {
    /// Smoothed round-trip time in milliseconds.
    pub rtt_ms: f64,
    /// Segments sent, acknowledgements and repetitions included.
    pub segments_sent: u64,
    /// Segments received.
    pub segments_received: u64,
    /// Segments sent again.
    pub retransmits: u64,
    /// Largest segment towards the peer, in bytes of data.
    pub mss: u32,
    /// `reno`, `cubic`.
    pub congestion_control: String,
}

impl Report {
    /// The version of the schema that this code writes.
    pub const SCHEMA_VERSION: u32 = 1;

    /// The report of a waterfall, with what only the command has at hand.
    pub fn new(waterfall: &Waterfall, http: Option<HttpReport>, tcp: Option<TcpReport>) -> Report {
        let phases = waterfall.phases.iter().map(|phase| ReportPhase {
            layer: phase.layer.name(),
            name: phase.name,
            start_ms: milliseconds(phase.start),
            ms: milliseconds(phase.duration),
            reason: phase.reason(),
        });
        let causes = waterfall.causes().into_iter();
        let causes = causes.map(|(name, sum)| ReportCause { name, ms: milliseconds(sum) });
        Report {
            schema_version: Self::SCHEMA_VERSION,
            total_ms: milliseconds(waterfall.total),
            phases: phases.collect(),
            causes: causes.collect(),
            http,
            tcp,
        }
    }
}

/// Milliseconds to the microsecond, so that no digits of the division by a million are shown.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_nanos() as f64 / 1e3).round() / 1e3
}

#[cfg(test)]
mod tests;
