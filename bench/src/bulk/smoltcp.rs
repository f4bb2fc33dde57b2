//! smoltcp 0.14 under the same load.

use smoltcp::iface::SocketHandle;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::{BUFFER, CHUNK, Load, PORT};
use crate::ends::Form;
use crate::ends::smoltcp::End;

pub(super) struct Smoltcp {
    client: End,
    server: End,
    now: Instant,
    near: SocketHandle,
    far: SocketHandle,
    written: Vec<u8>,
    read: Vec<u8>,
}

impl Load for Smoltcp {
    fn new(form: Form) -> Self {
        let (mut client, mut server) = (End::new(1, form), End::new(2, form));
        let (near, far) = (client.add(BUFFER), server.add(BUFFER));
        server.socket(far).listen(PORT).expect("the socket is new");
        let target = IpEndpoint::new(IpAddress::v4(10, 0, 0, 2), PORT);
        let socket = client.sockets.get_mut::<smoltcp::socket::tcp::Socket<'_>>(near);
        socket.connect(client.interface.context(), target, 50_000).expect("the socket is new");
        for _ in 0..4 {
            client.poll(Instant::ZERO);
            client.hand_over(&mut server);
            server.poll(Instant::ZERO);
            server.hand_over(&mut client);
        }
        assert!(server.socket(far).may_recv(), "connected");
        let (written, read) = (vec![7; CHUNK], vec![0; CHUNK]);
        Smoltcp { client, server, now: Instant::ZERO, near, far, written, read }
    }

    fn turn(&mut self) -> usize {
        self.now += Duration::from_micros(10);
        let now = self.now;
        let near = self.client.socket(self.near);
        while near.send_slice(&self.written).is_ok_and(|taken| taken > 0) {}
        self.client.transmit(now, &mut self.server);
        self.server.receive(now);
        let far = self.server.socket(self.far);
        let mut done = 0;
        while let Ok(len @ 1..) = far.recv_slice(&mut self.read) {
            done += len;
        }
        // The acknowledgement tells the window as it is after reading.
        self.server.transmit(now, &mut self.client);
        self.client.receive(now);
        done
    }
}
