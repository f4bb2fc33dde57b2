//! The halves of a device that is a file descriptor, whatever kind of descriptor.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use crate::device::{Checksum, Received, ReceivedFrame};
use crate::frame_io::{MAX_FRAME, Reader, write_frame};
use crate::virtio::{self, Believed, Contradiction, VirtioHeader};
use crate::{Frame, Medium, ReceiveHalf, TransmitHalf};

/// What stands before each frame on a descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Prefix {
    /// The four bytes of `struct tun_pi`: flags, and an EtherType in network byte order.
    pub(crate) packet_information: bool,
    /// Bytes of a virtio header, with what follows its fields; 0 for none.
    pub(crate) virtio: usize,
}

/// Bytes of `struct tun_pi`.
const PACKET_INFORMATION: usize = 4;
/// A flag in it: the frame was cut off.
const STRIPPED: u16 = 1;
/// The longest prefix: packet information, and a virtio header with a count of buffers.
const MAX_PREFIX: usize = PACKET_INFORMATION + virtio::LEN + 2;

impl Prefix {
    /// A virtio header and nothing else.
    pub(crate) const VIRTIO: Prefix = Prefix { packet_information: false, virtio: virtio::LEN };

    fn len(self) -> usize {
        if self.packet_information { PACKET_INFORMATION + self.virtio } else { self.virtio }
    }

    /// What may be believed of a frame that came with its prefix.
    fn check(self, bytes: &mut [u8], medium: Medium) -> Result<Believed, Contradiction> {
        if bytes.len() > MAX_FRAME + self.len() {
            return Err(Contradiction::TooLong);
        }
        let (prefix, frame) = bytes.split_at_mut_checked(self.len()).ok_or(Contradiction::NoHeader)?;
        let mut prefix: &[u8] = prefix;
        if self.packet_information {
            let (information, rest) = prefix.split_at(PACKET_INFORMATION);
            if u16::from_ne_bytes([information[0], information[1]]) & STRIPPED != 0 {
                return Err(Contradiction::TooLong);
            }
            prefix = rest;
        }
        match prefix.first_chunk() {
            Some(header) => VirtioHeader::parse(header).check(frame, medium),
            None => Ok((None, Checksum::Unverified)),
        }
    }

    /// Writes the prefix of a frame to `out`, and gives its length.
    fn write(self, frame: &Frame<'_>, medium: Medium, out: &mut [u8; MAX_PREFIX]) -> usize {
        let mut at = 0;
        if self.packet_information {
            let version = frame.parts.first().and_then(|part| part.first()).map(|first| first >> 4);
            let ether_type: u16 = if version == Some(6) { 0x86dd } else { 0x0800 };
            out[2..4].copy_from_slice(&ether_type.to_be_bytes());
            at = PACKET_INFORMATION;
        }
        if self.virtio > 0 {
            let header = VirtioHeader::of(frame, medium).emit();
            out[at..at + virtio::LEN].copy_from_slice(&header);
        }
        self.len()
    }
}

/// The two halves of a descriptor.
pub(crate) fn halves(
    fd: OwnedFd,
    medium: Medium,
    prefix: Prefix,
) -> (Box<dyn ReceiveHalf>, Box<dyn TransmitHalf>) {
    let fd = Arc::new(fd);
    let receive = Receive { fd: Arc::clone(&fd), medium, prefix, reader: Reader::default() };
    (Box::new(receive), Box::new(Transmit { fd, medium, prefix }))
}

#[derive(Debug)]
struct Receive {
    fd: Arc<OwnedFd>,
    medium: Medium,
    prefix: Prefix,
    reader: Reader,
}

impl ReceiveHalf for Receive {
    fn receive(&mut self) -> io::Result<Received> {
        let bytes = self.reader.read(&self.fd).map_err(|error| match error.raw_os_error() {
            // The second is the driver's word for an interface that is being taken away.
            Some(libc::EBADFD | libc::EIO) => removed(),
            _ => error,
        })?;
        let len = bytes.len();
        // No frame is empty, so this is the other end's close.
        if len == 0 {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the other end is closed"));
        }
        let skip = self.prefix.len();
        Ok(match self.prefix.check(bytes, self.medium) {
            Ok((segment_size, checksum)) => {
                Received::Frame(ReceivedFrame { bytes: self.reader.take(skip), segment_size, checksum })
            }
            Err(why) => Received::Refused { len: len.saturating_sub(skip), why },
        })
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[derive(Debug)]
struct Transmit {
    fd: Arc<OwnedFd>,
    medium: Medium,
    prefix: Prefix,
}

impl TransmitHalf for Transmit {
    fn transmit(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        let unable = self.prefix.virtio == 0 && (frame.checksum.is_some() || frame.segment_size.is_some());
        if unable || frame.is_empty() {
            let message = "an empty frame, or one with work for a device that does none";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut prefix = [0; MAX_PREFIX];
        let len = self.prefix.write(frame, self.medium, &mut prefix);
        write_frame(&self.fd, &prefix[..len], frame.parts).map_err(|error| match error.raw_os_error() {
            // The driver's word for an interface that nobody has set up.
            Some(libc::EIO | libc::ENETDOWN) => {
                io::Error::new(io::ErrorKind::NetworkDown, "the interface is down on the kernel's side")
            }
            Some(libc::EBADFD) => removed(),
            Some(libc::EINVAL | libc::EMSGSIZE) => io::Error::new(io::ErrorKind::InvalidInput, error),
            Some(libc::ENOBUFS) => io::Error::new(io::ErrorKind::OutOfMemory, error),
            _ => error,
        })
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn removed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the interface was removed")
}

/// A frame in one piece, as most tests have it.
#[cfg(test)]
pub(crate) fn transmit_bytes(half: &mut dyn TransmitHalf, bytes: &[u8]) -> io::Result<()> {
    half.transmit(&Frame::plain(&[io::IoSlice::new(bytes)]))
}
