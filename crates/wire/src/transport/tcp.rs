//! The TCP header (RFC 9293 3.1), with the accurate ECN flag of RFC 9768.

use crate::header::header;
use crate::{Field, IpProtocol, ParseError, SeqNumber, TcpOptions};

header! {
    /// The part of the TCP header that every segment has.
    pub struct TcpFixed: "TCP header", 20 bytes {
        /// The sender's port.
        source_port: u16 = 0..16, "RFC 9293 3.1";
        /// The receiver's port.
        destination_port: u16 = 16..32, "RFC 9293 3.1";
        /// Sequence number of the first data byte; of the SYN itself in a SYN.
        seq: u32 = 32..64, "RFC 9293 3.1";
        /// The next sequence number that the sender of this segment expects, if the ACK flag is set.
        ack: u32 = 64..96, "RFC 9293 3.1";
        /// Length of the header in 32-bit words, 5 to 15.
        data_offset: u8 = 96..100, "RFC 9293 3.1";
        /// Must be zero.
        reserved: u8 = 100..103, "RFC 9293 3.1";
        /// Accurate ECN; the third bit of the ACE counter on an established connection.
        flag_ae: bool = 103..104, "RFC 9768 3.1";
        /// Congestion window reduced.
        flag_cwr: bool = 104..105, "RFC 3168 6.1";
        /// ECN echo.
        flag_ece: bool = 105..106, "RFC 3168 6.1";
        /// The urgent pointer counts.
        flag_urg: bool = 106..107, "RFC 9293 3.1";
        /// The acknowledgment number counts.
        flag_ack: bool = 107..108, "RFC 9293 3.1";
        /// Hand the data to the program now.
        flag_psh: bool = 108..109, "RFC 9293 3.1";
        /// Reset the connection.
        flag_rst: bool = 109..110, "RFC 9293 3.1";
        /// Synchronize sequence numbers.
        flag_syn: bool = 110..111, "RFC 9293 3.1";
        /// No more data from the sender.
        flag_fin: bool = 111..112, "RFC 9293 3.1";
        /// Bytes that the sender of this segment will accept, before scaling.
        window: u16 = 112..128, "RFC 9293 3.1";
        /// Checksum over pseudo-header, header and data.
        checksum: u16 = 128..144, "RFC 9293 3.1";
        /// Where urgent data ends, as an offset from the sequence number.
        urgent: u16 = 144..160, "RFC 9293 3.8.5";
    }
}

bitflags::bitflags! {
    /// The control bits of a segment (RFC 9293 3.1, RFC 9768 3.1).
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    pub struct TcpFlags: u16 {
        /// No more data from the sender.
        const FIN = 0x001;
        /// Synchronize sequence numbers.
        const SYN = 0x002;
        /// Reset the connection.
        const RST = 0x004;
        /// Hand the data to the program now.
        const PSH = 0x008;
        /// The acknowledgment number counts.
        const ACK = 0x010;
        /// The urgent pointer counts.
        const URG = 0x020;
        /// ECN echo.
        const ECE = 0x040;
        /// Congestion window reduced.
        const CWR = 0x080;
        /// Accurate ECN.
        const AE = 0x100;
    }
}

const WHAT: &str = "TCP header";

/// A TCP header with its options: 20 to 60 bytes. The checksum is not kept; see [`parse`](Self::parse)
/// and [`emit`](Self::emit).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TcpHeader {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// Sequence number of the first data byte; of the SYN itself in a SYN.
    pub seq: SeqNumber,
    /// The next sequence number that the sender of this segment expects; counts with [`TcpFlags::ACK`].
    pub ack: SeqNumber,
    /// The control bits.
    pub flags: TcpFlags,
    /// Bytes that the sender of this segment will accept, before scaling (RFC 7323 2).
    pub window: u16,
    /// Urgent pointer; counts with [`TcpFlags::URG`].
    pub urgent: u16,
    /// The options.
    pub options: TcpOptions,
}

impl TcpHeader {
    /// Length in bytes without options.
    pub const LEN: usize = TcpFixed::LEN;
    /// The largest length in bytes, with 40 bytes of options.
    pub const MAX_LEN: usize = 60;
    /// The fields of the part that every segment has.
    pub const FIELDS: &'static [Field] = TcpFixed::FIELDS;
    /// Where the checksum field is, in bytes from the header's start.
    pub const CHECKSUM_OFFSET: usize = 16;
    /// The protocol's number in IP headers.
    pub const PROTOCOL: IpProtocol = IpProtocol::Tcp;

    /// Reads the header of a segment; the data begins at [`data_offset`](Self::data_offset)`(bytes)`.
    /// The checksum is not verified: it covers the data and the pseudo-header, and a device may have
    /// verified it already.
    ///
    /// # Errors
    /// `Truncated` when the segment ends inside the header; `Malformed` when the data offset is below 20
    /// bytes or an option's length is below 2 or beyond the header (see [`TcpOptions::parse`]).
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut header = TcpHeader::default();
        header.read(bytes)?;
        Ok(header)
    }

    /// As [`parse`](Self::parse), in place of the header that was here; what is left of that after an error is
    /// not said. A header is large, for its options: this way it is not copied.
    ///
    /// # Errors
    /// As of [`parse`](Self::parse).
    #[inline]
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), ParseError> {
        let fixed = TcpFixed::parse(bytes)?;
        let header_len = usize::from(fixed.data_offset) * 4;
        if header_len < TcpFixed::LEN {
            return Err(ParseError::malformed(WHAT, "the data offset is below 20 bytes"));
        }
        ParseError::check_len(WHAT, header_len, bytes.len())?;
        let flags = [
            (fixed.flag_fin, TcpFlags::FIN),
            (fixed.flag_syn, TcpFlags::SYN),
            (fixed.flag_rst, TcpFlags::RST),
            (fixed.flag_psh, TcpFlags::PSH),
            (fixed.flag_ack, TcpFlags::ACK),
            (fixed.flag_urg, TcpFlags::URG),
            (fixed.flag_ece, TcpFlags::ECE),
            (fixed.flag_cwr, TcpFlags::CWR),
            (fixed.flag_ae, TcpFlags::AE),
        ]
        .into_iter()
        .fold(0, |bits, (set, flag)| bits | if set { flag.bits() } else { 0 });
        self.source_port = fixed.source_port;
        self.destination_port = fixed.destination_port;
        self.seq = SeqNumber(fixed.seq);
        self.ack = SeqNumber(fixed.ack);
        self.flags = TcpFlags::from_bits_truncate(flags);
        self.window = fixed.window;
        self.urgent = fixed.urgent;
        self.options.read(&bytes[TcpFixed::LEN..header_len])
    }

    /// Where the data of a parsed segment begins: the header's length as its sender wrote it, which may be
    /// padded differently than [`header_len`](Self::header_len) would be.
    #[inline]
    pub fn data_offset(segment: &[u8]) -> usize {
        segment.get(12).map_or(0, |byte| usize::from(byte >> 4) * 4)
    }

    /// Length in bytes as [`emit`](Self::emit) writes it, 20 to 60.
    #[inline]
    pub fn header_len(&self) -> usize {
        TcpFixed::LEN + self.options.encoded_len()
    }

    /// Writes the header, with a checksum of zero, to the first [`header_len`](Self::header_len) bytes of
    /// `out`.
    ///
    /// # Panics
    /// When `out` is shorter.
    #[inline]
    pub fn emit(&self, out: &mut [u8]) {
        let TcpHeader { source_port, destination_port, seq, ack, flags, window, urgent, options } = self;
        let header_len = self.header_len();
        TcpFixed {
            source_port: *source_port,
            destination_port: *destination_port,
            seq: seq.0,
            ack: ack.0,
            data_offset: (header_len / 4) as u8,
            reserved: 0,
            flag_ae: flags.contains(TcpFlags::AE),
            flag_cwr: flags.contains(TcpFlags::CWR),
            flag_ece: flags.contains(TcpFlags::ECE),
            flag_urg: flags.contains(TcpFlags::URG),
            flag_ack: flags.contains(TcpFlags::ACK),
            flag_psh: flags.contains(TcpFlags::PSH),
            flag_rst: flags.contains(TcpFlags::RST),
            flag_syn: flags.contains(TcpFlags::SYN),
            flag_fin: flags.contains(TcpFlags::FIN),
            window: *window,
            checksum: 0,
            urgent: *urgent,
        }
        .emit(out);
        options.emit(&mut out[TcpFixed::LEN..header_len]);
    }

    /// The sequence numbers that this segment takes with `data_len` bytes of data: SYN and FIN count as
    /// one each (RFC 9293 3.4).
    #[inline]
    pub fn segment_len(&self, data_len: usize) -> u32 {
        data_len as u32
            + u32::from(self.flags.contains(TcpFlags::SYN))
            + u32::from(self.flags.contains(TcpFlags::FIN))
    }
}

#[cfg(test)]
mod tests;
