//! ICMP errors that we send: about what, to whom, how many (RFC 1122 3.2.2, RFC 1812 4.3.2, RFC 4443 2.4).

use core::net::IpAddr;
use core::time::Duration;

use bytes::Bytes;
use fathom_record::{DropReason, Engine, RecordId, SendReason};
use fathom_wire::internet::{extension, icmpv4, icmpv6};
use fathom_wire::{Icmpv4Message, Icmpv6Message, Instant, IpHeader, IpProtocol, Ipv6Chain};

use crate::context::Context;
use crate::interface::InterfaceId;
use crate::internet::scope::may_be_source;
use crate::internet::{Internet, icmpv4 as v4, icmpv6 as v6, source};
use crate::packet::{Departing, Unreachable};

/// Quoted at most: as much as keeps the error within 576 bytes (RFC 1812 4.3.2.3) or 1280 (RFC 4443 2.4 c).
const IPV4_QUOTE: usize = 576 - 20 - 8;
const IPV6_QUOTE: usize = 1280 - 40 - 8;

/// What is wrong with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Problem {
    /// Nobody takes it here.
    Unreachable(Unreachable),
    /// No route leads to its destination.
    NoRoute,
    /// Its next hop does not answer.
    NextHop,
    /// Its hop limit is used up.
    HopLimit,
    /// Its other fragments did not come.
    Reassembly,
    /// It is larger than the next link takes.
    TooBig { mtu: usize },
    /// A header field is wrong (IPv6 only): code and pointer of RFC 4443 3.4.
    Parameter { code: u8, pointer: u32 },
}

/// A packet is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    /// Why.
    pub(crate) reason: DropReason,
    /// What its sender is to be told, where the rules allow it.
    pub(crate) problem: Option<Problem>,
}

impl From<DropReason> for Refusal {
    fn from(reason: DropReason) -> Self {
        Refusal { reason, problem: None }
    }
}

impl Refusal {
    /// The sender is to be told of `problem`.
    pub(crate) fn told(reason: DropReason, problem: Problem) -> Self {
        Refusal { reason, problem: Some(problem) }
    }
}

/// A packet that gave rise to an error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invoking<'a> {
    /// The packet from its IP header on.
    pub(crate) packet: &'a Bytes,
    /// Where it came in.
    pub(crate) interface: InterfaceId,
    /// Its frame was sent to more than one station.
    pub(crate) broadcast: bool,
    /// The record of its frame.
    pub(crate) cause: Option<RecordId>,
}

/// A bucket of tokens that fills with time: so many a second, and so many at once.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    per_second: u32,
    burst: u32,
    /// When the bucket would be full again. Each token taken moves it on by the time that a token takes.
    full_at: Instant,
}

impl TokenBucket {
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        TokenBucket { per_second, burst, full_at: Instant::ZERO }
    }

    /// Takes a token if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if self.per_second == 0 || self.burst == 0 {
            return false;
        }
        let token = Duration::from_secs(1) / self.per_second;
        // With 100 a second and a burst of 50 a token takes 10 ms, and an empty bucket is full in 500 ms.
        let full_at = self.full_at.max(now) + token;
        if full_at.saturating_duration_since(now) > token * self.burst {
            return false;
        }
        self.full_at = full_at;
        true
    }
}

/// The ICMP error about a packet, where one may be sent.
pub(crate) fn icmp_error(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    invoking: Invoking<'_>,
    problem: Problem,
) -> Option<Departing> {
    let header = IpHeader::parse_quoted(invoking.packet).ok()?;
    if !is_allowed(internet, &invoking, &header, problem) {
        return None;
    }
    let source = error_source(internet, invoking.interface, &header)?;
    if !internet.icmp_errors.take(cx.now) {
        cx.dropped(Some(invoking.interface), DropReason::RateLimited, invoking.packet.len(), invoking.cause);
        return None;
    }
    cx.counters.icmp_errors_sent += 1;
    let cause =
        cx.record(invoking.cause, || Engine::Packet { why: SendReason::IcmpError }).or(invoking.cause);
    let hop_limit = cx.config.hop_limit;
    let mut departing = match (source, header.source()) {
        (IpAddr::V4(source), IpAddr::V4(to)) => {
            let message = message_v4(problem, quote(invoking.packet, IPV4_QUOTE))?;
            v4::departing(source, to, hop_limit, &message)
        }
        (IpAddr::V6(source), IpAddr::V6(to)) => {
            let message = message_v6(problem, quote(invoking.packet, IPV6_QUOTE));
            v6::departing(source, to, hop_limit, &message)
        }
        _ => return None,
    };
    departing.cause = cause;
    Some(departing)
}

fn quote(packet: &Bytes, limit: usize) -> &[u8] {
    &packet[..packet.len().min(limit)]
}

/// Whether the rules allow an error about this packet.
fn is_allowed(internet: &Internet, invoking: &Invoking<'_>, header: &IpHeader, problem: Problem) -> bool {
    let (source, destination) = (header.source(), header.destination());
    // RFC 1122 3.2.2, RFC 4443 2.4 e.6: not to a source that is not a single host.
    let single = !source.is_unspecified()
        && may_be_source(source)
        && !internet.is_broadcast(invoking.interface, source);
    // What we send to ourselves has a source of ours, be it 127.0.0.1.
    if !single && invoking.interface != InterfaceId::LOOPBACK {
        return false;
    }
    // RFC 1122 3.2.2, RFC 4443 2.4 e.3 to e.5: not about what was sent to many, but for IPv6 packets that
    // are too big, and for options that ask for the error.
    let many = invoking.broadcast
        || destination.is_multicast()
        || internet.is_broadcast(invoking.interface, destination);
    let exempt = matches!(
        problem,
        Problem::TooBig { .. } | Problem::Parameter { code: icmpv6::parameter::OPTION, .. }
    );
    if many && !(destination.is_ipv6() && exempt) {
        return false;
    }
    // RFC 1122 3.2.2: not about a fragment other than the first; nor about an ICMP error (RFC 4443 2.4 e.1)
    // or redirect (e.2).
    let behind_ip = invoking.packet.get(header.header_len()..).unwrap_or_default();
    match header {
        IpHeader::V4(header) => {
            let icmp_error = header.protocol == IpProtocol::Icmpv4
                && !matches!(
                    behind_ip.first(),
                    Some(&(icmpv4::kind::ECHO_REQUEST | icmpv4::kind::ECHO_REPLY | 13..=18))
                );
            header.fragment_offset == 0 && !icmp_error
        }
        IpHeader::V6(header) => {
            let (protocol, offset) = upper_layer(header.next_header, behind_ip);
            let icmp_error = protocol == IpProtocol::Icmpv6
                && behind_ip.get(offset).is_none_or(|kind| *kind < 128 || *kind == icmpv6::kind::REDIRECT);
            !icmp_error
        }
    }
}

/// The upper layer of an IPv6 packet that may be wrong somewhere, and where it begins.
fn upper_layer(first: IpProtocol, payload: &[u8]) -> (IpProtocol, usize) {
    match Ipv6Chain::parse(first, payload) {
        // Behind a fragment that is not the first stands no header.
        Ok(chain) if chain.fragment.is_some_and(|fragment| fragment.offset > 0) => (IpProtocol::NoNext, 0),
        Ok(chain) => (chain.protocol, chain.offset),
        Err(extension::ExtensionError::Malformed(_) | extension::ExtensionError::TooMany)
        | Err(extension::ExtensionError::UnrecognizedOption { .. })
        | Err(extension::ExtensionError::RoutingType { .. }) => (IpProtocol::NoNext, 0),
    }
}

/// The address that an error comes from: the one that the packet was sent to when it is ours (RFC 4443 2.2 a),
/// otherwise one of the interface that it came in on (RFC 1812 4.3.2.4, RFC 4443 2.2 b).
fn error_source(internet: &Internet, interface: InterfaceId, header: &IpHeader) -> Option<IpAddr> {
    let destination = header.destination();
    if internet.addresses.is_ours(interface, destination)
        || internet.local_prefixes.takes(interface, destination)
    {
        return Some(destination);
    }
    source::select(header.source(), internet.addresses.usable(interface)).or_else(|| {
        let all = internet.interface_ids();
        source::select(header.source(), all.flat_map(|other| internet.addresses.usable(other)))
    })
}

fn message_v4(problem: Problem, invoking: &[u8]) -> Option<Icmpv4Message<'_>> {
    use icmpv4::{exceeded, unreachable};
    let unreachable = |code| Icmpv4Message::DestinationUnreachable { code, next_hop_mtu: 0, invoking };
    Some(match problem {
        Problem::Unreachable(Unreachable::Port) => unreachable(unreachable::PORT),
        Problem::Unreachable(Unreachable::Protocol) => unreachable(unreachable::PROTOCOL),
        Problem::NoRoute => unreachable(unreachable::NET),
        Problem::NextHop => unreachable(unreachable::HOST),
        Problem::HopLimit => Icmpv4Message::TimeExceeded { code: exceeded::IN_TRANSIT, invoking },
        Problem::Reassembly => Icmpv4Message::TimeExceeded { code: exceeded::REASSEMBLY, invoking },
        Problem::TooBig { mtu } => Icmpv4Message::DestinationUnreachable {
            code: unreachable::FRAGMENTATION_NEEDED,
            next_hop_mtu: mtu.min(0xffff) as u16,
            invoking,
        },
        Problem::Parameter { .. } => return None,
    })
}

fn message_v6(problem: Problem, invoking: &[u8]) -> Icmpv6Message<'_> {
    use icmpv6::{exceeded, parameter, unreachable};
    let unreachable = |code| Icmpv6Message::DestinationUnreachable { code, invoking };
    match problem {
        Problem::Unreachable(Unreachable::Port) => unreachable(unreachable::PORT),
        // RFC 8200 4: an unrecognized next header is a parameter problem, with a pointer to the field.
        Problem::Unreachable(Unreachable::Protocol) => {
            let pointer = IpHeader::parse_quoted(invoking)
                .ok()
                .and_then(|header| Ipv6Chain::parse(header.protocol(), &invoking[header.header_len()..]).ok())
                .map_or(6, |chain| chain.next_header_pointer);
            Icmpv6Message::ParameterProblem {
                code: parameter::NEXT_HEADER,
                pointer: pointer as u32,
                invoking,
            }
        }
        Problem::NoRoute => unreachable(unreachable::NO_ROUTE),
        Problem::NextHop => unreachable(unreachable::ADDRESS),
        Problem::HopLimit => Icmpv6Message::TimeExceeded { code: exceeded::IN_TRANSIT, invoking },
        Problem::Reassembly => Icmpv6Message::TimeExceeded { code: exceeded::REASSEMBLY, invoking },
        Problem::TooBig { mtu } => Icmpv6Message::PacketTooBig { mtu: mtu as u32, invoking },
        Problem::Parameter { code, pointer } => Icmpv6Message::ParameterProblem { code, pointer, invoking },
    }
}

#[cfg(test)]
mod tests;
