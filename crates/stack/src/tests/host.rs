//! One stack, spoken to frame by frame.

use core::net::IpAddr;
use core::time::Duration;
use std::vec::Vec;

use bytes::Bytes;
use fathom_record::DropReason;
use fathom_wire::{ArpOperation, ArpPacket, EtherType, EthernetHeader, Instant};

use super::packets::{OURS, THEIRS, frame};
use crate::{Batch, Config, Frame, GroupReports, Interface, InterfaceId, Seed, Stack};

/// A host with 192.0.2.1/24 and 2001:db8::1/64 on one Ethernet interface, and a clock.
pub(crate) struct Host {
    pub(crate) stack: Stack,
    pub(crate) eth0: InterfaceId,
    pub(crate) now: Instant,
}

impl Host {
    pub(crate) fn new() -> Self {
        Host::with(Config::default())
    }

    pub(crate) fn with(mut config: Config) -> Self {
        config.internet.group_reports = GroupReports::Joined;
        let mut stack = Stack::new(config, Seed::from_u64(1));
        let eth0 = stack.add_interface(Interface::ethernet("eth0", OURS));
        for address in ["192.0.2.1/24", "2001:db8::1/64"] {
            stack.add_address(Instant::ZERO, eth0, address.parse().unwrap()).unwrap();
        }
        Host { stack, eth0, now: Instant::from_millis(1) }
    }

    /// The host knows the link address of [`THEIRS`], who has 192.0.2.2, 2001:db8::2 and fe80::2.
    pub(crate) fn knows_neighbour(mut self) -> Self {
        for address in ["192.0.2.2", "2001:db8::2", "fe80::2"] {
            self.learn(address.parse().unwrap());
        }
        self
    }

    /// The host learns that `address` is at [`THEIRS`].
    pub(crate) fn learn(&mut self, address: IpAddr) {
        let (now, eth0) = (self.now, self.eth0);
        let mut parts = self.stack.parts(now);
        let asked = crate::link::neighbour::Evidence::Asked;
        crate::link::resolution::learn(&mut parts.cx, parts.internet, eth0, address, Some(THEIRS), asked);
    }

    /// A frame arrives; gives the frames that the host sends then.
    pub(crate) fn receive(&mut self, bytes: impl Into<Bytes>) -> Vec<Bytes> {
        self.receive_batch([bytes.into()])
    }

    /// Frames arrive together; gives the frames that the host sends then.
    pub(crate) fn receive_batch(&mut self, frames: impl IntoIterator<Item = Bytes>) -> Vec<Bytes> {
        let mut batch: Batch = frames.into_iter().map(Frame::new).collect();
        self.stack.handle_frames(self.now, self.eth0, &mut batch);
        self.sent()
    }

    /// A packet arrives from [`THEIRS`]; gives the packets that the host sends then, without link header.
    pub(crate) fn receive_packet(&mut self, packet: &[u8]) -> Vec<Bytes> {
        let sent = self.receive(frame(packet));
        sent.into_iter().map(|frame| frame.slice(EthernetHeader::LEN..)).collect()
    }

    /// What the host has to send, without asking again later.
    pub(crate) fn sent(&mut self) -> Vec<Bytes> {
        let (now, eth0) = (self.now, self.eth0);
        core::iter::from_fn(|| self.stack.poll_transmit(now, eth0)).map(|frame| frame.to_bytes()).collect()
    }

    /// Time passes; gives what the host sends meanwhile, with the time since `ZERO` in milliseconds.
    pub(crate) fn pass(&mut self, time: Duration) -> Vec<(u64, Bytes)> {
        let end = self.now + time;
        let mut sent = Vec::new();
        while let Some(next) = self.stack.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.stack.handle_timeout(self.now);
            let millis = self.now.as_millis();
            sent.extend(self.sent().into_iter().map(|frame| (millis, frame)));
        }
        self.now = end;
        sent
    }

    /// The reasons for which the host has dropped something, with how often.
    pub(crate) fn drops(&self) -> Vec<(DropReason, u64)> {
        self.stack.counters().drops().collect()
    }
}

/// The frame of an ARP packet from [`THEIRS`].
pub(crate) fn arp_frame(destination: fathom_wire::EthernetAddress, packet: &ArpPacket) -> Bytes {
    let header = EthernetHeader {
        destination,
        source: packet.sender_hardware,
        vlan: None,
        ether_type: EtherType::Arp,
    };
    let mut bytes = [0; EthernetHeader::LEN + ArpPacket::LEN];
    header.emit(&mut bytes);
    packet.emit(&mut bytes[EthernetHeader::LEN..]);
    Bytes::copy_from_slice(&bytes)
}

/// An ARP packet from [`THEIRS`] at 192.0.2.2.
pub(crate) fn arp(operation: ArpOperation, target: &str) -> ArpPacket {
    ArpPacket {
        operation,
        sender_hardware: THEIRS,
        sender_protocol: [192, 0, 2, 2].into(),
        target_hardware: fathom_wire::EthernetAddress::UNSPECIFIED,
        target_protocol: target.parse().unwrap(),
    }
}
