//! One frame per system call, on any descriptor that keeps message boundaries.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The longest frame: an IP packet of 64 KiB, and an Ethernet header with a VLAN tag.
pub(crate) const MAX_FRAME: usize = 65535 + 18;
/// Room for the longest frame and for what a descriptor puts before it, with some more: what fills it all was
/// cut off.
const ROOM: usize = MAX_FRAME + 64;
/// Longer frames are handed on in the buffer that they were read into, shorter ones are copied: at least a
/// quarter of what a frame keeps in memory is the frame.
const HAND_ON: usize = ROOM / 4;
/// Bytes of the blocks to which short frames are copied.
const BLOCK: usize = HAND_ON;
/// Buffers that are kept to be used again. A socket's reader empties them in about the order of their filling.
const BUFFERS: usize = 32;
/// How many of them are looked at for one that is free.
const LOOK_AT: usize = 4;
/// Some C libraries copy more at a time by an instruction that is slow when source and destination lie
/// unfavourably.
const COPY_AT_ONCE: usize = 2048;

/// Reads frames.
///
/// Nothing is zeroed and no frame is cut off, however long it is: whoever has the other end may have a larger
/// MTU than this one did when it was opened.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// What was read last, and room for the next.
    buffer: BytesMut,
    /// Where short frames are copied to.
    block: BytesMut,
    /// Buffers that were handed on. The one that has waited longest comes first.
    lent: VecDeque<BytesMut>,
}

impl Reader {
    /// Reads the next frame, with what the descriptor puts before it.
    pub(crate) fn read(&mut self, fd: impl AsFd) -> io::Result<&mut [u8]> {
        self.buffer.clear();
        if self.buffer.capacity() < ROOM {
            self.buffer = self.free_buffer();
        }
        let (frame, _) = rustix::io::read(fd, self.buffer.spare_capacity_mut())?;
        let len = frame.len();
        advance(&mut self.buffer, len);
        Ok(&mut self.buffer)
    }

    /// Takes what was read, without its first `skip` bytes.
    pub(crate) fn take(&mut self, skip: usize) -> Bytes {
        let len = self.buffer.len() - skip;
        if len < HAND_ON {
            if self.block.capacity() < len {
                self.block = BytesMut::with_capacity(BLOCK);
            }
            for piece in self.buffer[skip..].chunks(COPY_AT_ONCE) {
                self.block.extend_from_slice(piece);
            }
            return self.block.split().freeze();
        }
        let mut frame = self.buffer.split();
        frame.advance(skip);
        let rest = std::mem::take(&mut self.buffer);
        if self.lent.len() == BUFFERS {
            self.lent.pop_front();
        }
        self.lent.push_back(rest);
        frame.freeze()
    }

    /// A buffer that nobody refers to any more, or a new one.
    fn free_buffer(&mut self) -> BytesMut {
        for _ in 0..self.lent.len().min(LOOK_AT) {
            let Some(mut oldest) = self.lent.pop_front() else { break };
            if oldest.try_reclaim(ROOM) {
                return oldest;
            }
            self.lent.push_back(oldest);
        }
        BytesMut::with_capacity(ROOM)
    }
}

#[allow(unsafe_code)]
fn advance(buffer: &mut BytesMut, len: usize) {
    // SAFETY: `read` gave back the first `len` bytes of the spare capacity as initialized, and nothing
    // else has touched the buffer since.
    unsafe { buffer.advance_mut(len) }
}

/// Writes one frame, gathered from `parts`, with `prefix` before it.
pub(crate) fn write_frame(fd: impl AsFd, prefix: &[u8], parts: &[IoSlice<'_>]) -> io::Result<()> {
    /// As many parts as a frame of the engine can have, with room to spare.
    const PARTS: usize = 16;
    if prefix.is_empty() {
        return gather(fd, parts);
    }
    let mut all = [IoSlice::new(&[]); PARTS];
    if parts.len() >= PARTS {
        let mut joined = Vec::with_capacity(parts.len() + 1);
        joined.push(IoSlice::new(prefix));
        joined.extend_from_slice(parts);
        return gather(fd, &joined);
    }
    all[0] = IoSlice::new(prefix);
    all[1..=parts.len()].copy_from_slice(parts);
    gather(fd, &all[..=parts.len()])
}

fn gather(fd: impl AsFd, parts: &[IoSlice<'_>]) -> io::Result<()> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let written = rustix::io::writev(fd, parts)?;
    if written != len {
        return Err(io::Error::new(
            io::ErrorKind::WriteZero,
            format!("the device took {written} of {len} bytes of a frame"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    use std::os::fd::OwnedFd;

    fn ends() -> (OwnedFd, OwnedFd) {
        let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
        socketpair(family, kind, SocketFlags::NONBLOCK, None).unwrap()
    }

    /// Writes a frame to one end and gives it as it comes from the other.
    fn moved(reader: &mut Reader, ends: &(OwnedFd, OwnedFd), frame: &[u8], skip: usize) -> Bytes {
        write_frame(&ends.0, &frame[..skip], &[IoSlice::new(&frame[skip..])]).unwrap();
        assert_eq!(reader.read(&ends.1).unwrap(), frame);
        reader.take(skip)
    }

    #[test]
    fn frames_of_every_size_come_whole_and_stay_as_they_were() {
        let (mut reader, ends) = (Reader::default(), ends());
        let frame = |number: usize| {
            let len = [60, 1514, HAND_ON - 1, HAND_ON, HAND_ON + 10, 65535, 20_000][number % 7];
            (0..len).map(|i| (i * 7 + number) as u8).collect::<Vec<u8>>()
        };
        let mut kept = Vec::new();
        for number in 0..200 {
            let bytes = moved(&mut reader, &ends, &frame(number), 10);
            // Each third is kept for a while, so that buffers come back out of order.
            if number % 3 == 0 {
                kept.push((number, bytes));
            }
            if kept.len() > 40 {
                let (number, bytes) = kept.remove(number % 40);
                assert_eq!(bytes, frame(number)[10..], "frame {number}");
            }
        }
        for (number, bytes) in kept {
            assert_eq!(bytes, frame(number)[10..], "frame {number}");
        }
    }

    #[test]
    fn a_buffer_is_used_again_when_its_frame_is_gone() {
        let (mut reader, ends) = (Reader::default(), ends());
        let large = vec![1; 60_000];
        let first = moved(&mut reader, &ends, &large, 0).as_ptr();
        let mut again = false;
        for _ in 0..2 {
            again |= moved(&mut reader, &ends, &large, 0).as_ptr() == first;
        }
        assert!(again);
    }

    #[test]
    fn a_short_frame_keeps_no_large_buffer() {
        let (mut reader, ends) = (Reader::default(), ends());
        let kept: Vec<Bytes> = (0..100).map(|_| moved(&mut reader, &ends, &[1; 64], 0)).collect();
        let span = kept.iter().map(|bytes| bytes.as_ptr() as usize);
        let (low, high) = (span.clone().min().unwrap(), span.max().unwrap());
        assert!(high - low < BLOCK, "a hundred short frames are in one block");
        assert!(reader.lent.is_empty());
    }
}
