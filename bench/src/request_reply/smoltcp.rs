//! smoltcp 0.14 under the same load.

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::{ACTIVE_BUFFER, FIRST_PORT, IDLE_BUFFER, Load, MESSAGE, SERVER_PORT};
use crate::ends::Form;
use crate::ends::smoltcp::End;

/// A client and a server of smoltcp with one busy connection beside idle ones.
pub(super) struct Smoltcp {
    client: End,
    server: End,
    now: Instant,
    near: SocketHandle,
    far: SocketHandle,
}

impl Smoltcp {
    fn step(&mut self) {
        self.client.poll(self.now);
        self.client.hand_over(&mut self.server);
        self.server.poll(self.now);
        self.server.hand_over(&mut self.client);
    }

    fn pass_on(from: &mut End, handle: SocketHandle, buffer: &mut [u8]) -> usize {
        from.socket(handle).recv_slice(buffer).unwrap_or(0)
    }
}

impl Load for Smoltcp {
    fn new(idle: usize) -> Self {
        let (mut client, mut server) = (End::new(1, Form::Mtu1500), End::new(2, Form::Mtu1500));
        let target = IpEndpoint::new(IpAddress::v4(10, 0, 0, 2), SERVER_PORT);
        let mut pairs = Vec::new();
        for number in 0..=idle {
            let buffer = if number == idle { ACTIVE_BUFFER } else { IDLE_BUFFER };
            let (near, far) = (client.add(buffer), server.add(buffer));
            server.socket(far).listen(SERVER_PORT).expect("the socket is new");
            pairs.push((near, far));
        }
        let mut bench =
            Smoltcp { client, server, now: Instant::ZERO, near: pairs[idle].0, far: pairs[idle].1 };
        // A few at a time: sockets are walked for each frame, so a single burst would cost the square.
        for (number, (near, _)) in pairs.iter().enumerate() {
            let port = FIRST_PORT + number as u16;
            let context = bench.client.interface.context();
            let socket = bench.client.sockets.get_mut::<tcp::Socket>(*near);
            socket.connect(context, target, port).expect("the socket is new");
            if number % 100 == 99 || number == idle {
                for _ in 0..4 {
                    bench.step();
                }
            }
        }
        for (near, far) in &pairs {
            assert!(bench.client.socket(*near).may_send(), "connected");
            assert!(bench.server.socket(*far).may_recv(), "accepted");
        }
        // Delayed acknowledgements of the set-up are out of the way.
        for _ in 0..4 {
            bench.now += smoltcp::time::Duration::from_secs(1);
            bench.step();
        }
        bench
    }

    fn exchange(&mut self) {
        let mut buffer = [0; MESSAGE];
        self.now += smoltcp::time::Duration::from_micros(10);
        let (near, far) = (self.near, self.far);
        let sent = self.client.socket(near).send_slice(&[1; MESSAGE]);
        assert_eq!(sent, Ok(MESSAGE));
        self.client.poll(self.now);
        self.client.hand_over(&mut self.server);
        self.server.poll(self.now);
        assert_eq!(Self::pass_on(&mut self.server, far, &mut buffer), MESSAGE);
        let sent = self.server.socket(far).send_slice(&buffer);
        assert_eq!(sent, Ok(MESSAGE));
        self.server.poll(self.now);
        self.server.hand_over(&mut self.client);
        self.client.poll(self.now);
        assert_eq!(Self::pass_on(&mut self.client, near, &mut buffer), MESSAGE);
        self.client.hand_over(&mut self.server);
    }
}
