//! Spans of the applications: resolve, connect, handshake, request, response.

use alloc::string::String;
use core::net::SocketAddr;

use crate::FlowId;

/// The four layers, by the letters that the displays use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Layer {
    /// Ethernet, ARP.
    Link,
    /// IP, ICMP, neighbour discovery.
    Internet,
    /// TCP, UDP.
    Transport,
    /// DNS, TLS, HTTP.
    Application,
}

impl Layer {
    /// `L`, `I`, `T` or `A`.
    pub const fn letter(self) -> char {
        match self {
            Layer::Link => 'L',
            Layer::Internet => 'I',
            Layer::Transport => 'T',
            Layer::Application => 'A',
        }
    }

    /// The layer's name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Layer::Link => "link",
            Layer::Internet => "internet",
            Layer::Transport => "transport",
            Layer::Application => "application",
        }
    }
}

/// Identity of a span: the id of its first record.
pub type SpanId = crate::RecordId;

/// A phase of an application's work began.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpanStart {
    /// The span that this one is part of.
    pub parent: Option<SpanId>,
    /// The layer that the time belongs to.
    pub layer: Layer,
    /// What is done: `resolve`, `connect`, `handshake`, `request`, `response`.
    pub name: &'static str,
    /// To what: a host name, an address, a request line.
    pub detail: String,
    /// The conversation whose engine records explain the time, where it is known at the start.
    pub flow: Option<FlowId>,
}

/// Something learned during a span.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SpanNote {
    /// The conversation whose engine records explain the span's time.
    Flow(FlowId),
    /// The local and the remote end of it.
    Addresses {
        /// Our address and port.
        local: SocketAddr,
        /// The peer's.
        remote: SocketAddr,
    },
    /// A fact by name, such as `version` = `TLSv1.3`.
    Fact {
        /// A stable name in lower case.
        name: &'static str,
        /// Its value for people.
        value: String,
    },
}

/// How a span ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It did what it set out to do.
    Done,
    /// It failed, with the message.
    Failed(String),
    /// It was given up because another way was faster.
    Cancelled,
}

/// A phase of an application's work ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpanEnd {
    /// The span.
    pub span: SpanId,
    /// How it ended.
    pub outcome: Outcome,
}
