//! Raw sockets.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::task::{Context, Poll};

use fathom_stack::{InterfaceId, Raw, RawId, RawOptions, ReceivedPacket, TypeFilter};
use fathom_wire::IpProtocol;

use crate::error::{Failed, not_connected};
use crate::ready::{Interest, Ready};
use crate::socket::Socket;
use crate::{Family, Host, wakers};

/// A socket for whole packets of one protocol.
///
/// It gets copies: the host handles the protocol as before. What it receives of IPv4 begins with the IP header,
/// of IPv6 behind the headers, as on Linux; so is what it sends, unless it
/// [includes the header](RawSocket::set_header_included).
pub struct RawSocket {
    socket: Socket<RawId>,
}

impl RawSocket {
    pub(crate) fn open(host: &Host, family: Family, protocol: IpProtocol) -> io::Result<RawSocket> {
        let socket = Socket::open(host, |stack, now| Ok(stack.raw_open(now, family, protocol)))?;
        Ok(RawSocket { socket })
    }

    /// The host that the socket is on.
    pub fn host(&self) -> &Host {
        &self.socket.host
    }

    /// Hears what is sent to this address of the host only, and sends from it.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when it is not an address of the host, or of the other
    /// family.
    pub fn bind(&self, at: IpAddr) -> io::Result<()> {
        self.set_options(|options| options.local = Some(at))
    }

    /// Hears and sends on one interface only; on all with `None`.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when there is no such interface.
    pub fn bind_device(&self, interface: Option<InterfaceId>) -> io::Result<()> {
        self.set_options(|options| options.interface = interface)
    }

    /// Hears one remote address only, to which [`RawSocket::send`] sends.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for an address of the other family.
    pub fn connect(&self, to: IpAddr) -> io::Result<()> {
        self.set_options(|options| options.remote = Some(to))
    }

    /// Sends a packet.
    ///
    /// # Errors
    /// [`NetworkUnreachable`](io::ErrorKind::NetworkUnreachable) without a route,
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when the packet is too long, its header (where it is
    /// included) is none, or the address is of the other family,
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) for a broadcast address, unless
    /// [`RawOptions::broadcast`] allows it.
    pub async fn send_to(&self, data: &[u8], to: IpAddr) -> io::Result<usize> {
        poll_fn(|cx| self.poll_send_to(cx, data, to)).await
    }

    /// Sends a packet, as [`RawSocket::send_to`].
    pub fn poll_send_to(&self, cx: &mut Context<'_>, data: &[u8], to: IpAddr) -> Poll<io::Result<usize>> {
        self.poll(cx, wakers::Interest::Write, |raw| send_to(raw, data, to))
    }

    /// Sends a packet if there is room for it.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is none; otherwise as [`RawSocket::send_to`].
    pub fn try_send_to(&self, data: &[u8], to: IpAddr) -> io::Result<usize> {
        self.act(|raw| send_to(raw, data, to))
    }

    /// Sends a packet to the address that the socket is connected to.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) without such an address; otherwise as
    /// [`RawSocket::send_to`].
    pub async fn send(&self, data: &[u8]) -> io::Result<usize> {
        let to = self.options()?.remote.ok_or_else(not_connected)?;
        self.send_to(data, to).await
    }

    /// Receives a packet and the address that it came from. What does not fit `out` is lost.
    ///
    /// # Errors
    /// [`NetworkDown`](io::ErrorKind::NetworkDown) when the host shuts down.
    pub async fn recv_from(&self, out: &mut [u8]) -> io::Result<(usize, IpAddr)> {
        Ok(copied(&self.recv_packet().await?, out))
    }

    /// Receives a packet if one is there.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when none is.
    pub fn try_recv_from(&self, out: &mut [u8]) -> io::Result<(usize, IpAddr)> {
        Ok(copied(&self.act(recv)?, out))
    }

    /// Receives a packet without a copy, with all that is known of it.
    ///
    /// # Errors
    /// As [`RawSocket::recv_from`].
    pub async fn recv_packet(&self) -> io::Result<ReceivedPacket> {
        poll_fn(|cx| self.poll_recv_packet(cx)).await
    }

    /// Receives a packet without a copy, as [`RawSocket::recv_packet`].
    pub fn poll_recv_packet(&self, cx: &mut Context<'_>) -> Poll<io::Result<ReceivedPacket>> {
        self.poll(cx, wakers::Interest::Read, recv)
    }

    /// Waits until the socket is ready for something of what `interest` names.
    ///
    /// # Errors
    /// [`NetworkDown`](io::ErrorKind::NetworkDown) when the host shuts down.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        poll_fn(|cx| {
            self.socket.poll_ready(cx, interest, |stack, now, id| {
                let raw = stack.raw(now, id).ok_or_else(not_connected)?;
                let readable = if raw.is_readable() { Ready::READABLE } else { Ready::EMPTY };
                let writable = if raw.is_writable() { Ready::WRITABLE } else { Ready::EMPTY };
                Ok(readable | writable)
            })
        })
        .await
    }

    /// All choices in force.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the socket is gone.
    pub fn options(&self) -> io::Result<RawOptions> {
        self.act(|raw| raw.options().ok_or_else(not_connected))
    }

    /// Changes choices by `change`. Sizes and the hop limit are brought within what the host allows.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when an address or interface is not one for this socket.
    pub fn set_options(&self, change: impl FnOnce(&mut RawOptions)) -> io::Result<()> {
        self.act(|raw| {
            let mut options = raw.options().ok_or_else(not_connected)?;
            change(&mut options);
            raw.set_options(options).map_err(|error| Failed::raw(error, None))
        })
    }

    /// What the program sends begins with an IPv4 header of its own, or not (`IP_HDRINCL`).
    ///
    /// # Errors
    /// As [`RawSocket::options`].
    pub fn set_header_included(&self, on: bool) -> io::Result<()> {
        self.set_options(|options| options.header_included = on)
    }

    /// Of ICMP or ICMPv6, these types pass and no others (`ICMP_FILTER`, `ICMP6_FILTER`).
    ///
    /// # Errors
    /// As [`RawSocket::options`].
    pub fn set_icmp_filter(&self, types: TypeFilter) -> io::Result<()> {
        self.set_options(|options| options.icmp_types = types)
    }

    /// Packets that were dropped because the receive buffer was full.
    ///
    /// # Errors
    /// As [`RawSocket::options`].
    pub fn dropped(&self) -> io::Result<u64> {
        self.act(|raw| Ok(raw.dropped()))
    }

    fn act<R>(&self, f: impl FnOnce(&mut Raw<'_>) -> io::Result<R>) -> io::Result<R> {
        self.socket.act(|stack, now, id| f(&mut stack.raw(now, id).ok_or_else(not_connected)?))
    }

    fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        interest: wakers::Interest,
        f: impl FnOnce(&mut Raw<'_>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.socket
            .poll(cx, interest, |stack, now, id| f(&mut stack.raw(now, id).ok_or_else(not_connected)?))
    }
}

impl Drop for RawSocket {
    fn drop(&mut self) {
        self.socket.close(|stack, now, id| {
            if let Some(mut raw) = stack.raw(now, id) {
                raw.close();
            }
        });
    }
}

impl fmt::Debug for RawSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawSocket")
            .field("host", &self.socket.host.name())
            .field("id", &self.socket.id)
            .finish()
    }
}

fn copied(packet: &ReceivedPacket, out: &mut [u8]) -> (usize, IpAddr) {
    let len = packet.data.len().min(out.len());
    out[..len].copy_from_slice(&packet.data[..len]);
    (len, packet.source)
}

fn send_to(raw: &mut Raw<'_>, data: &[u8], to: IpAddr) -> io::Result<usize> {
    raw.send_to(data, to).map_err(|error| Failed::raw(error, Some(to)))
}

fn recv(raw: &mut Raw<'_>) -> io::Result<ReceivedPacket> {
    raw.recv().map_err(|error| Failed::raw(error, None))
}
