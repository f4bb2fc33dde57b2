//! fathom's engine under the load.

use std::net::SocketAddr;
use std::time::Duration;

use fathom_stack::{TcpConnect, TcpId, TcpListen, TcpOptions};
use fathom_wire::Instant;

use super::{BUFFER, CHUNK, Load, PORT};
use crate::ends::Form;
use crate::ends::fathom::End;

pub(super) struct Fathom {
    client: End,
    server: End,
    now: Instant,
    near: TcpId,
    far: TcpId,
    written: Vec<u8>,
    read: Vec<u8>,
}

fn step(client: &mut End, server: &mut End, now: Instant) {
    client.transmit(now, &mut server.incoming);
    server.receive(now);
    server.transmit(now, &mut client.incoming);
    client.receive(now);
}

impl Load for Fathom {
    fn new(form: Form) -> Self {
        let (mut client, mut server) = (End::new(1, form), End::new(2, form));
        let tcp = TcpOptions {
            send_buffer: Some(BUFFER),
            receive_buffer: Some(BUFFER),
            nodelay: true,
            ..TcpOptions::default()
        };
        let listen = TcpListen { options: tcp.clone(), ..TcpListen::at(SocketAddr::from(([0; 4], PORT))) };
        let listener = server.stack.tcp_listen(Instant::ZERO, listen).expect("the port is free");
        let remote = SocketAddr::from(([10, 0, 0, 2], PORT));
        let connect = TcpConnect { options: tcp, ..TcpConnect::to(remote) };
        let near = client.stack.tcp_connect(Instant::ZERO, connect).expect("the port is free");
        // Address resolution, then the three-way handshake.
        for _ in 0..4 {
            step(&mut client, &mut server, Instant::ZERO);
        }
        let far = server.stack.tcp_accept(Instant::ZERO, listener).expect("connected");
        let (written, read) = (vec![7; CHUNK], vec![0; CHUNK]);
        Fathom { client, server, now: Instant::ZERO, near, far, written, read }
    }

    fn turn(&mut self) -> usize {
        self.now += Duration::from_micros(10);
        let now = self.now;
        self.client.turn(now);
        self.server.turn(now);
        let mut near = self.client.stack.tcp(now, self.near).expect("open");
        while near.send(&self.written).is_ok_and(|taken| taken > 0) {}
        self.client.transmit(now, &mut self.server.incoming);
        self.server.receive(now);
        let mut far = self.server.stack.tcp(now, self.far).expect("open");
        let mut done = 0;
        while let Ok(len @ 1..) = far.recv(&mut self.read) {
            done += len;
        }
        self.server.transmit(now, &mut self.client.incoming);
        self.client.receive(now);
        done
    }
}
