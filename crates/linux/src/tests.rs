//! Two hosts and a wire between them.

mod connections;
mod datagrams;
mod links;
mod random;

use std::net::SocketAddr;

use crate::consts::{AF_INET, AF_INET6, SOCK_STREAM};
use crate::{Errno, Fd, Kernel, Packet};

/// Two hosts, 192.0.2.1 and 192.0.2.2 (2001:db8::1 and ::2), with nothing between them.
pub(crate) struct Pair {
    pub(crate) a: Kernel,
    pub(crate) b: Kernel,
}

pub(crate) fn kernel(settings: &str) -> Kernel {
    Kernel::new(&settings.parse().unwrap()).unwrap()
}

pub(crate) fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl Pair {
    pub(crate) fn new() -> Pair {
        Pair::with("")
    }

    /// Both with these settings.
    pub(crate) fn with(settings: &str) -> Pair {
        let host = |number: u8| {
            kernel(&format!(
                "address=192.0.2.{number}/24;address=2001:db8::{number}/64;seed={number};{settings}"
            ))
        };
        Pair { a: host(1), b: host(2) }
    }

    /// Moves packets until both are silent, at this moment. Gives how many there were.
    pub(crate) fn exchange(&mut self) -> usize {
        let mut moved = 0;
        loop {
            let before = moved;
            while let Some(packet) = self.a.take() {
                self.b.put(&packet.bytes);
                moved += 1;
            }
            while let Some(packet) = self.b.take() {
                self.a.put(&packet.bytes);
                moved += 1;
            }
            if moved == before {
                return moved;
            }
        }
    }

    /// Lets time pass for both, with their packets moved at once.
    pub(crate) fn advance_to(&mut self, now_us: u64) {
        loop {
            self.exchange();
            let next = [&self.a, &self.b].into_iter().filter_map(Kernel::next_deadline_us).min();
            let next = next.unwrap_or(u64::MAX).max(self.a.now_us()).min(now_us);
            self.a.advance_to(next).unwrap();
            self.b.advance_to(next).unwrap();
            if next == now_us {
                self.exchange();
                return;
            }
        }
    }

    /// A listener of b at this address.
    pub(crate) fn listen(&mut self, local: &str) -> Fd {
        let domain = if at(local).is_ipv4() { AF_INET } else { AF_INET6 };
        let listener = self.b.socket(domain, SOCK_STREAM, 0).unwrap();
        self.b.bind(listener, at(local)).unwrap();
        self.b.listen(listener, 8).unwrap();
        listener
    }

    /// A connection from a to b, with its ends.
    pub(crate) fn connect(&mut self) -> (Fd, Fd) {
        let listener = self.listen("192.0.2.2:80");
        let socket = self.a.socket(AF_INET, SOCK_STREAM, 0).unwrap();
        assert_eq!(self.a.connect(socket, at("192.0.2.2:80")), Err(Errno::EINPROGRESS));
        self.exchange();
        assert_eq!(self.a.connect(socket, at("192.0.2.2:80")), Ok(()));
        let (accepted, _) = self.b.accept(listener).unwrap();
        self.b.close(listener).unwrap();
        (socket, accepted)
    }
}

/// An ICMP error from 192.0.2.8 to 192.0.2.1 that quotes a packet; `rest` is the second word of its header.
pub(crate) fn icmp_error(kind: u8, code: u8, rest: u32, quoted: &[u8]) -> Vec<u8> {
    let mut error = vec![kind, code, 0, 0];
    error.extend(rest.to_be_bytes());
    error.extend(&quoted[..quoted.len().min(64)]);
    let sum = !fathom_wire::checksum::sum(&error);
    error[2..4].copy_from_slice(&sum.to_be_bytes());
    let len = 20 + error.len() as u8;
    let mut packet = vec![0x45, 0, 0, len, 0, 0, 0, 0, 64, 1, 0, 0, 192, 0, 2, 8, 192, 0, 2, 1];
    let sum = !fathom_wire::checksum::sum(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(error);
    packet
}

/// What leaves a host at this moment.
pub(crate) fn taken(kernel: &mut Kernel) -> Vec<Packet> {
    std::iter::from_fn(|| kernel.take()).collect()
}
