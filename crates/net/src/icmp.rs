//! ICMP echo sockets, for ping.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;

use fathom_stack::{IcmpEvent, IcmpId};

use crate::error::{Failed, not_connected};
use crate::socket::Socket;
use crate::wakers::Interest;
use crate::{Family, Host};

/// A socket that sends ICMP echo requests and receives the replies and errors that they meet.
pub struct IcmpSocket {
    socket: Socket<IcmpId>,
}

impl IcmpSocket {
    pub(crate) fn open(host: &Host, family: Family) -> io::Result<IcmpSocket> {
        let socket =
            Socket::open(host, |stack, now| stack.icmp_open(now, family, None).map_err(Failed::open))?;
        Ok(IcmpSocket { socket })
    }

    /// Sends an echo request. `hop_limit` is that of the host unless given.
    ///
    /// # Errors
    /// [`NetworkUnreachable`](io::ErrorKind::NetworkUnreachable) without a route,
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when the payload is too long or the address is of the
    /// other family, [`WouldBlock`](io::ErrorKind::WouldBlock) when too many requests wait to leave.
    pub fn send_echo(
        &self,
        to: IpAddr,
        sequence: u16,
        payload: &[u8],
        hop_limit: Option<u8>,
    ) -> io::Result<()> {
        self.socket.act(|stack, now, id| {
            let mut icmp = stack.icmp(now, id).ok_or_else(not_connected)?;
            icmp.send_echo(to, sequence, payload, hop_limit).map_err(|error| Failed::icmp(error, to))
        })
    }

    /// The next reply, or error that a request met.
    ///
    /// # Errors
    /// When the socket is gone.
    pub async fn recv(&self) -> io::Result<IcmpEvent> {
        poll_fn(|cx| {
            self.socket.poll(cx, Interest::Read, |stack, now, id| {
                let mut icmp = stack.icmp(now, id).ok_or_else(not_connected)?;
                icmp.recv().ok_or_else(|| io::ErrorKind::WouldBlock.into())
            })
        })
        .await
    }

    /// The identifier that its requests carry.
    ///
    /// # Errors
    /// None, as long as the host's stack knows the socket.
    pub fn identifier(&self) -> io::Result<u16> {
        self.socket.look(|stack, now, id| Ok(stack.icmp(now, id).ok_or_else(not_connected)?.identifier()))
    }
}

impl Drop for IcmpSocket {
    fn drop(&mut self) {
        self.socket.close(|stack, now, id| {
            if let Some(mut icmp) = stack.icmp(now, id) {
                icmp.close();
            }
        });
    }
}

impl fmt::Debug for IcmpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IcmpSocket")
            .field("host", &self.socket.host.name())
            .field("id", &self.socket.id)
            .finish()
    }
}
