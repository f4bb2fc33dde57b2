//! fathom's engine under the load.

use std::net::SocketAddr;

use fathom_stack::{ListenerId, TcpConnect, TcpId, TcpListen};
use fathom_wire::Instant;

use super::{FIRST_PORT, Load, MESSAGE, SERVER_PORT};
use crate::ends::Form;
use crate::ends::fathom::End;

/// A client and a server of ours with one busy connection beside idle ones.
pub(super) struct Fathom {
    client: End,
    server: End,
    now: Instant,
    near: TcpId,
    far: TcpId,
}

impl Fathom {
    fn step(&mut self) {
        for end in [&mut self.client, &mut self.server] {
            end.stack.handle_timeout(self.now);
        }
        self.client.transmit(self.now, &mut self.server.incoming);
        self.server.receive(self.now);
        self.server.transmit(self.now, &mut self.client.incoming);
        self.client.receive(self.now);
    }
}

fn connect(client: &mut End, server: &mut End, listener: ListenerId, port: u16) -> (TcpId, TcpId) {
    let local = SocketAddr::from(([10, 0, 0, 1], port));
    let remote = SocketAddr::from(([10, 0, 0, 2], SERVER_PORT));
    let options = TcpConnect { local: Some(local), ..TcpConnect::to(remote) };
    let near = client.stack.tcp_connect(Instant::ZERO, options).expect("the port is free");
    // Address resolution, then the three-way handshake.
    for _ in 0..4 {
        client.transmit(Instant::ZERO, &mut server.incoming);
        server.receive(Instant::ZERO);
        server.transmit(Instant::ZERO, &mut client.incoming);
        client.receive(Instant::ZERO);
    }
    let far = server.stack.tcp_accept(Instant::ZERO, listener).expect("connected");
    (near, far)
}

impl Load for Fathom {
    fn new(idle: usize) -> Self {
        let (mut client, mut server) = (End::new(1, Form::Mtu1500), End::new(2, Form::Mtu1500));
        let local = SocketAddr::from(([0, 0, 0, 0], SERVER_PORT));
        let listener =
            server.stack.tcp_listen(Instant::ZERO, TcpListen::at(local)).expect("the port is free");
        let pairs: Vec<_> = (0..=idle)
            .map(|number| connect(&mut client, &mut server, listener, FIRST_PORT + number as u16))
            .collect();
        let (near, far) = pairs[idle];
        for (stack, id) in [(&mut client.stack, near), (&mut server.stack, far)] {
            stack.tcp(Instant::ZERO, id).expect("connected").set_nodelay(true);
        }
        let mut bench = Fathom { client, server, now: Instant::ZERO, near, far };
        for second in 1..=4 {
            bench.now = Instant::from_millis(second * 1_000);
            bench.step();
        }
        bench
    }

    fn exchange(&mut self) {
        let mut buffer = [0; MESSAGE];
        self.now += std::time::Duration::from_micros(10);
        let now = self.now;
        self.client.turn(now);
        self.server.turn(now);
        let sent = self.client.stack.tcp(now, self.near).expect("open").send(&[1; MESSAGE]);
        assert_eq!(sent, Ok(MESSAGE));
        self.client.transmit(now, &mut self.server.incoming);
        self.server.receive(now);
        let mut far = self.server.stack.tcp(now, self.far).expect("open");
        assert_eq!(far.recv(&mut buffer), Ok(MESSAGE));
        assert_eq!(far.send(&buffer), Ok(MESSAGE));
        self.server.transmit(now, &mut self.client.incoming);
        self.client.receive(now);
        let received = self.client.stack.tcp(now, self.near).expect("open").recv(&mut buffer);
        assert_eq!(received, Ok(MESSAGE));
        self.client.transmit(now, &mut self.server.incoming);
        self.server.receive(now);
    }
}
