//! Calls that read and write.

use fathom_linux::consts::*;
use fathom_linux::{ControlMessage, Errno};

use super::Run;
use super::perform::{Attempt, Returned, differs};
use crate::call::{Control, Data, Message, Received};
use crate::wire::{data, data_at};

impl Run<'_> {
    pub(super) fn send(&mut self, fd: i32, message: &Message, done: usize, may_wait: bool) -> Attempt {
        let socket = self.sockets.get(&fd).copied().unwrap_or_default();
        let bytes = match &message.data {
            Data::MadeUp(len) if socket.is_stream => data(socket.written, len.saturating_sub(done)),
            Data::MadeUp(len) => data(0, *len),
            Data::Bytes(bytes) => {
                self.made_up = false;
                bytes.get(done..).unwrap_or_default().to_vec()
            }
        };
        let waits = may_wait && self.waits(fd, message.flags);
        let control = message.control.iter().map(|control| ControlMessage {
            level: control.level,
            kind: control.kind,
            data: control.data.clone().unwrap_or_default(),
        });
        let control: Vec<ControlMessage> = control.collect();
        let sent = self.kernel.sendmsg(fd, &bytes, message.to, &control, message.flags);
        if let (Ok(sent), Some(socket)) = (sent, self.sockets.get_mut(&fd)) {
            socket.written += sent as u64;
        }
        if !socket.is_stream && sent.is_ok() {
            self.connects += 1;
        }
        let gives_up = |run: &mut Self| run.patience(fd, SO_SNDTIMEO);
        match sent {
            Ok(sent) if sent < bytes.len() && waits => {
                Attempt::Blocks { done: (done + sent) as u64, gives_up: gives_up(self) }
            }
            Ok(sent) => Attempt::Done(Returned::value((done + sent) as i64)),
            Err(Errno::EAGAIN) if waits => Attempt::Blocks { done: done as u64, gives_up: gives_up(self) },
            // What was written counts before what went wrong.
            Err(_) if done > 0 => Attempt::Done(Returned::value(done as i64)),
            Err(errno) => Attempt::Done(Returned::error(errno)),
        }
    }

    pub(super) fn receive(
        &mut self,
        fd: i32,
        len: usize,
        flags: i32,
        wants: &Received,
        done: usize,
        may_wait: bool,
    ) -> Attempt {
        let socket = self.sockets.get(&fd).copied().unwrap_or_default();
        let mut buffer = vec![0; len.saturating_sub(done)];
        let waits = may_wait && self.waits(fd, flags);
        let all = flags & MSG_WAITALL != 0 && flags & MSG_PEEK == 0 && socket.is_stream;
        let message = match self.kernel.recvmsg(fd, &mut buffer, flags) {
            Ok(message) => message,
            Err(Errno::EAGAIN) if waits => {
                return Attempt::Blocks { done: done as u64, gives_up: self.patience(fd, SO_RCVTIMEO) };
            }
            Err(_) if done > 0 => return Attempt::Done(Returned::value(done as i64)),
            Err(errno) => return Attempt::Done(Returned::error(errno)),
        };
        let (read, from) = (message.len, message.from);
        let place = if socket.is_stream { socket.read } else { 0 };
        if let Some(socket) = self.sockets.get_mut(&fd).filter(|_| flags & MSG_PEEK == 0) {
            socket.read += read as u64;
        }
        if all && waits && read > 0 && done + read < len {
            return Attempt::Blocks { done: (done + read) as u64, gives_up: self.patience(fd, SO_RCVTIMEO) };
        }
        let discards = flags & MSG_TRUNC != 0 && socket.is_stream;
        let came = &buffer[..if discards { 0 } else { read.min(buffer.len()) }];
        let content = match &wants.data {
            Some(expected) if expected.as_slice() != came => {
                Some(("data".to_owned(), show_bytes(expected), show_bytes(came)))
            }
            Some(_) => None,
            None => wrong_byte(place, came),
        };
        let from = wants.from.and_then(|expected| {
            let shown = from.map_or("none".to_owned(), |from| from.to_string());
            (from != Some(expected))
                .then(|| ("address of the sender".to_owned(), expected.to_string(), shown))
        });
        let flags = wants.flags.and_then(|expected| differs("msg_flags", &expected, &message.flags));
        let control =
            wants.control.as_deref().and_then(|expected| control_differs(expected, &message.control));
        Attempt::Done(Returned::value((done + read) as i64).with(content.or(from).or(flags).or(control)))
    }
}

/// Whether the control messages are those that the script has, in their order.
fn control_differs(expected: &[Control], came: &[ControlMessage]) -> Option<(String, String, String)> {
    let matches = |(expected, came): (&Control, &ControlMessage)| {
        let data = expected.data.as_ref().is_none_or(|data| came.data.starts_with(data));
        (expected.level, expected.kind) == (came.level, came.kind) && data
    };
    if expected.len() == came.len() && expected.iter().zip(came).all(matches) {
        return None;
    }
    let data = |bytes: &[u8]| match bytes {
        [a, b, c, d] => i32::from_le_bytes([*a, *b, *c, *d]).to_string(),
        bytes => format!("{bytes:?}"),
    };
    let one = |level: i32, kind: i32, data: String| {
        format!("{{cmsg_level={level}, cmsg_type={kind}, cmsg_data={data}}}")
    };
    let wanted = expected.iter().map(|control| {
        one(control.level, control.kind, control.data.as_deref().map_or("...".to_owned(), data))
    });
    let wanted: Vec<String> = wanted.collect();
    let came: Vec<String> =
        came.iter().map(|control| one(control.level, control.kind, data(&control.data))).collect();
    Some(("msg_control".into(), format!("[{}]", wanted.join(", ")), format!("[{}]", came.join(", "))))
}

fn show_bytes(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

/// The first byte that is not that of its place.
fn wrong_byte(place: u64, came: &[u8]) -> Option<(String, String, String)> {
    let (at, byte) = came.iter().enumerate().find(|(at, byte)| data_at(place + *at as u64) != **byte)?;
    let expected = data_at(place + at as u64);
    Some((
        format!("data, in its byte {at}"),
        format!("{expected:#04x}, as it was sent"),
        format!("{byte:#04x}"),
    ))
}
