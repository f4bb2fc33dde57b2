//! Cuts a packet into IP fragments (RFC 791 3.2, RFC 8200 4.5).

use arrayvec::ArrayVec;
use fathom_wire::{IpHeader, IpProtocol, Ipv4Header, Ipv4Options, Ipv6FragmentHeader, Ipv6Header};

use super::{Headers, Slices, append, emit, slices_len, take_front};

/// The copied flag of an IPv4 option's kind: the option goes into every fragment (RFC 791 3.1).
const COPIED: u8 = 0x80;
/// The option kind that pads (RFC 791 3.1, no operation).
const NO_OPERATION: u8 = 1;

/// Where the fragmenting of a packet stands. The slices hold everything behind the IP header.
#[derive(Clone, Debug)]
pub(crate) struct Fragments {
    /// The header of the whole packet; for a fragment that is cut further, its own.
    pub(crate) header: IpHeader,
    /// Largest fragment, IP header included.
    pub(crate) mtu: usize,
    /// Identification, for IPv6.
    pub(crate) identification: u32,
    /// Bytes cut off so far.
    pub(crate) offset: u16,
}

impl Fragments {
    /// The next fragment: its headers behind `link`, and its part of `rest`.
    pub(super) fn next(&mut self, link: &[u8], rest: &mut Slices) -> (Headers, Slices) {
        let mut headers = Headers::new();
        append(&mut headers, link);
        let slices = match self.header.clone() {
            IpHeader::V4(header) => self.next_v4(header, &mut headers, rest),
            IpHeader::V6(header) => self.next_v6(header, &mut headers, rest),
        };
        self.offset += slices_len(&slices) as u16;
        (headers, slices)
    }

    fn next_v4(&self, mut header: Ipv4Header, headers: &mut Headers, rest: &mut Slices) -> Slices {
        if self.offset > 0 {
            header.options = copied_options(&header.options);
        }
        let slices = take_front(rest, whole_units(self.mtu - header.header_len()));
        header.fragment_offset += self.offset;
        // The last part of a fragment that is cut further keeps its flag.
        header.more_fragments |= !rest.is_empty();
        header.payload_len = slices_len(&slices) as u16;
        emit(headers, header.header_len(), |out| header.emit(out));
        slices
    }

    fn next_v6(&self, mut header: Ipv6Header, headers: &mut Headers, rest: &mut Slices) -> Slices {
        let slices = take_front(rest, whole_units(self.mtu - Ipv6Header::LEN - Ipv6FragmentHeader::LEN));
        let fragment = Ipv6FragmentHeader {
            next_header: header.next_header,
            offset: self.offset,
            more_fragments: !rest.is_empty(),
            identification: self.identification,
        };
        header.next_header = IpProtocol::Ipv6Fragment;
        header.payload_len = (Ipv6FragmentHeader::LEN + slices_len(&slices)) as u16;
        emit(headers, Ipv6Header::LEN, |out| header.emit(out));
        emit(headers, Ipv6FragmentHeader::LEN, |out| fragment.emit(out));
        slices
    }
}

/// The largest multiple of 8 bytes within `len` (RFC 791 3.2: all fragments but the last carry one).
fn whole_units(len: usize) -> usize {
    len & !7
}

/// The options that go into the fragments after the first.
fn copied_options(options: &Ipv4Options) -> Ipv4Options {
    let mut bytes: ArrayVec<u8, 40> = ArrayVec::new();
    for option in options.iter().filter(|option| option.kind & COPIED != 0 && option.kind != NO_OPERATION) {
        bytes.push(option.kind);
        bytes.push(option.data.len() as u8 + 2);
        bytes.extend(option.data.iter().copied());
    }
    // A part of well-formed options is well-formed.
    Ipv4Options::parse(&bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests;
