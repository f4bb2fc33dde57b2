//! Neighbor Discovery for IPv6 (RFC 4861): messages of ICMPv6.

use core::net::Ipv6Addr;

use super::icmpv6::{Icmpv6Fixed, kind};
use crate::ParseError;
use crate::header::header;

mod options;

pub use options::{
    LinkLayerOption, MtuOption, NdpOption, NdpOptionBuffer, NdpOptionHead, NdpOptions, PrefixInformation,
    PrefixInformationFixed, option_fields, option_kind,
};

header! {
    /// A router advertisement, before its options.
    pub struct RouterAdvertisementFixed: "router advertisement", 16 bytes {
        /// 134.
        kind: u8 = 0..8, "RFC 4861 4.2";
        /// 0.
        code: u8 = 8..16, "RFC 4861 4.2";
        /// Checksum over pseudo-header and message.
        checksum: u16 = 16..32, "RFC 4443 2.3";
        /// The hop limit to use; 0 says nothing.
        hop_limit: u8 = 32..40, "RFC 4861 4.2";
        /// Addresses come from DHCPv6.
        managed: bool = 40..41, "RFC 4861 4.2";
        /// Other settings come from DHCPv6.
        other: bool = 41..42, "RFC 4861 4.2";
        /// Flags of later standards.
        reserved: u8 = 42..48, "RFC 4861 4.2";
        /// For how many seconds this is a default router; 0: it is none.
        lifetime: u16 = 48..64, "RFC 4861 4.2";
        /// For how many milliseconds a neighbor counts as reachable; 0 says nothing.
        reachable: u32 = 64..96, "RFC 4861 4.2";
        /// Milliseconds between solicitations; 0 says nothing.
        retransmit: u32 = 96..128, "RFC 4861 4.2";
    }
}

header! {
    /// A neighbor solicitation, before its options.
    pub struct NeighborSolicitationFixed: "neighbor solicitation", 24 bytes {
        /// 135.
        kind: u8 = 0..8, "RFC 4861 4.3";
        /// 0.
        code: u8 = 8..16, "RFC 4861 4.3";
        /// Checksum over pseudo-header and message.
        checksum: u16 = 16..32, "RFC 4443 2.3";
        /// Zero, ignored.
        reserved: u32 = 32..64, "RFC 4861 4.3";
        /// Whose link-layer address is asked for.
        target: Ipv6Addr = 64..192, "RFC 4861 4.3";
    }
}

header! {
    /// A neighbor advertisement, before its options.
    pub struct NeighborAdvertisementFixed: "neighbor advertisement", 24 bytes {
        /// 136.
        kind: u8 = 0..8, "RFC 4861 4.4";
        /// 0.
        code: u8 = 8..16, "RFC 4861 4.4";
        /// Checksum over pseudo-header and message.
        checksum: u16 = 16..32, "RFC 4443 2.3";
        /// The sender is a router.
        router: bool = 32..33, "RFC 4861 4.4";
        /// It answers a solicitation, and so proves reachability.
        solicited: bool = 33..34, "RFC 4861 4.4";
        /// It replaces a link-layer address known already.
        override_: bool = 34..35, "RFC 4861 4.4";
        /// Zero, ignored.
        reserved: u32 = 35..64, "RFC 4861 4.4";
        /// Whose link-layer address is told.
        target: Ipv6Addr = 64..192, "RFC 4861 4.4";
    }
}

header! {
    /// A redirect, before its options.
    pub struct RedirectFixed: "redirect", 40 bytes {
        /// 137.
        kind: u8 = 0..8, "RFC 4861 4.5";
        /// 0.
        code: u8 = 8..16, "RFC 4861 4.5";
        /// Checksum over pseudo-header and message.
        checksum: u16 = 16..32, "RFC 4443 2.3";
        /// Zero, ignored.
        reserved: u32 = 32..64, "RFC 4861 4.5";
        /// The better first hop; the destination itself when it is a neighbor.
        target: Ipv6Addr = 64..192, "RFC 4861 4.5";
        /// Whom packets were for.
        destination: Ipv6Addr = 192..320, "RFC 4861 4.5";
    }
}

/// A Neighbor Discovery message. It travels as [`Icmpv6Message::Ndp`](crate::Icmpv6Message::Ndp), which
/// takes care of the checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NdpMessage<'a> {
    /// A host asks routers to advertise (RFC 4861 4.1).
    RouterSolicitation {
        /// Source link-layer address, unless the source is unspecified.
        options: NdpOptions<'a>,
    },
    /// A router tells of itself (RFC 4861 4.2).
    RouterAdvertisement {
        /// The hop limit to use; 0 says nothing.
        hop_limit: u8,
        /// Addresses come from DHCPv6.
        managed: bool,
        /// Other settings come from DHCPv6.
        other: bool,
        /// For how many seconds this is a default router; 0: it is none.
        lifetime: u16,
        /// For how many milliseconds a neighbor counts as reachable; 0 says nothing.
        reachable: u32,
        /// Milliseconds between solicitations; 0 says nothing.
        retransmit: u32,
        /// Source link-layer address, MTU, prefixes.
        options: NdpOptions<'a>,
    },
    /// Who has the target address? (RFC 4861 4.3)
    NeighborSolicitation {
        /// The address.
        target: Ipv6Addr,
        /// Source link-layer address, unless the source is unspecified.
        options: NdpOptions<'a>,
    },
    /// The sender has the target address (RFC 4861 4.4).
    NeighborAdvertisement {
        /// The sender is a router.
        router: bool,
        /// It answers a solicitation, and so proves reachability.
        solicited: bool,
        /// It replaces a link-layer address known already.
        override_: bool,
        /// The address.
        target: Ipv6Addr,
        /// Target link-layer address.
        options: NdpOptions<'a>,
    },
    /// There is a better first hop (RFC 4861 4.5).
    Redirect {
        /// The better first hop; the destination itself when it is a neighbor.
        target: Ipv6Addr,
        /// Whom packets were for.
        destination: Ipv6Addr,
        /// Target link-layer address, and the packet that took the worse hop.
        options: NdpOptions<'a>,
    },
}

impl<'a> NdpMessage<'a> {
    /// Reads the message that the whole ICMPv6 message `bytes` is, whose checksum was verified.
    pub(super) fn parse(message_kind: u8, code: u8, bytes: &'a [u8]) -> Result<Self, ParseError> {
        if code != 0 {
            // RFC 4861 6.1.1, 6.1.2, 7.1.1, 7.1.2, 8.1: such messages are discarded.
            return Err(ParseError::malformed("Neighbor Discovery message", "the code is not 0"));
        }
        Ok(match message_kind {
            kind::ROUTER_SOLICITATION => NdpMessage::RouterSolicitation {
                options: NdpOptions::new(&bytes[Icmpv6Fixed::parse(bytes)?.header_len()..])?,
            },
            kind::ROUTER_ADVERTISEMENT => {
                let fixed = RouterAdvertisementFixed::parse(bytes)?;
                NdpMessage::RouterAdvertisement {
                    hop_limit: fixed.hop_limit,
                    managed: fixed.managed,
                    other: fixed.other,
                    lifetime: fixed.lifetime,
                    reachable: fixed.reachable,
                    retransmit: fixed.retransmit,
                    options: NdpOptions::new(&bytes[fixed.header_len()..])?,
                }
            }
            kind::NEIGHBOR_SOLICITATION => {
                let fixed = NeighborSolicitationFixed::parse(bytes)?;
                NdpMessage::NeighborSolicitation {
                    target: fixed.target,
                    options: NdpOptions::new(&bytes[fixed.header_len()..])?,
                }
            }
            kind::NEIGHBOR_ADVERTISEMENT => {
                let fixed = NeighborAdvertisementFixed::parse(bytes)?;
                NdpMessage::NeighborAdvertisement {
                    router: fixed.router,
                    solicited: fixed.solicited,
                    override_: fixed.override_,
                    target: fixed.target,
                    options: NdpOptions::new(&bytes[fixed.header_len()..])?,
                }
            }
            kind::REDIRECT => {
                let fixed = RedirectFixed::parse(bytes)?;
                NdpMessage::Redirect {
                    target: fixed.target,
                    destination: fixed.destination,
                    options: NdpOptions::new(&bytes[fixed.header_len()..])?,
                }
            }
            _ => return Err(ParseError::malformed("Neighbor Discovery message", "the type is not one")),
        })
    }

    /// The options.
    pub const fn options(&self) -> NdpOptions<'a> {
        match self {
            NdpMessage::RouterSolicitation { options }
            | NdpMessage::RouterAdvertisement { options, .. }
            | NdpMessage::NeighborSolicitation { options, .. }
            | NdpMessage::NeighborAdvertisement { options, .. }
            | NdpMessage::Redirect { options, .. } => *options,
        }
    }

    /// Length of the whole ICMPv6 message in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a message has at least its first 8 bytes")]
    pub const fn len(&self) -> usize {
        self.fixed_len() + self.options().as_bytes().len()
    }

    const fn fixed_len(&self) -> usize {
        match self {
            NdpMessage::RouterSolicitation { .. } => Icmpv6Fixed::LEN,
            NdpMessage::RouterAdvertisement { .. } => RouterAdvertisementFixed::LEN,
            NdpMessage::NeighborSolicitation { .. } => NeighborSolicitationFixed::LEN,
            NdpMessage::NeighborAdvertisement { .. } => NeighborAdvertisementFixed::LEN,
            NdpMessage::Redirect { .. } => RedirectFixed::LEN,
        }
    }

    /// Writes the ICMPv6 message, with a checksum of zero, to all of `out`.
    pub(super) fn emit(&self, out: &mut [u8]) {
        let (code, checksum) = (0, 0);
        match *self {
            NdpMessage::RouterSolicitation { .. } => {
                Icmpv6Fixed { kind: kind::ROUTER_SOLICITATION, code, checksum, rest: 0 }.emit(out);
            }
            NdpMessage::RouterAdvertisement {
                hop_limit,
                managed,
                other,
                lifetime,
                reachable,
                retransmit,
                ..
            } => RouterAdvertisementFixed {
                kind: kind::ROUTER_ADVERTISEMENT,
                code,
                checksum,
                hop_limit,
                managed,
                other,
                reserved: 0,
                lifetime,
                reachable,
                retransmit,
            }
            .emit(out),
            NdpMessage::NeighborSolicitation { target, .. } => {
                let kind = kind::NEIGHBOR_SOLICITATION;
                NeighborSolicitationFixed { kind, code, checksum, reserved: 0, target }.emit(out);
            }
            NdpMessage::NeighborAdvertisement { router, solicited, override_, target, .. } => {
                let kind = kind::NEIGHBOR_ADVERTISEMENT;
                let reserved = 0;
                NeighborAdvertisementFixed {
                    kind,
                    code,
                    checksum,
                    router,
                    solicited,
                    override_,
                    reserved,
                    target,
                }
                .emit(out);
            }
            NdpMessage::Redirect { target, destination, .. } => {
                let kind = kind::REDIRECT;
                RedirectFixed { kind, code, checksum, reserved: 0, target, destination }.emit(out);
            }
        }
        out[self.fixed_len()..].copy_from_slice(self.options().as_bytes());
    }
}

#[cfg(test)]
mod tests;
