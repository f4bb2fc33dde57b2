//! Sending and receiving.

use fathom_stack::{Tcp, TcpError};

use super::State;
use crate::consts::{
    MSG_ERRQUEUE, MSG_FASTOPEN, MSG_MORE, MSG_OOB, MSG_PEEK, MSG_TRUNC, SIOCINQ, SOL_TCP, TCP_INQ,
};
use crate::file::Fd;
use crate::message::{ControlMessage, Received};
use crate::{Errno, Kernel, Result};

impl Kernel {
    pub(crate) fn tcp_send(&mut self, fd: Fd, data: &[u8], flags: i32) -> Result<usize> {
        if flags & (MSG_OOB | MSG_FASTOPEN) != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let tcp = self.tcp_socket(fd)?;
        let (State::Connecting(id) | State::Connected(id)) = tcp.state else { return Err(Errno::EPIPE) };
        let more = flags & MSG_MORE != 0;
        let held = tcp.cork || more;
        let change = std::mem::replace(&mut tcp.more, more) != more;
        let mut connection = self.stack.tcp(self.now, id).ok_or(Errno::EPIPE)?;
        if more && change {
            connection.set_cork(true);
        }
        let sent = connection.send(data);
        if change && !held {
            connection.set_cork(false);
        }
        self.settle();
        match sent {
            // Linux has the program wait for the connection where it is on its way.
            Err(TcpError::NotConnected) => Err(Errno::EPIPE),
            sent => Ok(sent?),
        }
    }

    pub(crate) fn tcp_recvmsg(&mut self, fd: Fd, out: &mut [u8], flags: i32) -> Result<Received> {
        let len = self.tcp_recv(fd, out, flags)?;
        let copied = if flags & MSG_TRUNC != 0 { 0 } else { len };
        let control = match self.tcp_socket(fd)?.tells_queue {
            true => vec![ControlMessage::int(SOL_TCP, TCP_INQ, self.tcp_ioctl(fd, SIOCINQ)?)],
            false => Vec::new(),
        };
        Ok(Received { len, copied, from: None, control, flags: 0 })
    }

    fn tcp_recv(&mut self, fd: Fd, out: &mut [u8], flags: i32) -> Result<usize> {
        let tcp = self.tcp_socket(fd)?;
        let read_shut = tcp.read_shut;
        let id = match tcp.state {
            // Nothing is ever reported there: TCP's errors come with its calls.
            _ if flags & MSG_ERRQUEUE != 0 => return Err(Errno::EAGAIN),
            State::Closed | State::Listening(_) => return Err(Errno::ENOTCONN),
            // RFC 9293 3.8.5: there is no urgent data.
            _ if flags & MSG_OOB != 0 => return Err(Errno::EINVAL),
            State::Connecting(id) | State::Connected(id) => id,
        };
        let mut connection = self.stack.tcp(self.now, id).ok_or(Errno::ENOTCONN)?;
        let received = match flags & (MSG_PEEK | MSG_TRUNC) {
            0 => connection.recv(out),
            MSG_TRUNC => discard(&mut connection, out.len()),
            both if both == MSG_PEEK | MSG_TRUNC && connection.available() > 0 => {
                Ok(connection.available().min(out.len()))
            }
            _ => connection.peek(out),
        };
        self.settle();
        match received {
            Err(TcpError::WouldBlock) if read_shut => Ok(0),
            received => Ok(received?),
        }
    }
}

/// Takes up to `len` bytes, and gives how many.
fn discard(connection: &mut Tcp<'_>, len: usize) -> core::result::Result<usize, TcpError> {
    let mut taken = connection.recv_bytes(len)?.len();
    // What comes after the data is for the next call.
    while taken < len && connection.available() > 0 {
        taken += connection.recv_bytes(len - taken)?.len();
    }
    Ok(taken)
}
