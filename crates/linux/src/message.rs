//! Messages of `sendmsg` and `recvmsg`: data, a name, and control messages.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;

use fathom_stack::{InterfaceId, Stack};
use fathom_wire::{Ecn, Instant};

use crate::consts::*;
use crate::{Errno, Result};

/// `sizeof(struct cmsghdr)`: a length of 8 bytes, level and type.
const HEADER: usize = 16;
/// Headers and data of control messages stand at multiples of it.
const ALIGN: usize = 8;

/// What belongs to a message beside its data: `struct cmsghdr` and what follows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControlMessage {
    /// `cmsg_level`, such as `SOL_IP`.
    pub level: i32,
    /// `cmsg_type`, such as `IP_PKTINFO`.
    pub kind: i32,
    /// Its data, in Linux's layout.
    pub data: Vec<u8>,
}

impl ControlMessage {
    /// One whose data is an `int`.
    pub fn int(level: i32, kind: i32, value: i32) -> ControlMessage {
        ControlMessage { level, kind, data: value.to_le_bytes().to_vec() }
    }

    /// Writes messages to the start of `out`, as `msg_control` has them, and gives their length. Of one that
    /// does not fit whole there is the start, and none of those behind it; then the answer has `true`
    /// (`MSG_CTRUNC`).
    pub fn encode(messages: &[ControlMessage], out: &mut [u8]) -> (usize, bool) {
        let mut at = 0;
        for message in messages {
            let room = out.len().saturating_sub(at);
            if room < HEADER {
                return (at, true);
            }
            let len = (HEADER + message.data.len()).min(room);
            out[at..at + 8].copy_from_slice(&(len as u64).to_le_bytes());
            out[at + 8..at + 12].copy_from_slice(&message.level.to_le_bytes());
            out[at + 12..at + HEADER].copy_from_slice(&message.kind.to_le_bytes());
            out[at + HEADER..at + len].copy_from_slice(&message.data[..len - HEADER]);
            let padded = len.next_multiple_of(ALIGN).min(room);
            out[at + len..at + padded].fill(0);
            at += padded;
            if len < HEADER + message.data.len() {
                return (at, true);
            }
        }
        (at, false)
    }

    /// Reads messages as `msg_control` has them.
    ///
    /// # Errors
    /// [`Errno::EINVAL`] when one is shorter than its header or longer than what is left.
    pub fn decode(mut bytes: &[u8]) -> Result<Vec<ControlMessage>> {
        let mut messages = Vec::new();
        while bytes.len() >= HEADER {
            let word =
                |at: usize| i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
            let len = bytes.first_chunk().map_or(0, |len| u64::from_le_bytes(*len));
            let len = usize::try_from(len).map_err(|_| Errno::EINVAL)?;
            let data = bytes.get(HEADER..len).ok_or(Errno::EINVAL)?.to_vec();
            messages.push(ControlMessage { level: word(8), kind: word(12), data });
            bytes = bytes.get(len.next_multiple_of(ALIGN)..).unwrap_or_default();
        }
        Ok(messages)
    }
}

/// What [`Kernel::recvmsg`](crate::Kernel::recvmsg) gives.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Received {
    /// What the call returns: bytes that were copied, or with `MSG_TRUNC` the length of the whole datagram.
    pub len: usize,
    /// Bytes that were copied.
    pub copied: usize,
    /// Who sent it, where the protocol tells.
    pub from: Option<SocketAddr>,
    /// What else is known of it, if the program has asked for that.
    pub control: Vec<ControlMessage>,
    /// `MSG_TRUNC` when there was more, `MSG_ERRQUEUE` when it is an error.
    pub flags: i32,
}

/// What a program wants to know of each datagram.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Tells {
    pub(crate) packet_info: bool,
    pub(crate) ttl: bool,
    pub(crate) tos: bool,
    pub(crate) original_destination: bool,
    pub(crate) packet_info6: bool,
    pub(crate) hop_limit6: bool,
    pub(crate) traffic_class6: bool,
    pub(crate) original_destination6: bool,
    pub(crate) timestamp: bool,
    pub(crate) timestamp_ns: bool,
    pub(crate) overflow: bool,
}

/// A datagram that arrived, but for its data.
pub(crate) struct Arrival {
    pub(crate) destination: SocketAddr,
    pub(crate) interface: Option<InterfaceId>,
    pub(crate) hop_limit: u8,
    pub(crate) tos: u8,
    pub(crate) at: Instant,
    /// How many were lost before.
    pub(crate) dropped: u64,
    /// Of several that came together the length of each but the last.
    pub(crate) stride: Option<usize>,
}

/// Differentiated services code point and congestion field as one byte.
pub(crate) fn tos(dscp: u8, ecn: Ecn) -> u8 {
    dscp << 2 | ecn.bits()
}

/// The two parts of a TOS byte, or traffic class.
pub(crate) fn from_tos(tos: u8) -> (u8, Ecn) {
    (tos >> 2, Ecn::from_bits(tos))
}

impl Arrival {
    /// Its control messages, in Linux's order.
    pub(crate) fn control(&self, tells: &Tells, stack: &Stack, is_v6: bool) -> Vec<ControlMessage> {
        let mut all = Vec::new();
        let mut add = |level, kind, data| all.push(ControlMessage { level, kind, data });
        let destination = self.destination.ip();
        let plain = destination.to_canonical();
        let nanos = self.at.as_nanos();
        let time = |fraction: u64| {
            let mut time = (nanos / 1_000_000_000).to_le_bytes().to_vec();
            time.extend((nanos % 1_000_000_000 / fraction).to_le_bytes());
            time
        };
        if tells.timestamp {
            add(SOL_SOCKET, SO_TIMESTAMP, time(1000));
        }
        if tells.timestamp_ns {
            add(SOL_SOCKET, SO_TIMESTAMPNS, time(1));
        }
        if tells.overflow && self.dropped > 0 {
            add(SOL_SOCKET, SO_RXQ_OVFL, (self.dropped as u32).to_le_bytes().to_vec());
        }
        if let Some(stride) = self.stride {
            add(SOL_UDP, UDP_GRO, (stride as i32).to_le_bytes().to_vec());
        }
        let index = self.interface.map_or(0, InterfaceId::scope_id).to_le_bytes();
        if let (true, IpAddr::V4(to)) = (tells.packet_info, plain) {
            let ours = if to.is_multicast() || to.is_broadcast() { own(stack, self.interface) } else { to };
            add(SOL_IP, IP_PKTINFO, [index, ours.octets(), to.octets()].concat());
        }
        if plain.is_ipv4() {
            if tells.ttl {
                add(SOL_IP, IP_TTL, i32::from(self.hop_limit).to_le_bytes().to_vec());
            }
            if tells.tos {
                add(SOL_IP, IP_TOS, vec![self.tos]);
            }
            if tells.original_destination {
                let to = SocketAddr::new(plain, self.destination.port());
                add(SOL_IP, IP_ORIGDSTADDR, crate::Name::encode(to));
            }
        }
        if is_v6 && tells.packet_info6 {
            let to = match destination {
                IpAddr::V4(v4) => v4.to_ipv6_mapped(),
                IpAddr::V6(v6) => v6,
            };
            add(SOL_IPV6, IPV6_PKTINFO, [&to.octets()[..], &index].concat());
        }
        if plain.is_ipv6() {
            if tells.hop_limit6 {
                add(SOL_IPV6, IPV6_HOPLIMIT, i32::from(self.hop_limit).to_le_bytes().to_vec());
            }
            if tells.traffic_class6 {
                add(SOL_IPV6, IPV6_TCLASS, i32::from(self.tos).to_le_bytes().to_vec());
            }
            if tells.original_destination6 {
                add(SOL_IPV6, IPV6_ORIGDSTADDR, crate::Name::encode(self.destination));
            }
        }
        all
    }
}

/// The first IPv4 address of an interface.
fn own(stack: &Stack, interface: Option<InterfaceId>) -> Ipv4Addr {
    let mut addresses = interface.into_iter().flat_map(|id| stack.addresses(id));
    let first = addresses.find_map(|address| match address.address() {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    });
    first.unwrap_or(Ipv4Addr::UNSPECIFIED)
}

/// How a datagram is to be sent, from its control messages.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Sending {
    pub(crate) source: Option<IpAddr>,
    /// The index of an interface.
    pub(crate) interface: Option<u32>,
    pub(crate) hop_limit: Option<u8>,
    pub(crate) tos: Option<u8>,
    /// Of several datagrams in one the length of each but the last; 0 for one datagram.
    pub(crate) segment: Option<u16>,
}

impl Sending {
    pub(crate) fn new(control: &[ControlMessage]) -> Result<Sending> {
        let mut sending = Sending::default();
        for message in control {
            sending.take(message)?;
        }
        Ok(sending)
    }

    fn take(&mut self, message: &ControlMessage) -> Result<()> {
        let data = &message.data;
        let int = || data.first_chunk().map(|bytes| i32::from_le_bytes(*bytes)).ok_or(Errno::EINVAL);
        let index = |bytes: &[u8]| {
            let index = bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
            (index != 0).then_some(index)
        };
        // -1 stands for what the socket has.
        let byte = |least: i32| match int()? {
            -1 => Ok(None),
            value if (least..256).contains(&value) => Ok(Some(value as u8)),
            _ => Err(Errno::EINVAL),
        };
        match (message.level, message.kind) {
            (SOL_IP, IP_PKTINFO) => {
                let info: &[u8; 12] = data.first_chunk().ok_or(Errno::EINVAL)?;
                self.interface = index(&info[..4]);
                let source = Ipv4Addr::new(info[4], info[5], info[6], info[7]);
                self.source = Some(source.into()).filter(|_| !source.is_unspecified());
            }
            (SOL_IPV6, IPV6_PKTINFO) => {
                let info: &[u8; 20] = data.first_chunk().ok_or(Errno::EINVAL)?;
                let source =
                    info.first_chunk().map_or(Ipv6Addr::UNSPECIFIED, |ip: &[u8; 16]| Ipv6Addr::from(*ip));
                self.source = Some(source.into()).filter(|_| !source.is_unspecified());
                self.interface = index(&info[16..]);
            }
            (SOL_IP, IP_TTL) => self.hop_limit = Some(byte(1)?.ok_or(Errno::EINVAL)?),
            (SOL_IP, IP_TOS) => {
                self.tos = match data.len() {
                    1 => Some(data[0]),
                    _ => Some(byte(0)?.ok_or(Errno::EINVAL)?),
                }
            }
            (SOL_IPV6, IPV6_HOPLIMIT) => self.hop_limit = byte(0)?,
            (SOL_IPV6, IPV6_TCLASS) => self.tos = byte(0)?,
            (SOL_UDP, UDP_SEGMENT) => {
                let size: &[u8; 2] = data.first_chunk().ok_or(Errno::EINVAL)?;
                self.segment = Some(u16::from_le_bytes(*size));
            }
            (SOL_IP | SOL_IPV6 | SOL_UDP | SOL_SOCKET, _) => return Err(Errno::EINVAL),
            // Linux passes over what is of another protocol.
            _ => {}
        }
        Ok(())
    }

    /// The length of each datagram in one.
    pub(crate) fn segment_size(&self, of_socket: u16) -> Option<NonZeroU16> {
        NonZeroU16::new(self.segment.unwrap_or(of_socket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages() -> Vec<ControlMessage> {
        let tos = ControlMessage { level: SOL_IP, kind: IP_TOS, data: vec![0xb8] };
        vec![tos, ControlMessage::int(SOL_IP, IP_TTL, 7)]
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut bytes = [0xff; 64];
        let (len, cut) = ControlMessage::encode(&messages(), &mut bytes);
        assert_eq!((len, cut), (48, false));
        assert_eq!(ControlMessage::decode(&bytes[..len]), Ok(messages()));
    }

    #[test]
    fn what_does_not_fit_is_cut_and_told() {
        let mut bytes = [0; 64];
        assert_eq!(ControlMessage::encode(&messages(), &mut bytes[..30]), (24, true));
        assert_eq!(ControlMessage::decode(&bytes[..24]), Ok(messages()[..1].to_vec()));
        assert_eq!(ControlMessage::encode(&messages(), &mut bytes[..15]), (0, true));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for len in [0u64, 15, 33, u64::MAX] {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&len.to_le_bytes());
            assert_eq!(ControlMessage::decode(&bytes), Err(Errno::EINVAL), "{len}");
        }
    }

    #[test]
    fn control_messages_say_how_to_send() {
        let send =
            |level, kind, data: &[u8]| Sending::new(&[ControlMessage { level, kind, data: data.to_vec() }]);
        let mut info = [0; 12];
        info[0] = 1;
        info[4..8].copy_from_slice(&[192, 0, 2, 1]);
        let expected = Sending {
            source: Some(Ipv4Addr::new(192, 0, 2, 1).into()),
            interface: Some(1),
            ..Sending::default()
        };
        assert_eq!(send(SOL_IP, IP_PKTINFO, &info), Ok(expected));
        assert_eq!(send(SOL_IP, IP_PKTINFO, &info[..11]), Err(Errno::EINVAL));
        let hop_limit =
            |value: i32| send(SOL_IP, IP_TTL, &value.to_le_bytes()).map(|sending| sending.hop_limit);
        assert_eq!(hop_limit(9), Ok(Some(9)));
        assert_eq!(hop_limit(0), Err(Errno::EINVAL));
        assert_eq!(hop_limit(256), Err(Errno::EINVAL));
        assert_eq!(send(SOL_IPV6, IPV6_HOPLIMIT, &(-1i32).to_le_bytes()), Ok(Sending::default()));
        assert_eq!(send(SOL_IP, IP_RETOPTS, &[0; 4]), Err(Errno::EINVAL));
        assert_eq!(send(SOL_TCP, 1, &[]), Ok(Sending::default()));
    }
}
