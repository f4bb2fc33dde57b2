//! What the internet and the transport layer hand each other.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use core::num::NonZeroU16;

use arrayvec::ArrayVec;
use bytes::Bytes;
use fathom_record::{DropReason, RecordId};
use fathom_wire::{Ecn, IpProtocol};

use crate::batch::ReceivedChecksum;
use crate::interface::InterfaceId;

/// Most bytes of a transport header: TCP with all its options (RFC 9293 3.1).
pub(crate) const MAX_TRANSPORT_HEADER: usize = 60;
/// Most bytes of data that are copied behind the header of their segment: to share the memory that they lie in,
/// and to let go of it, costs more than to copy so few.
pub(crate) const MAX_SHORT_DATA: usize = 128;
/// Most payload slices of one packet: a super-segment of 64 KiB out of blocks of 16 KiB.
pub(crate) const MAX_SLICES: usize = 6;

/// A packet for this host, on its way up: whole, with its IP header taken off.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    /// The interface it came in on.
    pub(crate) interface: InterfaceId,
    /// The MTU of that interface.
    pub(crate) mtu: usize,
    pub(crate) source: IpAddr,
    /// An address of ours, one that is routed to us, a broadcast address of a network of ours, or a group we
    /// are in.
    pub(crate) destination: IpAddr,
    /// The transport protocol.
    pub(crate) protocol: IpProtocol,
    pub(crate) hop_limit: u8,
    pub(crate) dscp: u8,
    pub(crate) ecn: Ecn,
    /// Transport header and data.
    pub(crate) payload: Bytes,
    /// The data of the segments that were merged behind the one in `payload`, in their order.
    pub(crate) followers: Vec<Bytes>,
    /// For a super-segment: data bytes of each segment but the last.
    pub(crate) segment_size: Option<NonZeroU16>,
    /// What is known of the transport checksum.
    pub(crate) checksum: ReceivedChecksum,
    /// It was sent to more than one host, by its link or by its IP destination address.
    pub(crate) broadcast: bool,
    /// Its destination is no address of the host's own, but in a network that is routed to it.
    pub(crate) routed: bool,
    /// The packet from its IP header on, as far as an ICMP error may want to quote it. Empty for TCP, which
    /// answers by itself.
    pub(crate) invoking: Bytes,
    /// The record of the frame it came in.
    pub(crate) cause: Option<RecordId>,
}

/// A packet on its way down: what the transport layer decides about it.
#[derive(Clone, Debug)]
pub(crate) struct Departing {
    /// One of our addresses.
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: IpProtocol,
    pub(crate) hop_limit: u8,
    pub(crate) dscp: u8,
    pub(crate) ecn: Ecn,
    /// The transport header, and the data where it is short. The checksum field is zero; the internet layer
    /// fills it in.
    pub(crate) header: ArrayVec<u8, { MAX_TRANSPORT_HEADER + MAX_SHORT_DATA }>,
    /// Where in `header` the 16-bit checksum stands.
    pub(crate) checksum_offset: u8,
    /// Other data.
    pub(crate) slices: ArrayVec<Bytes, MAX_SLICES>,
    /// For a super-segment: data bytes of each segment but the last.
    pub(crate) segment_size: Option<NonZeroU16>,
    /// Who may cut it.
    pub(crate) fragmentation: Fragmentation,
    /// The record that explains why it is sent.
    pub(crate) cause: Option<RecordId>,
}

/// Who may cut a packet that is larger than a link takes (RFC 791 3.2; routers never cut IPv6 packets).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fragmentation {
    /// We, and routers.
    Allowed,
    /// We, where it is larger than the path takes as far as is known. What is not may not be cut on its way.
    AtSource,
    /// Nobody.
    Forbidden,
    /// Nobody, and what is known of the path does not matter.
    Probe,
}

/// Bytes of an IP header without options or extension headers.
pub(crate) const fn ip_header_len(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(_) => 20,
        IpAddr::V6(_) => 40,
    }
}

impl Default for Departing {
    /// Nothing from nobody to nobody.
    fn default() -> Self {
        Departing {
            source: Ipv4Addr::UNSPECIFIED.into(),
            destination: Ipv4Addr::UNSPECIFIED.into(),
            protocol: IpProtocol::Tcp,
            hop_limit: 0,
            dscp: 0,
            ecn: Ecn::NotEct,
            header: ArrayVec::new(),
            checksum_offset: 0,
            slices: ArrayVec::new(),
            segment_size: None,
            fragmentation: Fragmentation::Forbidden,
            cause: None,
        }
    }
}

impl Departing {
    /// Bytes of data in slices.
    pub(crate) fn payload_len(&self) -> usize {
        self.slices.iter().map(Bytes::len).sum()
    }
}

/// What a layer decided about a packet that arrived.
#[derive(Debug)]
pub(crate) enum Disposition {
    /// It was taken in.
    Accepted,
    /// It was taken in and is answered at once.
    Reply(Box<Departing>),
    /// It was not taken in.
    Drop(DropReason),
    /// It was not taken in, and its sender is told.
    DropReply(DropReason, Box<Departing>),
    /// No socket for it (UDP) or no such protocol: an ICMP unreachable error is due where the rules allow it.
    /// The bytes are [`Arrived::invoking`].
    Unreachable(DropReason, Unreachable, Bytes),
}

impl Disposition {
    pub(crate) fn reply(answer: Departing) -> Self {
        Disposition::Reply(Box::new(answer))
    }

    pub(crate) fn drop_reply(reason: DropReason, answer: Departing) -> Self {
        Disposition::DropReply(reason, Box::new(answer))
    }
}

/// What an ICMP destination unreachable error says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unreachable {
    /// No socket is bound to the port.
    Port,
    /// No such protocol here.
    Protocol,
}

/// The way to a destination, as far as a sender must know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Path {
    /// Largest IP packet, header included, that arrives in one piece as far as is known.
    pub(crate) mtu: usize,
    /// Largest super-segment in bytes, IP and transport header included. At least `mtu`.
    pub(crate) max_bytes: usize,
    /// Most segments in a super-segment.
    pub(crate) max_segments: usize,
}

/// What a socket that was asked to send did.
#[derive(Debug)]
pub(crate) enum Transmission {
    /// It sends this, and is asked again in its turn.
    Segment(Box<Departing>),
    /// The same with a packet whose IPv4 header is there already.
    Packet { packet: Bytes, cause: Option<RecordId> },
    /// It has nothing to send; it pushes itself into the send queue when that changes.
    Nothing,
}

/// An ICMP error about a packet that we sent, as the transport layer sees it.
#[derive(Clone, Debug)]
pub(crate) struct IcmpErrorFor {
    /// What happened.
    pub(crate) kind: IcmpErrorKind,
    /// The router or host that reports it.
    pub(crate) reporter: IpAddr,
    /// The hop limit of the error when it arrived.
    pub(crate) hop_limit: u8,
    /// Source of the packet in error: our address.
    pub(crate) source: IpAddr,
    /// Its destination.
    pub(crate) destination: IpAddr,
    /// Its protocol.
    pub(crate) protocol: IpProtocol,
    /// The start of its transport header: at least 8 bytes, so that ports and the TCP sequence number or the
    /// echo identifier can be read.
    pub(crate) quoted: Bytes,
    /// Bytes of the packet in error, its IP header included.
    pub(crate) packet_len: usize,
    /// The record of the frame that brought the error.
    pub(crate) cause: Option<RecordId>,
}

/// What an ICMP error says, with IPv4 and IPv6 brought to the same words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IcmpErrorKind {
    /// No route to the destination's network (RFC 792, RFC 4443 3.1 code 0).
    NetworkUnreachable,
    /// The destination does not answer on its link.
    HostUnreachable,
    /// The destination has no such protocol.
    ProtocolUnreachable,
    /// Nobody listens on the port.
    PortUnreachable,
    /// A filter forbids it.
    Prohibited,
    /// The packet is larger than a link on the way takes (RFC 1191, RFC 8201).
    PacketTooBig {
        /// The MTU of that link in bytes; 0 when the router does not tell (RFC 1191 section 5).
        mtu: u32,
    },
    /// The hop limit ran out on the way.
    HopLimitExceeded,
    /// Not all fragments arrived in time.
    ReassemblyTimeout,
    /// A field of the header is in error.
    ParameterProblem,
}
