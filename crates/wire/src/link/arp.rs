//! The Address Resolution Protocol (RFC 826), for IPv4 over Ethernet.

use core::net::Ipv4Addr;

use crate::header::header;
use crate::{EthernetAddress, Field, ParseError};

header! {
    /// An ARP packet for IPv4 over Ethernet, byte for byte.
    pub struct ArpFixed: "ARP packet", 28 bytes {
        /// Hardware address space: 1 for Ethernet.
        hardware_type: u16 = 0..16, "RFC 826 Packet format";
        /// Protocol address space: the EtherType of IPv4, 0x0800.
        protocol_type: u16 = 16..32, "RFC 826 Packet format";
        /// Bytes of a hardware address: 6.
        hardware_length: u8 = 32..40, "RFC 826 Packet format";
        /// Bytes of a protocol address: 4.
        protocol_length: u8 = 40..48, "RFC 826 Packet format";
        /// 1 for a request, 2 for a reply.
        operation: u16 = 48..64, "RFC 826 Packet format";
        /// The sender's Ethernet address.
        sender_hardware: EthernetAddress = 64..112, "RFC 826 Packet format";
        /// The sender's IPv4 address; unspecified in a probe (RFC 5227).
        sender_protocol: Ipv4Addr = 112..144, "RFC 826 Packet format";
        /// The target's Ethernet address; of no meaning in a request.
        target_hardware: EthernetAddress = 144..192, "RFC 826 Packet format";
        /// The IPv4 address that is asked for, or answered to.
        target_protocol: Ipv4Addr = 192..224, "RFC 826 Packet format";
    }
}

/// What an ARP packet asks or says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ArpOperation {
    /// 1: who has the target address?
    Request,
    /// 2: the sender has it.
    Reply,
    /// Anything else, as InARP.
    Unknown(u16),
}

impl From<u16> for ArpOperation {
    fn from(value: u16) -> Self {
        match value {
            1 => ArpOperation::Request,
            2 => ArpOperation::Reply,
            other => ArpOperation::Unknown(other),
        }
    }
}

impl From<ArpOperation> for u16 {
    fn from(value: ArpOperation) -> Self {
        match value {
            ArpOperation::Request => 1,
            ArpOperation::Reply => 2,
            ArpOperation::Unknown(other) => other,
        }
    }
}

/// An ARP packet for IPv4 over Ethernet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArpPacket {
    /// What it asks or says.
    pub operation: ArpOperation,
    /// The sender's Ethernet address.
    pub sender_hardware: EthernetAddress,
    /// The sender's IPv4 address; unspecified in a probe (RFC 5227 2.1.1).
    pub sender_protocol: Ipv4Addr,
    /// The target's Ethernet address; [`EthernetAddress::UNSPECIFIED`] in a request.
    pub target_hardware: EthernetAddress,
    /// The IPv4 address that is asked for, or answered to.
    pub target_protocol: Ipv4Addr,
}

const WHAT: &str = "ARP packet";
const ETHERNET: u16 = 1;
const IPV4: u16 = 0x0800;

impl ArpPacket {
    /// Length in bytes.
    pub const LEN: usize = ArpFixed::LEN;
    /// Its fields.
    pub const FIELDS: &'static [Field] = ArpFixed::FIELDS;

    /// Reads a packet from the front of `bytes`; what follows is padding of the frame.
    ///
    /// # Errors
    /// `Truncated`; `Malformed` when it is not about IPv4 over Ethernet.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let fixed = ArpFixed::parse(bytes)?;
        if (fixed.hardware_type, fixed.hardware_length) != (ETHERNET, 6) {
            return Err(ParseError::malformed(WHAT, "the hardware is not Ethernet"));
        }
        if (fixed.protocol_type, fixed.protocol_length) != (IPV4, 4) {
            return Err(ParseError::malformed(WHAT, "the protocol is not IPv4"));
        }
        Ok(ArpPacket {
            operation: fixed.operation.into(),
            sender_hardware: fixed.sender_hardware,
            sender_protocol: fixed.sender_protocol,
            target_hardware: fixed.target_hardware,
            target_protocol: fixed.target_protocol,
        })
    }

    /// Length in bytes: 28.
    pub const fn header_len(&self) -> usize {
        Self::LEN
    }

    /// Writes the packet to the first 28 bytes of `out`.
    ///
    /// # Panics
    /// When `out` is shorter.
    pub fn emit(&self, out: &mut [u8]) {
        let ArpPacket { operation, sender_hardware, sender_protocol, target_hardware, target_protocol } =
            *self;
        ArpFixed {
            hardware_type: ETHERNET,
            protocol_type: IPV4,
            hardware_length: 6,
            protocol_length: 4,
            operation: operation.into(),
            sender_hardware,
            sender_protocol,
            target_hardware,
            target_protocol,
        }
        .emit(out);
    }
}

#[cfg(test)]
mod tests;
