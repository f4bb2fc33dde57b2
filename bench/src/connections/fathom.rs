//! fathom's engine under the load.

use std::net::SocketAddr;
use std::time::Duration;

use fathom_stack::{ListenerId, TcpConnect, TcpListen, TcpOptions};
use fathom_wire::Instant;

use super::{Load, MESSAGE, SERVER_PORT};
use crate::ends::Form;
use crate::ends::fathom::{End, settle};

pub(super) struct Fathom {
    client: End,
    server: End,
    listener: ListenerId,
    now: Instant,
}

impl Load for Fathom {
    fn new() -> Self {
        let (client, mut server) = (End::new(1, Form::Mtu1500), End::new(2, Form::Mtu1500));
        let options = TcpOptions { nodelay: true, ..TcpOptions::default() };
        let listen = TcpListen { options, ..TcpListen::at(SocketAddr::from(([10, 0, 0, 2], SERVER_PORT))) };
        let listener = server.stack.tcp_listen(Instant::ZERO, listen).expect("the port is free");
        Fathom { client, server, listener, now: Instant::ZERO }
    }

    fn connection(&mut self, port: u16) {
        let Fathom { client, server, listener, now } = self;
        *now += Duration::from_micros(10);
        let (now, mut buffer) = (*now, [0; MESSAGE]);
        client.turn(now);
        server.turn(now);
        let connect = TcpConnect {
            local: Some(SocketAddr::from(([10, 0, 0, 1], port))),
            options: TcpOptions { nodelay: true, ..TcpOptions::default() },
            ..TcpConnect::to(SocketAddr::from(([10, 0, 0, 2], SERVER_PORT)))
        };
        let near = client.stack.tcp_connect(now, connect).expect("the port is free");
        settle(client, server, now);
        let far = server.stack.tcp_accept(now, *listener).expect("connected");
        let sent = client.stack.tcp(now, near).expect("open").send(&[1; MESSAGE]);
        assert_eq!(sent, Ok(MESSAGE));
        settle(client, server, now);
        let mut tcp = server.stack.tcp(now, far).expect("open");
        assert_eq!(tcp.recv(&mut buffer), Ok(MESSAGE));
        assert_eq!(tcp.send(&buffer), Ok(MESSAGE));
        settle(client, server, now);
        let mut tcp = client.stack.tcp(now, near).expect("open");
        assert_eq!(tcp.recv(&mut buffer), Ok(MESSAGE));
        tcp.close();
        settle(client, server, now);
        let mut tcp = server.stack.tcp(now, far).expect("open");
        assert_eq!(tcp.recv(&mut buffer), Ok(0));
        tcp.close();
        settle(client, server, now);
        assert!(server.stack.tcp(now, far).is_none(), "closed");
    }
}
