//! Packets by function calls: two hosts of the engine, and no device, clock, thread or socket of the system.
//!
//! `cargo run -p fathom-stack --example own_packets`
//!
//! This is what the place looks like into which your own way of moving packets goes: a VPN, a radio, a test,
//! a user-mode kernel. Three calls are all that it takes:
//!
//! - [`Stack::poll_transmit`] gives the packets that a host wants to send,
//! - [`Stack::handle_frames`] takes the packets that have arrived,
//! - [`Stack::poll_timeout`] says when to call [`Stack::handle_timeout`], packets or not.
//!
//! [`Stack::poll_event`] tells a program that has many sockets which of them are ready; here two are looked at.
//! Time is a number, so a minute of it passes in no time.

use std::error::Error;
use std::time::Duration;

use fathom_stack::{
    Batch, Config, Frame, Interface, InterfaceId, Seed, Stack, TcpConnect, TcpError, TcpId, TcpListen,
};
use fathom_wire::{Instant, IpHeader};

/// A host on an interface that carries IP packets, as a VPN's does.
struct Host {
    stack: Stack,
    tun: InterfaceId,
}

impl Host {
    fn new(address: &str, seed: u64) -> Result<Host, Box<dyn Error>> {
        // On a real network the seed has to be secret: sequence numbers and ports come from it.
        let mut stack = Stack::new(Config::default(), Seed::from_u64(seed));
        let tun = stack.add_interface(Interface::ip("tun0"));
        stack.add_address(Instant::ZERO, tun, address.parse()?)?;
        Ok(Host { stack, tun })
    }
}

/// Carries what one host wants to send to the other, which takes 10 ms. Gives the time of arrival, if there
/// was anything.
fn carry(from: &mut Host, to: &mut Host, now: Instant, log: &mut Vec<String>) -> Option<Instant> {
    let mut batch = Batch::new();
    while let Some(transmit) = from.stack.poll_transmit(now, from.tun) {
        // Here your own code would send the packet. It begins with the IP header.
        let packet = transmit.to_bytes();
        let header = IpHeader::parse(&packet).ok()?;
        log.push(format!("{} to {}: {} bytes", header.source(), header.destination(), packet.len()));
        batch.push(Frame::new(packet));
    }
    if batch.is_empty() {
        return None;
    }
    let arrival = now + Duration::from_millis(10);
    to.stack.handle_frames(arrival, to.tun, &mut batch);
    Some(arrival)
}

/// Lets time pass until neither host has anything to say or to wait for. Gives the time then.
fn run(a: &mut Host, b: &mut Host, mut now: Instant, log: &mut Vec<String>) -> Instant {
    loop {
        while let Some(arrival) = carry(a, b, now, log).or_else(|| carry(b, a, now, log)) {
            now = arrival;
        }
        // Silence: on to the next deadline at once.
        let deadlines = [a.stack.poll_timeout(), b.stack.poll_timeout()];
        let Some(next) = deadlines.into_iter().flatten().min() else {
            return now;
        };
        now = now.max(next);
        a.stack.handle_timeout(now);
        b.stack.handle_timeout(now);
    }
}

/// Reads what there is.
fn read(host: &mut Host, now: Instant, id: TcpId) -> Result<String, Box<dyn Error>> {
    let mut tcp = host.stack.tcp(now, id).ok_or("the connection is gone")?;
    let mut buffer = [0; 100];
    match tcp.recv(&mut buffer) {
        Ok(len) => Ok(String::from_utf8_lossy(&buffer[..len]).into_owned()),
        Err(TcpError::WouldBlock) => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}

/// A question and its answer over TCP. What crossed is told line by line.
fn conversation() -> Result<Vec<String>, Box<dyn Error>> {
    let mut log = Vec::new();
    let (mut a, mut b) = (Host::new("192.0.2.1/24", 1)?, Host::new("192.0.2.2/24", 2)?);
    let now = Instant::ZERO;
    let listener = b.stack.tcp_listen(now, TcpListen::at("192.0.2.2:7".parse()?))?;
    let asking = a.stack.tcp_connect(now, TcpConnect::to("192.0.2.2:7".parse()?))?;
    let now = run(&mut a, &mut b, now, &mut log);

    let answering = b.stack.tcp_accept(now, listener).ok_or("nobody connected")?;
    a.stack.tcp(now, asking).ok_or("not connected")?.send(b"Is anybody there?")?;
    let now = run(&mut a, &mut b, now, &mut log);
    log.push(format!("b reads: {}", read(&mut b, now, answering)?));

    let mut tcp = b.stack.tcp(now, answering).ok_or("not connected")?;
    tcp.send(b"I am.")?;
    tcp.close();
    let now = run(&mut a, &mut b, now, &mut log);
    log.push(format!("a reads: {}", read(&mut a, now, asking)?));
    Ok(log)
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<(), Box<dyn Error>> {
    for line in conversation()? {
        println!("{line}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_conversation_is_the_one_that_the_page_tells() {
        let log = super::conversation().unwrap();
        let expected = [
            // SYN, SYN with ACK, ACK.
            "192.0.2.1 to 192.0.2.2: 60 bytes",
            "192.0.2.2 to 192.0.2.1: 60 bytes",
            "192.0.2.1 to 192.0.2.2: 52 bytes",
            // 17 bytes, and their acknowledgement.
            "192.0.2.1 to 192.0.2.2: 69 bytes",
            "192.0.2.2 to 192.0.2.1: 52 bytes",
            "b reads: Is anybody there?",
            // 5 bytes with FIN, and their acknowledgement.
            "192.0.2.2 to 192.0.2.1: 57 bytes",
            "192.0.2.1 to 192.0.2.2: 52 bytes",
            "a reads: I am.",
        ];
        assert_eq!(log, expected);
    }
}
