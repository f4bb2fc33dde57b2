//! Datagrams beside connections: a program that sends some, and one that reads what comes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use fathom_stack::{UdpError, UdpId};
use fathom_wire::Instant;

use crate::content::Content;
use crate::faults::Tally;
use crate::node::Node;
use crate::plan::DatagramPlan;

/// Bytes at the start of a datagram that tell its number, where it is that long.
const NUMBER: usize = 8;

/// Datagrams from one program to another.
#[derive(Debug)]
pub(crate) struct Datagrams {
    begin: Instant,
    sender: Option<(usize, UdpId)>,
    receiver: Option<(usize, UdpId)>,
    to: Option<SocketAddr>,
    sent: u64,
    next: Instant,
    /// The sender was told that it can write, or has not tried.
    may_write: bool,
    may_read: bool,
}

impl Datagrams {
    pub(crate) fn new(begin: Instant, plan: &DatagramPlan) -> Datagrams {
        Datagrams {
            begin,
            sender: None,
            receiver: None,
            to: None,
            sent: 0,
            next: begin + plan.interval,
            may_write: true,
            may_read: true,
        }
    }

    /// Binds both sockets.
    pub(crate) fn open(
        &mut self,
        now: Instant,
        plan: &DatagramPlan,
        addresses: [IpAddr; 2],
        nodes: &mut [Node],
    ) -> Result<(), String> {
        let from = SocketAddr::new(addresses[0], plan.port + 1000);
        let to = SocketAddr::new(addresses[1], plan.port);
        let bind = |host: usize, at: SocketAddr, nodes: &mut [Node]| {
            let id = nodes[host].stack.udp_bind(now, at).map_err(|error| format!("bind to {at}: {error}"))?;
            Ok::<_, String>((host, id))
        };
        self.sender = Some(bind(plan.hosts[0], from, nodes)?);
        let (host, id) = bind(plan.hosts[1], to, nodes)?;
        if let Some(mut udp) = nodes[host].stack.udp(now, id) {
            let mut options = udp.options();
            options.receive_buffer = plan.receive_buffer;
            udp.set_options(options);
        }
        self.receiver = Some((host, id));
        self.to = Some(to);
        Ok(())
    }

    /// A socket has told something.
    pub(crate) fn told(&mut self, host: usize, id: UdpId) {
        self.may_write |= self.sender == Some((host, id));
        self.may_read |= self.receiver == Some((host, id));
    }

    pub(crate) fn next(&self, plan: &DatagramPlan) -> Instant {
        if self.is_done(plan) || !self.may_write { Instant::MAX } else { self.next }
    }

    /// Whether everything was sent. Whether it arrives is nobody's promise.
    pub(crate) fn is_done(&self, plan: &DatagramPlan) -> bool {
        self.sent >= plan.count
    }

    /// Sends what is due, and reads what has come. Gives whether there was something.
    pub(crate) fn run(
        &mut self,
        now: Instant,
        plan: &DatagramPlan,
        calm: bool,
        nodes: &mut [Node],
        tally: &mut Tally,
    ) -> Result<bool, String> {
        let _ = tally;
        let mut some = false;
        if let (Some((host, id)), Some(to)) = (self.sender, self.to) {
            let due = |it: &Datagrams| it.next <= now || calm;
            while !self.is_done(plan) && self.may_write && due(self) && nodes[host].runs(now) {
                let Some(mut udp) = nodes[host].stack.udp(now, id) else { break };
                let data = self.datagram(plan, self.sent);
                some = true;
                match udp.send_to(&data, to) {
                    Err(UdpError::WouldBlock) => self.may_write = false,
                    // Lost where it began: there is no way, no memory, or it is too large.
                    _ => {
                        self.sent += 1;
                        self.next = now + plan.interval.max(Duration::from_nanos(1));
                    }
                }
            }
        }
        if let Some((host, id)) = self.receiver
            && self.may_read
            && nodes[host].runs(now)
        {
            while let Some(mut udp) = nodes[host].stack.udp(now, id) {
                match udp.recv() {
                    Ok(received) => {
                        some = true;
                        self.check(plan, &received.data)?;
                    }
                    Err(UdpError::WouldBlock) => {
                        self.may_read = false;
                        break;
                    }
                    Err(_) => {}
                }
            }
        }
        Ok(some)
    }

    /// Closes both sockets.
    pub(crate) fn close(&mut self, now: Instant, nodes: &mut [Node]) {
        for (host, id) in [self.sender.take(), self.receiver.take()].into_iter().flatten() {
            if let Some(mut udp) = nodes[host].stack.udp(now, id) {
                udp.close();
            }
        }
    }

    /// The datagram of a number.
    fn datagram(&self, plan: &DatagramPlan, number: u64) -> Vec<u8> {
        let content = self.content(plan, number);
        let len = self.len(plan, number);
        let mut data = vec![0; len];
        content.fill(0, &mut data);
        if plan.size >= NUMBER {
            data[..NUMBER].copy_from_slice(&number.to_be_bytes());
        }
        data
    }

    /// How long the datagram of a number is. All are as long as the number where they have one.
    fn len(&self, plan: &DatagramPlan, number: u64) -> usize {
        match plan.size {
            size if size > NUMBER => NUMBER + (number.wrapping_mul(7919) % (size - NUMBER) as u64) as usize,
            size => size,
        }
    }

    fn content(&self, plan: &DatagramPlan, number: u64) -> Content {
        let named = if plan.size >= NUMBER { number } else { 0 };
        Content::new(self.begin.as_nanos() ^ u64::from(plan.port) << 40 ^ named)
    }

    /// What has arrived is a datagram that was sent.
    fn check(&self, plan: &DatagramPlan, data: &[u8]) -> Result<(), String> {
        let number = match data.first_chunk::<NUMBER>() {
            Some(number) if plan.size >= NUMBER => u64::from_be_bytes(*number),
            _ => 0,
        };
        if number >= self.sent || data != self.datagram(plan, number) {
            return Err(format!(
                "a datagram of {} bytes is not what was sent as number {number}",
                data.len()
            ));
        }
        Ok(())
    }
}
