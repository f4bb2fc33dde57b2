//! The User Datagram Protocol (RFC 768).

use crate::header::header;
use crate::{IpProtocol, ParseError};

header! {
    /// The UDP header (RFC 768).
    pub struct UdpHeader: "UDP header", 8 bytes {
        /// The sender's port; 0 when no reply is expected.
        source_port: u16 = 0..16, "RFC 768 Fields";
        /// The receiver's port.
        destination_port: u16 = 16..32, "RFC 768 Fields";
        /// Length of header and data in bytes, at least 8.
        length: u16 = 32..48, "RFC 768 Fields";
        /// Checksum over pseudo-header, header and data; 0 when the sender did not compute one.
        checksum: u16 = 48..64, "RFC 768 Fields";
    }
}

impl UdpHeader {
    /// Where the checksum field is, in bytes from the header's start.
    pub const CHECKSUM_OFFSET: usize = 6;
    /// The protocol's number in IP headers.
    pub const PROTOCOL: IpProtocol = IpProtocol::Udp;

    /// Reads the header of a datagram and checks its length: `bytes` is what IP carries, and the data is
    /// at `8..length`. The checksum is not verified.
    ///
    /// # Errors
    /// `Truncated` when there are fewer bytes than `length`; `Malformed` when `length` is below 8.
    #[inline]
    pub fn parse_datagram(bytes: &[u8]) -> Result<Self, ParseError> {
        let header = Self::parse(bytes)?;
        let length = usize::from(header.length);
        if length < Self::LEN {
            return Err(ParseError::malformed("UDP header", "the length is below 8 bytes"));
        }
        ParseError::check_len("UDP datagram", length, bytes.len())?;
        Ok(header)
    }
}

#[cfg(test)]
mod tests;
