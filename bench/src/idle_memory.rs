//! Memory of connections that nobody uses.
//!
//! Both ends are in one process, which measures how its resident memory grows with the connections, and again
//! after each has carried 1 MB each way and has been idle since. A process of its own for each stack, so that
//! no freed memory of another hides the growth.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use fathom_stack::{TcpConnect, TcpId, TcpListen, TcpOptions};
use fathom_wire::Instant;

use crate::ends::Form;
use crate::ends::fathom::{End, settle};

/// Connections that are measured, each with two ends.
const CONNECTIONS: usize = 4_000;
/// Connections of smoltcp: its buffers are a hundred times larger.
const SMOLTCP_CONNECTIONS: usize = 200;
/// Bytes that each carries each way.
const CARRIED: usize = 1_000_000;
/// Socket buffers of smoltcp, as in the bulk benchmark.
const SMOLTCP_BUFFER: usize = 256 * 1024;
const SERVER_PORT: u16 = 80;
const FIRST_PORT: u16 = 10_000;
const CHUNK: usize = 64 * 1024;

/// Measures and prints the table.
pub(crate) fn run() {
    println!("idle-memory: resident bytes for each end of an idle connection");
    println!("{:<40} {:>13} {:>13}", "", "fathom", "smoltcp 0.14");
    let (ours, theirs) = (in_a_process("fathom"), in_a_process("smoltcp"));
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        println!("  skipped: resident memory is read from /proc/self/statm, which is not there");
        return;
    };
    println!("{:<40} {:>13} {:>13}", "new", ours.0, theirs.0);
    println!("{:<40} {:>13} {:>13}", "after 1 MB each way, and idle for 10 s", ours.1, theirs.1);
}

fn in_a_process(stack: &str) -> Option<(u64, u64)> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new(program).args(["idle-memory-of", stack]).output().ok()?;
    let printed = String::from_utf8(output.stdout).ok()?;
    let mut numbers = printed.split_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// In a process of its own: prints the two figures of a stack.
pub(crate) fn measure(stack: &str) -> Option<()> {
    let (new, used) = if stack == "smoltcp" { smoltcp()? } else { fathom()? };
    println!("{new} {used}");
    Some(())
}

/// Bytes of this process that are in memory.
fn resident() -> Option<u64> {
    const PAGE: u64 = 4096;
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split_whitespace().nth(1)?.parse::<u64>().ok()? * PAGE)
}

fn fathom() -> Option<(u64, u64)> {
    let (mut client, mut server) = (End::new(1, Form::Mtu1500), End::new(2, Form::Mtu1500));
    let mut now = Instant::ZERO;
    let local = SocketAddr::from(([10, 0, 0, 2], SERVER_PORT));
    let listener = server.stack.tcp_listen(now, TcpListen::at(local)).expect("the port is free");
    let connect = |client: &mut End, server: &mut End, now, port| {
        let options = TcpConnect {
            local: Some(SocketAddr::from(([10, 0, 0, 1], port))),
            options: TcpOptions::default(),
            ..TcpConnect::to(local)
        };
        let near = client.stack.tcp_connect(now, options).expect("the port is free");
        settle(client, server, now);
        (near, server.stack.tcp_accept(now, listener).expect("connected"))
    };
    // What all connections share is there before.
    let warm = connect(&mut client, &mut server, now, FIRST_PORT - 1);
    carry(&mut client, &mut server, &mut now, warm);
    let before = resident()?;
    let mut pairs = Vec::with_capacity(CONNECTIONS);
    for number in 0..CONNECTIONS {
        pairs.push(connect(&mut client, &mut server, now, FIRST_PORT + number as u16));
        client.turn(now);
        server.turn(now);
    }
    let new = resident()?;
    for pair in pairs {
        carry(&mut client, &mut server, &mut now, pair);
    }
    for _ in 0..10 {
        now += Duration::from_secs(1);
        client.turn(now);
        server.turn(now);
        settle(&mut client, &mut server, now);
    }
    let each = |after: u64| after.saturating_sub(before) / (2 * CONNECTIONS as u64);
    Some((each(new), each(resident()?)))
}

/// Carries bytes both ways, as fast as the connection lets it.
fn carry(client: &mut End, server: &mut End, now: &mut Instant, (near, far): (TcpId, TcpId)) {
    let (chunk, mut buffer) = (vec![7; CHUNK], vec![0; CHUNK]);
    let (mut sent, mut received) = ([0; 2], [0; 2]);
    while received != [CARRIED; 2] {
        *now += Duration::from_micros(100);
        let ends = [(&mut *client, near), (&mut *server, far)];
        for (way, (end, id)) in ends.into_iter().enumerate() {
            end.turn(*now);
            let mut tcp = end.stack.tcp(*now, id).expect("open");
            sent[way] += tcp.send(&chunk[..CHUNK.min(CARRIED - sent[way])]).unwrap_or(0);
            received[way] += tcp.recv(&mut buffer).unwrap_or(0);
        }
        settle(client, server, *now);
    }
}

fn smoltcp() -> Option<(u64, u64)> {
    use smoltcp::socket::tcp;
    use smoltcp::time::Duration;
    use smoltcp::wire::{IpAddress, IpEndpoint};

    use crate::ends::smoltcp::{End, settle};

    let (mut client, mut server) = (End::new(1, Form::Mtu1500), End::new(2, Form::Mtu1500));
    let mut now = smoltcp::time::Instant::ZERO;
    let target = IpEndpoint::new(IpAddress::v4(10, 0, 0, 2), SERVER_PORT);
    let mut before = 0;
    let mut pairs = Vec::with_capacity(SMOLTCP_CONNECTIONS + 1);
    for number in 0..=SMOLTCP_CONNECTIONS {
        let (near, far) = (client.add(SMOLTCP_BUFFER), server.add(SMOLTCP_BUFFER));
        server.socket(far).listen(SERVER_PORT).expect("the socket is new");
        let socket = client.sockets.get_mut::<tcp::Socket<'_>>(near);
        let port = FIRST_PORT + number as u16;
        socket.connect(client.interface.context(), target, port).expect("the socket is new");
        settle(&mut client, &mut server, now);
        pairs.push((near, far));
        if number == 0 {
            before = resident()?;
        }
    }
    let new = resident()?;
    let (chunk, mut buffer) = (vec![7; CHUNK], vec![0; CHUNK]);
    for (near, far) in pairs.into_iter().skip(1) {
        let (mut sent, mut received) = ([0; 2], [0; 2]);
        while received != [CARRIED; 2] {
            now += Duration::from_micros(100);
            for (way, (end, handle)) in [(&mut client, near), (&mut server, far)].into_iter().enumerate() {
                let socket = end.socket(handle);
                sent[way] += socket.send_slice(&chunk[..CHUNK.min(CARRIED - sent[way])]).unwrap_or(0);
                received[way] += socket.recv_slice(&mut buffer).unwrap_or(0);
            }
            settle(&mut client, &mut server, now);
            settle(&mut server, &mut client, now);
        }
    }
    let each = |after: u64| after.saturating_sub(before) / (2 * SMOLTCP_CONNECTIONS as u64);
    Some((each(new), each(resident()?)))
}
