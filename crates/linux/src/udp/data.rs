//! Sending and receiving.

use std::net::SocketAddr;

use fathom_stack::{SendDatagram, UdpError, UdpErrorReport};

use crate::consts::*;
use crate::error_queue::error_message;
use crate::file::Fd;
use crate::message::{Arrival, ControlMessage, Received, Sending, from_tos, tos};
use crate::{Errno, Kernel, Result};

/// The largest datagram that Linux looks at.
const MOST: usize = 0xffff;

impl Kernel {
    pub(crate) fn udp_send(
        &mut self,
        fd: Fd,
        data: &[u8],
        to: Option<SocketAddr>,
        control: &[ControlMessage],
        flags: i32,
    ) -> Result<usize> {
        if data.len() > MOST {
            return Err(Errno::EMSGSIZE);
        }
        if flags & (MSG_OOB | MSG_FASTOPEN) != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let socket = self.files.socket(fd)?;
        let to = to.map(|to| socket.destination(to)).transpose()?;
        if to.is_some_and(|to| to.port() == 0) {
            return Err(Errno::EINVAL);
        }
        let sending = Sending::new(control)?;
        let udp = socket.udp()?;
        let (held, pending, write_shut) =
            (udp.cork || flags & MSG_MORE != 0, udp.pending.is_some(), udp.write_shut);
        if to.is_none() && !pending && self.udp_peer(fd).is_err() {
            return Err(Errno::EDESTADDRREQ);
        }
        if write_shut {
            return Err(Errno::EPIPE);
        }
        if !held && !pending {
            return self.udp_send_whole(fd, data, to, &sending);
        }
        // The first part says where the whole goes.
        let udp = self.udp_socket(fd)?;
        let (whole, _) = udp.pending.get_or_insert_with(|| (Vec::new(), to));
        if whole.len() + data.len() > MOST {
            return Err(Errno::EMSGSIZE);
        }
        whole.extend(data);
        if !held {
            self.udp_push(fd, &sending)?;
        }
        Ok(data.len())
    }

    /// Sends what waits for the rest of its datagram.
    pub(crate) fn udp_push(&mut self, fd: Fd, sending: &Sending) -> Result<()> {
        if let Some((whole, to)) = self.udp_socket(fd)?.pending.take() {
            self.udp_send_whole(fd, &whole, to, sending)?;
        }
        Ok(())
    }

    fn udp_send_whole(
        &mut self,
        fd: Fd,
        data: &[u8],
        to: Option<SocketAddr>,
        sending: &Sending,
    ) -> Result<usize> {
        let segment_size = sending.segment_size(self.udp_socket(fd)?.segment);
        let (dscp, ecn) = sending.tos.map(from_tos).unzip();
        let interface = match sending.interface {
            Some(index) => Some(self.interface_of(index).ok_or(Errno::ENODEV)?),
            None => None,
        };
        let (source, hop_limit) = (sending.source, sending.hop_limit);
        let message = SendDatagram {
            data,
            to,
            source,
            source_port: None,
            interface,
            segment_size,
            hop_limit,
            dscp,
            ecn,
        };
        let id = self.udp_open(fd)?;
        let mut udp = self.stack.udp(self.now, id).ok_or(Errno::EBADF)?;
        let sent = udp.send_msg(&message);
        self.settle();
        match sent {
            // More datagrams in one than Linux takes.
            Err(UdpError::TooLarge) if segment_size.is_some() && data.len() < MOST => Err(Errno::EINVAL),
            sent => Ok(sent?),
        }
    }

    pub(crate) fn udp_recv(&mut self, fd: Fd, out: &mut [u8], flags: i32) -> Result<Received> {
        if flags & MSG_ERRQUEUE != 0 {
            return self.udp_recv_error(fd, out);
        }
        // A socket that does not block is not told the end of what it has shut down, in Linux.
        let blocks = self.files.get(fd)?.flags & O_NONBLOCK == 0 && flags & MSG_DONTWAIT == 0;
        let socket = self.files.socket(fd)?;
        let (tells, is_v6) = (socket.common.tells, socket.family == fathom_stack::Family::V6);
        let read_shut = socket.udp()?.read_shut && blocks;
        let gro = |udp: &fathom_stack::Udp<'_>| udp.options().receive_offload;
        let Some(mut udp) = self.udp(fd) else {
            return if read_shut { Ok(Received::default()) } else { Err(Errno::EAGAIN) };
        };
        let merges = gro(&udp);
        let taken = if flags & MSG_PEEK != 0 { udp.peek_msg(out) } else { udp.recv_msg(out) };
        let meta = match taken {
            Err(UdpError::WouldBlock) if read_shut => return Ok(Received::default()),
            taken => taken?,
        };
        let arrival = Arrival {
            destination: SocketAddr::new(meta.destination, meta.destination_port),
            interface: meta.interface,
            hop_limit: meta.hop_limit,
            tos: tos(meta.dscp, meta.ecn),
            at: meta.received_at,
            dropped: udp.dropped(),
            stride: (merges && meta.stride < meta.len).then_some(meta.stride),
        };
        let whole = meta.len + meta.truncated;
        Ok(Received {
            len: if flags & MSG_TRUNC != 0 { whole } else { meta.len },
            copied: meta.len,
            from: Some(meta.source),
            control: arrival.control(&tells, &self.stack, is_v6),
            flags: if meta.truncated > 0 { MSG_TRUNC } else { 0 },
        })
    }

    fn udp_recv_error(&mut self, fd: Fd, out: &mut [u8]) -> Result<Received> {
        let report = self.udp(fd).and_then(|mut udp| udp.recv_error()).ok_or(Errno::EAGAIN)?;
        let UdpErrorReport { error, icmp, offender, destination, data, .. } = report;
        Ok(error_message(out, &data, destination, error.into(), icmp, offender))
    }
}
