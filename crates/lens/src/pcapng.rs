//! Captures in the pcapng format, with the TLS secrets inside.
//!
//! Before touching this file, read draft-ietf-opsawg-pcapng (sections 3.1 general block structure, 3.5
//! options, 4.1 to 4.6 the blocks, and the Decryption Secrets Block). All numbers are little endian here.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::Duration;

use fathom_record::{Direction, Kind, Record};
use fathom_wire::Instant;

use crate::{Causes, LinkType};

mod block;

use block::Block;

/// An interface of the capture; its place in the list is its
/// [`InterfaceIndex`](fathom_record::InterfaceIndex).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Its name, as `eth0`.
    pub name: String,
    /// What its frames begin with.
    pub link_type: LinkType,
}

/// What a capture says about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capture {
    /// The interfaces of the recording host.
    pub interfaces: Vec<Interface>,
    /// The time since the Unix epoch at [`Instant::ZERO`].
    pub epoch: Duration,
    /// The program that writes it, with its version.
    pub application: String,
    /// What the capture is of, such as the command line; may be empty.
    pub comment: String,
    /// Whether TLS secrets are written. With them anybody who has the file can read what was encrypted.
    pub secrets: bool,
}

/// Writes records as a pcapng file: frames with their direction and the reason they were sent for, TLS
/// secrets before the frames that need them.
///
/// A program learns a TLS secret only after the frame arrived that it decrypts, and Wireshark wants it
/// the other way round. So frames wait until records are [`LOOKAHEAD`](Self::LOOKAHEAD) younger, and
/// secrets overtake them. The same records give the same file, byte for byte.
///
/// Call [`finish`](Self::finish) at the end: without it the last frames are missing.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    capture: Capture,
    causes: Causes,
    waiting: VecDeque<Waiting>,
    block: Block,
    counts: Vec<Count>,
}

#[derive(Debug)]
struct Waiting {
    at: Instant,
    interface: usize,
    direction: Direction,
    bytes: bytes::Bytes,
    comment: String,
}

#[derive(Clone, Copy, Default, Debug)]
struct Count {
    frames: u64,
    first: Option<Instant>,
    last: Instant,
}

impl<W: Write> Writer<W> {
    /// How long frames wait for secrets, in the time of the records.
    pub const LOOKAHEAD: Duration = Duration::from_secs(1);
    /// How many frames wait at most.
    pub const MAX_WAITING: usize = 4096;

    /// Begins a capture: writes the section header and the interfaces.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(mut out: W, capture: Capture) -> io::Result<Self> {
        let mut block = Block::default();
        block.section_header(&capture.application, &capture.comment);
        for interface in &capture.interfaces {
            block.interface(&interface.name, interface.link_type);
        }
        block.write_to(&mut out)?;
        let counts = vec![Count::default(); capture.interfaces.len()];
        let links: Vec<LinkType> = capture.interfaces.iter().map(|interface| interface.link_type).collect();
        Ok(Writer { out, capture, causes: Causes::new(&links), waiting: VecDeque::new(), block, counts })
    }

    /// Takes the next record. Records other than frames and secrets only serve to explain frames.
    ///
    /// A frame of an interface that the capture does not have is left out.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn push(&mut self, record: &Record) -> io::Result<()> {
        let explained = self.causes.push(record);
        match &record.kind {
            Kind::Frame(frame) => {
                let interface = usize::from(frame.interface.0);
                if interface < self.capture.interfaces.len() {
                    self.waiting.push_back(Waiting {
                        at: record.at,
                        interface,
                        direction: frame.direction,
                        bytes: frame.bytes.clone(),
                        comment: explained.map(|(_, why)| why).unwrap_or_default(),
                    });
                }
            }
            Kind::TlsSecret(line) if self.capture.secrets => self.block.tls_secret(line),
            _ => {}
        }
        while let Some(first) = self.waiting.front()
            && (first.at + Self::LOOKAHEAD < record.at || self.waiting.len() > Self::MAX_WAITING)
        {
            self.write_first();
        }
        self.block.write_to(&mut self.out)
    }

    /// Writes what waits and the statistics, and gives the output back, flushed.
    ///
    /// `lost` is the number of records that the recorder lost; it goes into the statistics of every
    /// interface, as it is not known whose frames they were.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self, lost: u64) -> io::Result<W> {
        while !self.waiting.is_empty() {
            self.write_first();
            self.block.write_to(&mut self.out)?;
        }
        for (interface, count) in self.counts.iter().enumerate() {
            let Some(first) = count.first else { continue };
            let (first, last) = (self.unix_nanos(first), self.unix_nanos(count.last));
            self.block.statistics(interface as u32, first, last, count.frames, lost);
        }
        self.block.write_to(&mut self.out)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn write_first(&mut self) {
        let Some(Waiting { at, interface, direction, bytes, comment }) = self.waiting.pop_front() else {
            return;
        };
        let count = &mut self.counts[interface];
        count.frames += 1;
        count.first.get_or_insert(at);
        count.last = at;
        let nanos = self.unix_nanos(at);
        self.block.packet(interface as u32, nanos, direction, &bytes, &comment);
    }

    fn unix_nanos(&self, at: Instant) -> u64 {
        u64::try_from(self.capture.epoch.as_nanos()).unwrap_or(u64::MAX).saturating_add(at.as_nanos())
    }
}

/// Writes `records` as one capture.
///
/// # Errors
/// Those of `out`.
pub fn write<'a>(
    out: impl Write,
    capture: Capture,
    records: impl IntoIterator<Item = &'a Record>,
) -> io::Result<()> {
    let mut writer = Writer::new(out, capture)?;
    for record in records {
        writer.push(record)?;
    }
    writer.finish(0).map(drop)
}

#[cfg(test)]
mod tests;
