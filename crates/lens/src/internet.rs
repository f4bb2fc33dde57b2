//! Dissectors of the internet layer: IPv4, IPv6 with its extension headers, ICMP.

use std::net::IpAddr;
use std::ops::Range;

use fathom_record::Layer;
use fathom_wire::internet::extension::Ipv6FragmentFixed;
use fathom_wire::{Ecn, IpHeader, IpProtocol, Ipv4Header, Ipv6Chain, Ipv6Header};

use crate::dissect::{View, field, fields};
use crate::transport;

mod groups;
mod icmp;

/// An IP packet of either version. What follows it in `range` is padding of the link.
pub(crate) fn packet(view: &mut View<'_>, range: Range<usize>) {
    let bytes = view.bytes(range.clone());
    match IpHeader::parse(bytes) {
        Ok(IpHeader::V4(header)) => ipv4(view, range.start, &header),
        Ok(IpHeader::V6(header)) => ipv6(view, range.start, &header),
        Err(error) => {
            // A damaged header is shown all the same, as far as it goes.
            if let Ok(quoted) = IpHeader::parse_quoted(bytes) {
                let (name, table) = match quoted {
                    IpHeader::V4(_) => ("ip4", Ipv4Header::FIELDS),
                    IpHeader::V6(_) => ("ip6", Ipv6Header::FIELDS),
                };
                let end = range.start + quoted.header_len();
                view.header(
                    Layer::Internet,
                    name,
                    range.start..end,
                    addresses(&quoted),
                    fields(table, bytes),
                );
            }
            view.problem(error);
        }
    }
}

fn ipv4(view: &mut View<'_>, start: usize, header: &Ipv4Header) {
    let payload = start + header.header_len();
    let end = payload + usize::from(header.payload_len);
    let bytes = view.bytes(start..payload);
    let mut summary = addresses(&IpHeader::V4(header.clone()));
    summary += &format!(" ttl {}", header.hop_limit);
    mark_ecn(&mut summary, header.ecn);
    if header.is_fragment() {
        summary += &format!(" fragment {}+{}", header.fragment_offset, header.payload_len);
    }
    let mut table = fields(Ipv4Header::FIELDS, bytes);
    if !header.options.is_empty() {
        let kinds: Vec<String> =
            header.options.iter().map(|option| format!("kind {}", option.kind)).collect();
        table.push(field("options", Ipv4Header::LEN..bytes.len(), kinds.join(", "), "RFC 791 3.1"));
    }
    view.header(Layer::Internet, "ip4", start..payload, summary, table);
    if header.fragment_offset == 0 {
        let addresses = (IpAddr::V4(header.source), IpAddr::V4(header.destination));
        upper(view, header.protocol, payload..end, addresses, header.more_fragments);
    }
}

fn ipv6(view: &mut View<'_>, start: usize, header: &Ipv6Header) {
    let payload = start + Ipv6Header::LEN;
    let end = payload + usize::from(header.payload_len);
    let mut summary = addresses(&IpHeader::V6(*header));
    summary += &format!(" hop limit {}", header.hop_limit);
    mark_ecn(&mut summary, header.ecn);
    let table = fields(Ipv6Header::FIELDS, view.bytes(start..payload));
    view.header(Layer::Internet, "ip6", start..payload, summary, table);
    let chain = match Ipv6Chain::parse(header.next_header, view.bytes(payload..end)) {
        Ok(chain) => chain,
        Err(error) => return view.problem(error),
    };
    for extension in &chain.headers {
        let range = payload + extension.range().start..payload + extension.range().end;
        let (name, summary, table) = match (extension.protocol, &chain.fragment) {
            (IpProtocol::Ipv6Fragment, Some(fragment)) => {
                let table = fields(Ipv6FragmentFixed::FIELDS, view.bytes(range.clone()));
                ("frag", format!("at {} id {:#x}", fragment.offset, fragment.identification), table)
            }
            (IpProtocol::HopByHop, _) => ("hop", format!("{} B of options", range.len()), Vec::new()),
            (IpProtocol::DestinationOptions, _) => {
                ("dst", format!("{} B of options", range.len()), Vec::new())
            }
            (IpProtocol::Ipv6Route, _) => ("route", format!("{} B", range.len()), Vec::new()),
            (other, _) => ("ext", other.to_string(), Vec::new()),
        };
        view.header(Layer::Internet, name, range, summary, table);
    }
    if chain.fragment.is_none_or(|fragment| fragment.offset == 0) {
        let cut = chain.fragment.is_some_and(|fragment| fragment.more_fragments);
        let addresses = (IpAddr::V6(header.source), IpAddr::V6(header.destination));
        upper(view, chain.protocol, payload + chain.offset..end, addresses, cut);
    }
}

/// What an IP packet carries. `cut`: it goes on in other fragments.
fn upper(
    view: &mut View<'_>,
    protocol: IpProtocol,
    range: Range<usize>,
    (source, destination): (IpAddr, IpAddr),
    cut: bool,
) {
    match (protocol, source, destination) {
        (IpProtocol::Tcp, ..) => transport::tcp(view, range),
        (IpProtocol::Udp, ..) => transport::udp(view, range, cut),
        (IpProtocol::Icmpv4, ..) => icmp::v4(view, range, cut),
        (IpProtocol::Icmpv6, IpAddr::V6(source), IpAddr::V6(destination)) => {
            icmp::v6(view, range, source, destination, cut);
        }
        (IpProtocol::Igmp, ..) => groups::igmp(view, range, cut),
        (IpProtocol::NoNext, ..) => {}
        (other, ..) => view.problem(format_args!("{other} is not taken apart")),
    }
}

fn addresses(header: &IpHeader) -> String {
    format!("{}→{}", header.source(), header.destination())
}

fn mark_ecn(summary: &mut String, ecn: Ecn) {
    *summary += match ecn {
        Ecn::NotEct => "",
        Ecn::Ect0 => " ECT(0)",
        Ecn::Ect1 => " ECT(1)",
        Ecn::Ce => " CE",
    };
}
