//! smoltcp 0.14 under the same load.

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::{Load, MESSAGE, SERVER_PORT};
use crate::ends::Form;
use crate::ends::smoltcp::{End, settle};

/// Bytes of each socket buffer: what one exchange needs, with room to spare.
const BUFFER: usize = 4096;

pub(super) struct Smoltcp {
    client: End,
    server: End,
    now: Instant,
    near: SocketHandle,
    far: SocketHandle,
}

impl Load for Smoltcp {
    fn new() -> Self {
        let (mut client, mut server) = (End::new(1, Form::Mtu1500), End::new(2, Form::Mtu1500));
        let (near, far) = (client.add(BUFFER), server.add(BUFFER));
        Smoltcp { client, server, now: Instant::ZERO, near, far }
    }

    fn connection(&mut self, port: u16) {
        let Smoltcp { client, server, now, near, far } = self;
        let (near, far) = (*near, *far);
        // TIME-WAIT is over.
        *now += Duration::from_secs(11);
        let (now, mut buffer) = (*now, [0; MESSAGE]);
        client.poll(now);
        server.poll(now);
        server.socket(far).listen(SERVER_PORT).expect("the socket is closed");
        let target = IpEndpoint::new(IpAddress::v4(10, 0, 0, 2), SERVER_PORT);
        let socket = client.sockets.get_mut::<tcp::Socket<'_>>(near);
        socket.connect(client.interface.context(), target, port).expect("the socket is closed");
        settle(client, server, now);
        assert_eq!(client.socket(near).send_slice(&[1; MESSAGE]), Ok(MESSAGE));
        settle(client, server, now);
        assert_eq!(server.socket(far).recv_slice(&mut buffer), Ok(MESSAGE));
        assert_eq!(server.socket(far).send_slice(&buffer), Ok(MESSAGE));
        settle(server, client, now);
        assert_eq!(client.socket(near).recv_slice(&mut buffer), Ok(MESSAGE));
        client.socket(near).close();
        settle(client, server, now);
        assert!(server.socket(far).recv_slice(&mut buffer).is_err());
        server.socket(far).close();
        settle(server, client, now);
        assert_eq!(server.socket(far).state(), tcp::State::Closed);
    }
}
