//! A cable between two hosts of this machine that needs no privilege.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::descriptor::{Prefix, halves};
use crate::{Device, Frame, Medium, ReceiveHalf, TransmitHalf};

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
        let (receive, half) = halves(self.fd, Medium::Ethernet, Prefix::default());
        (receive, Box::new(MemoryTransmit { half, largest: self.mtu + LINK_HEADER }))
    }
}

/// Refuses what the cable does not carry.
#[derive(Debug)]
struct MemoryTransmit {
    half: Box<dyn TransmitHalf>,
    largest: usize,
}

impl TransmitHalf for MemoryTransmit {
    fn transmit(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        let len = frame.len();
        if len > self.largest {
            let message = format!("a frame of {len} bytes, where {} fit", self.largest);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        self.half.transmit(frame)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.half.fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor::transmit_bytes;
    use crate::{Interest, Notifier, Received, Waited, wait};
    use std::io::IoSlice;
    use std::time::Duration;

    fn ends() -> (Box<dyn ReceiveHalf>, Box<dyn TransmitHalf>) {
        let (a, b) = MemoryDevice::pair(1500).unwrap();
        (Box::new(a).split().0, Box::new(b).split().1)
    }

    fn next(receive: &mut dyn ReceiveHalf) -> io::Result<Vec<u8>> {
        receive.receive().map(|received| match received {
            Received::Frame(frame) => frame.bytes.to_vec(),
            Received::Refused { why, .. } => panic!("{why}"),
        })
    }

    #[test]
    fn frames_arrive_whole_and_in_order() {
        let (mut receive, mut transmit) = ends();
        let parts = [IoSlice::new(b"one"), IoSlice::new(b"-and-a-half")];
        transmit.transmit(&Frame::plain(&parts)).unwrap();
        transmit_bytes(&mut *transmit, b"two").unwrap();
        assert_eq!(next(&mut *receive).unwrap(), b"one-and-a-half");
        assert_eq!(next(&mut *receive).unwrap(), b"two");
        assert_eq!(next(&mut *receive).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_full_cable_says_so_and_becomes_writable_when_read() {
        let (mut receive, mut transmit) = ends();
        let mut sent = 0;
        let error = loop {
            match transmit_bytes(&mut *transmit, &[7; 1000]) {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        let full = wait(&[(transmit.fd(), Interest::Writable)], Some(Duration::from_nanos(1))).unwrap();
        assert_eq!(full, Waited::TimedOut);
        for _ in 0..sent {
            receive.receive().unwrap();
        }
        let empty = wait(&[(transmit.fd(), Interest::Writable)], None).unwrap();
        assert_eq!(empty, Waited::Ready);
    }

    #[test]
    fn a_frame_that_does_not_fit_is_refused() {
        let (_receive, mut transmit) = ends();
        for wrong in [&[0; 1600][..], &[]] {
            let error = transmit_bytes(&mut *transmit, wrong).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn the_end_of_the_other_end_is_noticed() {
        let (mut receive, transmit) = ends();
        drop(transmit);
        assert_eq!(next(&mut *receive).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
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
