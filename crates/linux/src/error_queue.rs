//! `MSG_ERRQUEUE`: `struct sock_extended_err`.

use std::net::{IpAddr, SocketAddr};

use fathom_stack::IcmpErrorKind;

use crate::consts::*;
use crate::message::{ControlMessage, Received};
use crate::{Errno, Name};

/// The message that tells of an error: as much of the datagram as is known, where it was going, and what became
/// of it.
pub(crate) fn error_message(
    out: &mut [u8],
    data: &[u8],
    destination: SocketAddr,
    error: Errno,
    icmp: Option<IcmpErrorKind>,
    offender: Option<IpAddr>,
) -> Received {
    let copied = data.len().min(out.len());
    out[..copied].copy_from_slice(&data[..copied]);
    let v6 = destination.ip().to_canonical().is_ipv6();
    let origin = match icmp {
        None => SO_EE_ORIGIN_LOCAL,
        Some(_) if v6 => SO_EE_ORIGIN_ICMP6,
        Some(_) => SO_EE_ORIGIN_ICMP,
    };
    let (kind, code, info) = icmp.map_or((0, 0, 0), |icmp| numbers(icmp, v6));
    let mut bytes = error.raw().to_le_bytes().to_vec();
    bytes.extend([origin, kind, code, 0]);
    bytes.extend(info.to_le_bytes());
    bytes.extend([0; 4]);
    let speaks_v6 = destination.is_ipv6();
    // The offender follows, in a form as long as an address of the socket's family.
    match offender {
        Some(IpAddr::V4(v4)) if speaks_v6 => {
            bytes.extend(Name::encode(SocketAddr::new(v4.to_ipv6_mapped().into(), 0)));
        }
        Some(offender) => bytes.extend(Name::encode(SocketAddr::new(offender, 0))),
        None => bytes.extend(vec![0; if speaks_v6 { 28 } else { 16 }]),
    }
    let (level, kind) = if speaks_v6 { (SOL_IPV6, IPV6_RECVERR) } else { (SOL_IP, IP_RECVERR) };
    Received {
        len: copied,
        copied,
        from: Some(destination),
        control: vec![ControlMessage { level, kind, data: bytes }],
        flags: MSG_ERRQUEUE | if copied < data.len() { MSG_TRUNC } else { 0 },
    }
}

/// Type and code of an ICMP error, and the MTU that it tells (RFC 792, RFC 1191, RFC 4443).
fn numbers(icmp: IcmpErrorKind, v6: bool) -> (u8, u8, u32) {
    let (v4_numbers, v6_numbers) = match icmp {
        IcmpErrorKind::NetworkUnreachable => ((3, 0), (1, 0)),
        IcmpErrorKind::HostUnreachable => ((3, 1), (1, 3)),
        IcmpErrorKind::ProtocolUnreachable => ((3, 2), (4, 1)),
        IcmpErrorKind::PortUnreachable => ((3, 3), (1, 4)),
        IcmpErrorKind::Prohibited => ((3, 13), (1, 1)),
        IcmpErrorKind::PacketTooBig { .. } => ((3, 4), (2, 0)),
        IcmpErrorKind::HopLimitExceeded => ((11, 0), (3, 0)),
        IcmpErrorKind::ReassemblyTimeout => ((11, 1), (3, 1)),
        IcmpErrorKind::ParameterProblem => ((12, 0), (4, 0)),
    };
    let mtu = if let IcmpErrorKind::PacketTooBig { mtu } = icmp { mtu } else { 0 };
    let (kind, code) = if v6 { v6_numbers } else { v4_numbers };
    (kind, code, mtu)
}
