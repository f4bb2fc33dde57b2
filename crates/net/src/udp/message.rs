//! Datagrams with all that belongs to them, and many at once.

use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use bytes::BufMut;
use fathom_stack::{ReceivedDatagram, RecvMeta, SendDatagram, Udp, UdpErrorReport};

use super::UdpSocket;
use crate::error::Failed;
use crate::wakers::Interest;

impl UdpSocket {
    /// Sends a datagram, or several of one size, as `message` says: from which address, by which interface, with
    /// which hop limit and marks.
    ///
    /// # Errors
    /// As [`UdpSocket::send_to`]; [`InvalidInput`](io::ErrorKind::InvalidInput) when the source is not ours, or
    /// there are more than 64 datagrams.
    pub async fn send_msg(&self, message: &SendDatagram<'_>) -> io::Result<usize> {
        poll_fn(|cx| self.poll_send_msg(cx, message)).await
    }

    /// Sends a datagram, or several, as [`UdpSocket::send_msg`].
    pub fn poll_send_msg(&self, cx: &mut Context<'_>, message: &SendDatagram<'_>) -> Poll<io::Result<usize>> {
        self.poll(cx, Interest::Write, |udp| send_msg(udp, message))
    }

    /// Sends a datagram, or several, if there is room for all of it.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is none; otherwise as [`UdpSocket::send_msg`].
    pub fn try_send_msg(&self, message: &SendDatagram<'_>) -> io::Result<usize> {
        self.act(|udp| send_msg(udp, message))
    }

    /// Sends a datagram from one of the host's addresses: that of a question, where the socket is open at
    /// all of them (RFC 8085 5.1.1).
    ///
    /// # Errors
    /// As [`UdpSocket::send_msg`].
    pub async fn send_from(&self, source: IpAddr, data: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.send_msg(&SendDatagram { source: Some(source), ..SendDatagram::to(data, to) }).await
    }

    /// Receives a datagram into `out` and tells all that is known of it. With
    /// [`UdpSocket::set_receive_offload`] it may be several of one sender and size at once.
    ///
    /// # Errors
    /// As [`UdpSocket::recv_from`].
    pub async fn recv_msg(&self, out: &mut [u8]) -> io::Result<RecvMeta> {
        poll_fn(|cx| self.poll_recv_msg(cx, out)).await
    }

    /// Receives a datagram, or several, as [`UdpSocket::recv_msg`].
    pub fn poll_recv_msg(&self, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<RecvMeta>> {
        self.poll(cx, Interest::Read, |udp| recv_msg(udp, out))
    }

    /// Receives a datagram, or several, if one is there.
    ///
    /// # Errors
    /// As [`UdpSocket::try_recv_from`].
    pub fn try_recv_msg(&self, out: &mut [u8]) -> io::Result<RecvMeta> {
        self.act(|udp| recv_msg(udp, out))
    }

    /// Receives as [`UdpSocket::recv_msg`], once for each of `outs` while there is something, and tells what is
    /// known of each. Gives how many it has filled, at least one. The socket is locked once, and meanwhile: let
    /// `each` do no more than keep what it is told.
    ///
    /// An error that an earlier datagram met is reported only when nothing was received before it.
    pub fn poll_recv_msgs(
        &self,
        cx: &mut Context<'_>,
        outs: &mut [IoSliceMut<'_>],
        mut each: impl FnMut(usize, RecvMeta),
    ) -> Poll<io::Result<usize>> {
        self.poll(cx, Interest::Read, |udp| {
            let mut count = 0;
            for out in outs {
                if count > 0 && udp.has_error() {
                    break;
                }
                match recv_msg(udp, out) {
                    Ok(meta) => each(count, meta),
                    Err(error) if count == 0 => return Err(error),
                    Err(_) => break,
                }
                count += 1;
            }
            Ok(count)
        })
    }

    /// Receives a datagram without a copy, with all that is known of it.
    ///
    /// # Errors
    /// As [`UdpSocket::recv_from`].
    pub async fn recv_datagram(&self) -> io::Result<ReceivedDatagram> {
        poll_fn(|cx| self.poll_recv_datagram(cx)).await
    }

    /// Receives a datagram without a copy, as [`UdpSocket::recv_datagram`].
    pub fn poll_recv_datagram(&self, cx: &mut Context<'_>) -> Poll<io::Result<ReceivedDatagram>> {
        self.poll(cx, Interest::Read, recv_datagram)
    }

    /// Receives a datagram without a copy if one is there.
    ///
    /// # Errors
    /// As [`UdpSocket::try_recv_from`].
    pub fn try_recv_datagram(&self) -> io::Result<ReceivedDatagram> {
        self.act(recv_datagram)
    }

    /// Receives a datagram, appended to `out`, and the address it came from. What does not fit is lost.
    ///
    /// # Errors
    /// As [`UdpSocket::recv_from`].
    pub async fn recv_buf_from(&self, out: &mut impl BufMut) -> io::Result<(usize, SocketAddr)> {
        Ok(append(out, self.recv_datagram().await?))
    }

    /// Receives a datagram of the peer, appended to `out`. What does not fit is lost.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub async fn recv_buf(&self, out: &mut impl BufMut) -> io::Result<usize> {
        Ok(self.recv_buf_from(out).await?.0)
    }

    /// Receives a datagram, appended to `out`, if one is there.
    ///
    /// # Errors
    /// As [`UdpSocket::try_recv_from`].
    pub fn try_recv_buf_from(&self, out: &mut impl BufMut) -> io::Result<(usize, SocketAddr)> {
        Ok(append(out, self.try_recv_datagram()?))
    }

    /// Receives a datagram of the peer, appended to `out`, if one is there.
    ///
    /// # Errors
    /// As [`UdpSocket::try_recv`].
    pub fn try_recv_buf(&self, out: &mut impl BufMut) -> io::Result<usize> {
        Ok(self.try_recv_buf_from(out)?.0)
    }

    /// Waits for the next report of what happened to a datagram that the socket sent, with who says so. Only
    /// with [`UdpSocket::set_report_errors`] there are any.
    ///
    /// # Errors
    /// [`NetworkDown`](io::ErrorKind::NetworkDown) when the host shuts down.
    pub async fn recv_error(&self) -> io::Result<UdpErrorReport> {
        poll_fn(|cx| {
            self.poll(cx, Interest::Read, |udp| udp.recv_error().ok_or(io::ErrorKind::WouldBlock.into()))
        })
        .await
    }

    /// The next report of what happened to a datagram that the socket sent, if there is one.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the socket is gone.
    pub fn try_recv_error(&self) -> io::Result<Option<UdpErrorReport>> {
        self.look(|udp| Ok(udp.recv_error()))
    }
}

fn append(out: &mut impl BufMut, datagram: ReceivedDatagram) -> (usize, SocketAddr) {
    let len = datagram.data.len().min(out.remaining_mut());
    out.put_slice(&datagram.data[..len]);
    (len, datagram.source)
}

fn send_msg(udp: &mut Udp<'_>, message: &SendDatagram<'_>) -> io::Result<usize> {
    let to = message.to.or_else(|| udp.remote());
    udp.send_msg(message).map_err(|error| Failed::udp(error, to))
}

fn recv_msg(udp: &mut Udp<'_>, out: &mut [u8]) -> io::Result<RecvMeta> {
    let remote = udp.remote();
    udp.recv_msg(out).map_err(|error| Failed::udp(error, remote))
}

fn recv_datagram(udp: &mut Udp<'_>) -> io::Result<ReceivedDatagram> {
    let remote = udp.remote();
    udp.recv().map_err(|error| Failed::udp(error, remote))
}
