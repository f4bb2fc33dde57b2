//! Packets on their way out, which may be more than one frame.
//!
//! A super-segment that no device cuts for us is cut here, at the last moment, one frame each time the
//! device has room; so is a packet that must be fragmented.

mod fragments;
mod segments;
mod unfinished;

use alloc::boxed::Box;
use core::net::{IpAddr, Ipv4Addr};
use core::num::NonZeroU16;

use arrayvec::ArrayVec;
use bytes::{Buf, Bytes, BytesMut};
use fathom_record::RecordId;
use fathom_wire::{EthernetAddress, Instant, IpHeader};

pub(crate) use fragments::Fragments;
pub(crate) use segments::{Kind, Segments, has_cwr};
pub(crate) use unfinished::{Unfinished, finished, pieces};

use crate::memory::append_copy;
use crate::packet::MAX_SLICES;
use crate::transmit::{MAX_HEADERS, Transmit, TransmitChecksum, Written};

/// Charged for a packet in a queue beside its data: its headers and itself.
const QUEUE_OVERHEAD: usize = 512;

/// Link, IP and transport header, and the data where it is short.
pub(crate) type Headers = ArrayVec<u8, MAX_HEADERS>;

/// Payload as slices.
pub(crate) type Slices = ArrayVec<Bytes, MAX_SLICES>;

/// A packet with all its headers, on an interface's link.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// Link, IP and transport header, and the data where it is short. While the next hop's link address is not known, the link header has
    /// zeros in its place.
    pub(crate) headers: Headers,
    /// Bytes of the link header.
    pub(crate) link_len: u8,
    pub(crate) slices: Slices,
    pub(crate) cut: Cut,
    /// The record that explains why it is sent.
    pub(crate) cause: Option<RecordId>,
}

/// How a packet becomes frames.
#[derive(Clone, Debug)]
pub(crate) enum Cut {
    /// As it is.
    Whole {
        /// What the device is to complete.
        checksum: TransmitChecksum,
        /// The device cuts it.
        segment_size: Option<NonZeroU16>,
    },
    /// As TCP segments or UDP datagrams.
    Segments(Segments),
    /// As IP fragments.
    Fragments(Box<Fragments>),
    /// All its frames are made.
    Done,
}

impl Default for Outgoing {
    /// No packet: all its frames are made.
    fn default() -> Self {
        let (headers, slices) = (Headers::new(), Slices::new());
        Outgoing { headers, link_len: 0, slices, cut: Cut::Done, cause: None }
    }
}

impl Outgoing {
    /// A packet that fits one frame and needs nothing more.
    pub(crate) fn whole(headers: Headers, link_len: usize, slices: Slices) -> Self {
        let cut = Cut::Whole { checksum: TransmitChecksum::Complete, segment_size: None };
        Outgoing { headers, link_len: link_len as u8, slices, cut, cause: None }
    }

    /// Bytes from the IP header on, as one packet.
    pub(crate) fn ip_len(&self) -> usize {
        self.headers.len() - usize::from(self.link_len) + slices_len(&self.slices)
    }

    /// What is charged for the packet while it waits in a queue of the stack.
    pub(crate) fn charge(&self) -> usize {
        QUEUE_OVERHEAD + slices_len(&self.slices)
    }

    /// The packet from its IP header on, for an ICMP error that quotes it. Copies `limit` bytes at most.
    pub(crate) fn quote(&self, limit: usize) -> Bytes {
        let headers = &self.headers[usize::from(self.link_len)..];
        let mut quote = alloc::vec::Vec::with_capacity(limit.min(self.ip_len()));
        for part in core::iter::once(headers).chain(self.slices.iter().map(|slice| slice.as_ref())) {
            quote.extend_from_slice(&part[..part.len().min(limit - quote.len())]);
        }
        quote.into()
    }

    /// The source address of the packet.
    pub(crate) fn source(&self) -> IpAddr {
        let ip = self.quote(60);
        IpHeader::parse_quoted(&ip).map_or(Ipv4Addr::UNSPECIFIED.into(), |header| header.source())
    }

    /// Fills in the next hop's link address.
    pub(crate) fn set_link_destination(&mut self, hardware: EthernetAddress) {
        if self.link_len > 0 {
            self.headers[..6].copy_from_slice(&hardware.0);
        }
    }

    /// Makes the next frame; `None` when all are made.
    pub(crate) fn next_frame(&mut self, now: Instant) -> Option<Transmit> {
        let (headers, slices, checksum, segment_size) = match &mut self.cut {
            Cut::Done => return None,
            Cut::Whole { checksum, segment_size } => {
                let (checksum, segment_size) = (*checksum, *segment_size);
                self.cut = Cut::Done;
                let headers = core::mem::take(&mut self.headers);
                (headers, core::mem::take(&mut self.slices), checksum, segment_size)
            }
            Cut::Segments(segments) => {
                let (headers, slices) = segments.next(&self.headers, &mut self.slices);
                if self.slices.is_empty() {
                    self.cut = Cut::Done;
                }
                (headers, slices, TransmitChecksum::Complete, None)
            }
            Cut::Fragments(fragments) => {
                let link = &self.headers[..usize::from(self.link_len)];
                let (headers, slices) = fragments.next(link, &mut self.slices);
                if self.slices.is_empty() {
                    self.cut = Cut::Done;
                }
                (headers, slices, TransmitChecksum::Complete, None)
            }
        };
        Some(Transmit { headers, slices, segment_size, checksum, departure: now, cause: self.cause })
    }

    /// Writes the next frame behind what `out` holds; `None` when all are made.
    pub(crate) fn write_frame(&mut self, now: Instant, out: &mut BytesMut) -> Option<Written> {
        let start = out.len();
        let (checksum, segment_size) = match &mut self.cut {
            Cut::Done => return None,
            Cut::Whole { checksum, segment_size } => {
                let rest = (*checksum, *segment_size);
                out.reserve(self.headers.len() + slices_len(&self.slices));
                out.extend_from_slice(&self.headers);
                for slice in &self.slices {
                    append_copy(out, slice);
                }
                self.slices.clear();
                self.cut = Cut::Done;
                rest
            }
            Cut::Segments(segments) => {
                segments.write_next(&self.headers, &mut self.slices, out);
                if self.slices.is_empty() {
                    self.cut = Cut::Done;
                }
                (TransmitChecksum::Complete, None)
            }
            Cut::Fragments(_) => {
                let frame = self.next_frame(now)?;
                frame.append_to(out);
                (frame.checksum, frame.segment_size)
            }
        };
        Some(Written { len: out.len() - start, segment_size, checksum, departure: now, cause: self.cause })
    }

    /// Whether all frames are made.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.cut, Cut::Done)
    }
}

/// What the device makes of a frame that it is to complete or cut; `None` when the frame is complete.
/// `link_len` is the length of its link header.
pub(crate) fn completed(frame: &Transmit, link_len: usize) -> Option<Outgoing> {
    let TransmitChecksum::Partial { start, offset } = frame.checksum else { return None };
    Some(segments::by_device(frame, link_len, usize::from(start), usize::from(offset)))
}

/// Bytes in all slices.
pub(crate) fn slices_len(slices: &Slices) -> usize {
    slices.iter().map(Bytes::len).sum()
}

/// Appends `len` bytes to `headers` and lets `write` fill them.
#[inline]
pub(crate) fn emit(headers: &mut Headers, len: usize, write: impl FnOnce(&mut [u8])) {
    let start = headers.len();
    append(headers, &[0; MAX_HEADERS][..len]);
    write(&mut headers[start..]);
}

/// Appends bytes to `headers`, in one copy.
///
/// # Panics
/// When all headers together are longer than [`MAX_HEADERS`], which the longest of each layer are not.
#[inline]
pub(crate) fn append(headers: &mut Headers, bytes: &[u8]) {
    headers.try_extend_from_slice(bytes).expect("the headers of all layers fit together");
}

/// Moves the first `len` bytes behind what `out` holds.
fn copy_front(slices: &mut Slices, mut len: usize, out: &mut BytesMut) {
    while len > 0 && !slices.is_empty() {
        let first = &mut slices[0];
        let part = len.min(first.len());
        append_copy(out, &first[..part]);
        len -= part;
        first.advance(part);
        if first.is_empty() {
            slices.remove(0);
        }
    }
}

/// Takes the first `len` bytes, or what there is of them.
fn take_front(slices: &mut Slices, mut len: usize) -> Slices {
    let mut front = Slices::new();
    while len > 0 && !slices.is_empty() {
        let first = &mut slices[0];
        if first.len() > len {
            front.push(first.slice(..len));
            first.advance(len);
            break;
        }
        len -= first.len();
        front.push(slices.remove(0));
    }
    // What is left begins with data, so that nothing is left when no slice is.
    while slices.first().is_some_and(Bytes::is_empty) {
        slices.remove(0);
    }
    front
}
