//! From a packet to the socket that it is for.

use fathom_record::DropReason;
use fathom_wire::IpProtocol;

use crate::context::Context;
use crate::packet::{Arrived, Disposition, IcmpErrorFor, Unreachable};
use crate::transport::icmp::IcmpLayer;
use crate::transport::raw::RawLayer;
use crate::transport::tcp::TcpLayer;
use crate::transport::udp::UdpLayer;

/// All transports.
#[derive(Debug)]
pub(crate) struct Transports {
    pub(crate) tcp: TcpLayer,
    pub(crate) udp: UdpLayer,
    pub(crate) icmp: IcmpLayer,
    pub(crate) raw: RawLayer,
}

impl Transports {
    /// Gives a packet to the transport whose it is. (ICMP has been read by the internet layer; what comes here
    /// of it are echo replies.)
    #[inline]
    pub(crate) fn receive(&mut self, cx: &mut Context<'_>, arrived: &mut Arrived) -> Disposition {
        match arrived.protocol {
            IpProtocol::Tcp => self.tcp.receive(cx, arrived),
            IpProtocol::Udp => self.udp.receive(cx, arrived),
            IpProtocol::Icmpv4 | IpProtocol::Icmpv6 => self.icmp.receive(cx, arrived),
            // RFC 8200 4.7: nothing follows, and nothing is wrong.
            IpProtocol::NoNext => Disposition::Drop(DropReason::UnknownProtocol),
            _ => {
                let invoking = core::mem::take(&mut arrived.invoking);
                Disposition::Unreachable(DropReason::UnknownProtocol, Unreachable::Protocol, invoking)
            }
        }
    }

    /// Tells the socket that an ICMP error concerns; false when there is none.
    pub(crate) fn handle_icmp_error(&mut self, cx: &mut Context<'_>, error: &IcmpErrorFor) -> bool {
        match error.protocol {
            IpProtocol::Tcp => self.tcp.handle_icmp_error(cx, error),
            IpProtocol::Udp => self.udp.handle_icmp_error(cx, error),
            IpProtocol::Icmpv4 | IpProtocol::Icmpv6 => self.icmp.handle_icmp_error(cx, error),
            _ => false,
        }
    }
}
