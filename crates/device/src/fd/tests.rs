use std::io::{self, IoSlice};
use std::num::NonZeroU16;
use std::os::unix::net::UnixDatagram;

use super::*;
use crate::descriptor::transmit_bytes;
use crate::{Checksum, Contradiction, Frame, PartialChecksum, Received, ReceivedFrame};

/// A device on one end of a pair of sockets, and the other end.
fn pair(make: impl FnOnce(FdDevice) -> FdDevice) -> (Box<FdDevice>, UnixDatagram) {
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    (Box::new(make(FdDevice::from(OwnedFd::from(ours)))), theirs)
}

#[test]
fn a_socket_that_keeps_boundaries_is_a_device_for_plain_packets() {
    let (device, other) = pair(|device| device);
    assert_eq!((device.medium(), device.mtu(), device.offload()), (Medium::Ip, 1500, Offload::default()));
    let (mut receive, mut transmit) = device.split();
    assert_eq!(receive.receive().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    transmit_bytes(&mut *transmit, b"from us").unwrap();
    let mut buffer = [0; 100];
    let len = other.recv(&mut buffer).unwrap();
    assert_eq!(buffer[..len], *b"from us");
    other.send(b"to us").unwrap();
    let frame = ReceivedFrame {
        bytes: bytes::Bytes::from_static(b"to us"),
        segment_size: None,
        checksum: Checksum::Unverified,
    };
    assert_eq!(receive.receive().unwrap(), Received::Frame(frame));
}

#[test]
fn work_is_left_to_the_other_end_only_with_a_header_that_says_so() {
    let work = Frame {
        parts: &[IoSlice::new(&[0x45; 40]), IoSlice::new(&[1; 100])],
        segment_size: NonZeroU16::new(50),
        checksum: Some(PartialChecksum { start: 20, offset: 16 }),
    };
    let (device, _other) = pair(|device| device);
    let error = device.split().1.transmit(&work).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);

    let offload = Offload { checksum: true, tcp_segmentation: true, udp_segmentation: false };
    let (device, other) = pair(|device| device.with_virtio_header(offload));
    assert_eq!(device.offload(), offload);
    device.split().1.transmit(&work).unwrap();
    let mut buffer = [0; 200];
    assert_eq!(other.recv(&mut buffer).unwrap(), 10 + 140);
    assert_eq!(buffer[..11], [1, 1, 40, 0, 50, 0, 20, 0, 16, 0, 0x45]);
}

#[test]
fn a_frame_with_a_wrong_header_is_refused_and_the_next_one_comes() {
    let (device, other) = pair(|device| device.with_virtio_header(Offload::default()));
    let (mut receive, _transmit) = device.split();
    other.send(&[0; 5]).unwrap();
    other.send(&[&[0, 9, 0, 0, 0, 0, 0, 0, 0, 0][..], b"what is this"].concat()).unwrap();
    other.send(&[&[0; 10][..], b"good"].concat()).unwrap();
    let refused = |len, why| Received::Refused { len, why };
    assert_eq!(receive.receive().unwrap(), refused(0, Contradiction::NoHeader));
    assert_eq!(receive.receive().unwrap(), refused(12, Contradiction::Segmentation));
    assert!(matches!(receive.receive().unwrap(), Received::Frame(frame) if frame.bytes == b"good"[..]));
}

#[test]
fn a_frame_that_is_longer_than_any_is_refused() {
    let (device, other) = pair(|device| device.with_medium(Medium::Ethernet));
    let (mut receive, _transmit) = device.split();
    other.send(&vec![1; 65535 + 18]).unwrap();
    assert!(matches!(receive.receive().unwrap(), Received::Frame(frame) if frame.bytes.len() == 65553));
    for len in [65535 + 19, 100_000] {
        other.send(&vec![1; len]).unwrap();
        assert!(
            matches!(receive.receive(), Ok(Received::Refused { why: Contradiction::TooLong, .. })),
            "{len}"
        );
    }
}
