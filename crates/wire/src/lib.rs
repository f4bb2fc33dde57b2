//! What is on the wire: each header of the lower three layers.
//!
//! No state, no allocation, no I/O. Bytes are parsed once into types that cannot be wrong afterwards,
//! and the same types are emitted again:
//!
//! ```
//! use fathom_wire::{Ecn, IpProtocol, Ipv4Header, Ipv4Options};
//!
//! let header = Ipv4Header {
//!     source: [192, 0, 2, 1].into(),
//!     destination: [192, 0, 2, 2].into(),
//!     protocol: IpProtocol::Udp,
//!     hop_limit: 64,
//!     dscp: 0,
//!     ecn: Ecn::NotEct,
//!     identification: 7,
//!     dont_fragment: true,
//!     more_fragments: false,
//!     fragment_offset: 0,
//!     payload_len: 8,
//!     options: Ipv4Options::default(),
//! };
//! let mut packet = [0; 28];
//! header.emit(&mut packet);
//! assert_eq!(Ipv4Header::parse(&packet), Ok(header));
//! ```
//!
//! # The three layers
//!
//! | layer | module | protocols |
//! |---|---|---|
//! | link | [`link`] | Ethernet II, 802.1Q, ARP |
//! | internet | [`internet`] | IPv4, IPv6 and its extension headers, ICMPv4, ICMPv6, Neighbor Discovery, IGMP, MLD |
//! | transport | [`transport`] | UDP, TCP and its options |
//!
//! Three verbs are the same everywhere: `parse(bytes)` reads a header from the front of `bytes`,
//! `header_len()` (of ICMP messages `len()`) says how many bytes it takes, and `emit(out)`
//! writes exactly that many.
//!
//! # Every field, with its bits, value and source
//!
//! Each fixed header is described once, by the `header!` macro of [`mod@header`]. From the description
//! come the parser, the builder, and the table [`FIELDS`](internet::ipv4::Ipv4Fixed::FIELDS), by which
//! a dissector shows a header without knowing it:
//!
//! ```
//! use fathom_wire::{FieldValue, internet::ipv6::Ipv6Fixed};
//!
//! let mut packet = [0; 40];
//! packet[0] = 0x60;
//! packet[7] = 64;
//! for field in Ipv6Fixed::FIELDS {
//!     let value = field.value(&packet).expect("40 bytes hold every field");
//!     println!("{:>3}..{:<3} {:16} {} ({})", field.start, field.end, field.name, value, field.reference);
//! }
//! let hop_limit = Ipv6Fixed::field("hop_limit").unwrap();
//! assert_eq!(hop_limit.value(&packet), Some(FieldValue::Number(64)));
//! assert_eq!(hop_limit.reference, "RFC 8200 3");
//! ```
//!
//! What has no fixed place is walked by an iterator that gives kind, place and bytes of each entry, and is
//! described by the same kind of table:
//!
//! | entries | walked by | fields |
//! |---|---|---|
//! | TCP options | [`transport::options::walk`] | [`transport::options::fields`] |
//! | ICMP messages | (one per packet) | [`internet::icmpv4::fields`], [`internet::icmpv6::fields`] |
//! | IGMP and MLD records | [`IgmpRecords::iter`](internet::igmp::IgmpRecords::iter), [`MldRecords::iter`](internet::mld::MldRecords::iter) | [`IgmpRecordFixed::FIELDS`](internet::igmp::IgmpRecordFixed::FIELDS), [`MldRecordFixed::FIELDS`](internet::mld::MldRecordFixed::FIELDS) |
//! | Neighbor Discovery options | [`NdpOptions::raw`] | [`internet::ndp::option_fields`] |
//! | IPv6 extension headers | [`Ipv6Chain::headers`] | [`Ipv6FragmentHeader::FIELDS`], [`Ipv6RoutingHeader::FIELDS`] |
//! | IPv6 options | [`Ipv6Options`] | kind, place and data |
//! | IPv4 options | [`Ipv4Options::iter`] | kind and data |
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod checksum;
mod error;
pub mod header;
pub mod internet;
pub mod link;
pub mod time;
pub mod transport;

pub use checksum::Checksum;
pub use error::ParseError;
pub use header::{Field, FieldKind, FieldValue};
pub use internet::extension::{
    ExtensionError, ExtensionHeader, Ipv6Chain, Ipv6FragmentHeader, Ipv6Option, Ipv6Options,
    Ipv6OptionsHeader, Ipv6RoutingHeader, OptionAction,
};
pub use internet::icmpv4::Icmpv4Message;
pub use internet::icmpv6::Icmpv6Message;
pub use internet::igmp::IgmpMessage;
pub use internet::ip::IpHeader;
pub use internet::ipv4::{Ipv4Header, Ipv4Option, Ipv4Options};
pub use internet::ipv6::Ipv6Header;
pub use internet::mld::MldMessage;
pub use internet::ndp::{NdpMessage, NdpOption, NdpOptionBuffer, NdpOptions, PrefixInformation};
pub use internet::{Ecn, IpProtocol};
pub use link::arp::{ArpOperation, ArpPacket};
pub use link::ethernet::{EtherType, EthernetAddress, EthernetHeader};
pub use link::vlan::VlanTag;
pub use time::Instant;
pub use transport::options::{
    AccEcnOption, AccEcnOrder, FastOpenCookie, RawOption, RawOptions, SackBlock, TcpOptions, TcpTimestamps,
    UserTimeout,
};
pub use transport::seq::SeqNumber;
pub use transport::tcp::{TcpFlags, TcpHeader};
pub use transport::udp::UdpHeader;
