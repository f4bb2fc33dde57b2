//! A cable between two hosts of this machine that needs no privilege.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytes::BytesMut;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::frame_io::{read_frame, write_frame};
use crate::{Device, ReceiveHalf, TransmitHalf};

/// Room for an Ethernet header with a VLAN tag.
const LINK_HEADER: usize = 18;

/// One end of a pair: what one end transmits, the other receives, whole frames in order.
///
/// Frames cross in the kernel's memory (a pair of sequenced-packet sockets), which bounds what is under
/// way and gives both ends a descriptor to wait for.
#[derive(Debug)]
pub struct MemoryDevice {
    fd: OwnedFd,
    mtu: usize,
}

impl MemoryDevice {
    /// The two ends of a cable for IP packets of up to `mtu` bytes.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn pair(mtu: usize) -> io::Result<(MemoryDevice, MemoryDevice)> {
        let (a, b) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        Ok((MemoryDevice { fd: a, mtu }, MemoryDevice { fd: b, mtu }))
    }
}

impl Device for MemoryDevice {
    fn mtu(&self) -> usize {
        self.mtu
    }

    fn split(self: Box<Self>) -> (Box<dyn ReceiveHalf>, Box<dyn TransmitHalf>) {
        let fd = std::sync::Arc::new(self.fd);
        let largest = self.mtu + LINK_HEADER;
        (
            Box::new(MemoryReceive { fd: std::sync::Arc::clone(&fd), largest }),
            Box::new(MemoryTransmit { fd, largest }),
        )
    }
}

#[derive(Debug)]
struct MemoryReceive {
    fd: std::sync::Arc<OwnedFd>,
    largest: usize,
}

impl ReceiveHalf for MemoryReceive {
    fn receive(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        match read_frame(&self.fd, self.largest, buffer)? {
            // No frame is empty, so this is the other end's close.
            0 => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the other end of the cable is gone")),
            len => Ok(len),
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[derive(Debug)]
struct MemoryTransmit {
    fd: std::sync::Arc<OwnedFd>,
    largest: usize,
}

impl TransmitHalf for MemoryTransmit {
    fn transmit(&mut self, frame: &[IoSlice<'_>]) -> io::Result<()> {
        let len: usize = frame.iter().map(|slice| slice.len()).sum();
        if len == 0 || len > self.largest {
            let message = format!("a frame of {len} bytes, where 1 to {} fit", self.largest);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        write_frame(&self.fd, frame)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Interest, Notifier, Waited, wait};
    use std::time::Duration;

    fn ends() -> (Box<dyn ReceiveHalf>, Box<dyn TransmitHalf>) {
        let (a, b) = MemoryDevice::pair(1500).unwrap();
        (Box::new(a).split().0, Box::new(b).split().1)
    }

    #[test]
    fn frames_arrive_whole_and_in_order() {
        let (mut receive, mut transmit) = ends();
        transmit.transmit(&[IoSlice::new(b"one"), IoSlice::new(b"-and-a-half")]).unwrap();
        transmit.transmit(&[IoSlice::new(b"two")]).unwrap();
        let mut buffer = BytesMut::new();
        assert_eq!(receive.receive(&mut buffer).unwrap(), 14);
        assert_eq!(receive.receive(&mut buffer).unwrap(), 3);
        assert_eq!(&buffer[..], b"one-and-a-halftwo");
        assert_eq!(receive.receive(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_full_cable_says_so_and_becomes_writable_when_read() {
        let (mut receive, mut transmit) = ends();
        let frame = [7u8; 1000];
        let mut sent = 0;
        let error = loop {
            match transmit.transmit(&[IoSlice::new(&frame)]) {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        let full = wait(&[(transmit.fd(), Interest::Writable)], Some(Duration::from_nanos(1))).unwrap();
        assert_eq!(full, Waited::TimedOut);
        for _ in 0..sent {
            receive.receive(&mut BytesMut::new()).unwrap();
        }
        let empty = wait(&[(transmit.fd(), Interest::Writable)], None).unwrap();
        assert_eq!(empty, Waited::Ready);
    }

    #[test]
    fn a_frame_that_does_not_fit_is_refused() {
        let (_receive, mut transmit) = ends();
        let error = transmit.transmit(&[IoSlice::new(&[0; 1600])]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn the_end_of_the_other_end_is_noticed() {
        let (mut receive, transmit) = ends();
        drop(transmit);
        assert_eq!(receive.receive(&mut BytesMut::new()).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_notification_ends_a_wait_once() {
        let notifier = Notifier::new().unwrap();
        let look = || {
            wait(&[(std::os::fd::AsFd::as_fd(&notifier), Interest::Readable)], Some(Duration::ZERO)).unwrap()
        };
        assert_eq!(look(), Waited::TimedOut);
        notifier.notify();
        notifier.notify();
        assert_eq!(look(), Waited::Ready);
        notifier.clear();
        assert_eq!(look(), Waited::TimedOut);
    }
}
