//! System calls: what a script gives them and wants of them, read once into types.

mod arguments;
mod value;

use std::net::SocketAddr;

use fathom_linux::consts::*;

use crate::script::{Call, Expression, Place, Value};
use crate::settings::Settings;
use arguments::Arguments;
pub(crate) use value::Expected;

/// The calls that there are.
pub(crate) const CALLS: &[&str] = &[
    "socket",
    "bind",
    "listen",
    "accept",
    "accept4",
    "connect",
    "read",
    "readv",
    "recv",
    "recvfrom",
    "recvmsg",
    "write",
    "writev",
    "send",
    "sendto",
    "sendmsg",
    "shutdown",
    "close",
    "fcntl",
    "ioctl",
    "poll",
    "setsockopt",
    "getsockopt",
    "getsockname",
    "getpeername",
];

/// Most bytes of one read or write.
const MAX_BYTES: i64 = 64 << 20;

/// A call, ready to be made. Descriptors are the script's.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Request {
    Socket {
        domain: i32,
        kind: i32,
        protocol: i32,
    },
    Bind {
        fd: i64,
        to: SocketAddr,
    },
    Listen {
        fd: i64,
        backlog: i32,
    },
    Accept {
        fd: i64,
        flags: i32,
        peer: Option<SocketAddr>,
    },
    /// Without an address: `AF_UNSPEC`.
    Connect {
        fd: i64,
        to: Option<SocketAddr>,
    },
    Send {
        fd: i64,
        message: Message,
    },
    Receive {
        fd: i64,
        len: usize,
        flags: i32,
        wants: Received,
    },
    Shutdown {
        fd: i64,
        how: i32,
    },
    Close {
        fd: i64,
    },
    Fcntl {
        fd: i64,
        command: i32,
        argument: i32,
    },
    /// Of `FIONBIO` the argument goes in, of others it comes out.
    Ioctl {
        fd: i64,
        request: u32,
        argument: Option<i32>,
    },
    Poll {
        entries: Vec<PollEntry>,
        timeout: i32,
    },
    SetOption {
        fd: i64,
        level: i32,
        name: i32,
        value: Vec<u8>,
    },
    GetOption {
        fd: i64,
        level: i32,
        name: i32,
        room: usize,
        expected: Expected,
        len: Option<usize>,
    },
    Name {
        fd: i64,
        peer: bool,
        expected: Option<SocketAddr>,
    },
}

/// What is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Data {
    /// So many bytes of the made-up stream.
    MadeUp(usize),
    /// These.
    Bytes(Vec<u8>),
}

/// What a read must give, beside the number of bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Received {
    /// The data, if the script writes it out.
    pub(crate) data: Option<Vec<u8>>,
    /// Who sent it.
    pub(crate) from: Option<SocketAddr>,
    /// `msg_flags`
    pub(crate) flags: Option<i32>,
    /// `msg_control`
    pub(crate) control: Option<Vec<Control>>,
}

/// What is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    pub(crate) data: Data,
    pub(crate) flags: i32,
    pub(crate) to: Option<SocketAddr>,
    pub(crate) control: Vec<Control>,
}

impl Message {
    fn new(data: Data, flags: i32, to: Option<SocketAddr>) -> Self {
        Message { data, flags, to, control: Vec::new() }
    }
}

/// A control message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Control {
    pub(crate) level: i32,
    pub(crate) kind: i32,
    /// Its data in Linux's layout, if the script says; compared as far as it goes.
    pub(crate) data: Option<Vec<u8>>,
}

/// An element of `poll`'s list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PollEntry {
    pub(crate) fd: i64,
    pub(crate) events: i16,
    pub(crate) revents: i16,
}

/// Why a call cannot be made, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Unfit {
    pub(crate) place: Place,
    pub(crate) message: String,
}

pub(crate) type Fit<T> = Result<T, Unfit>;

/// What a call asks for.
pub(crate) fn request(call: &Call, settings: &Settings) -> Fit<Request> {
    let a = Arguments::new(call);
    Ok(match call.name.as_str() {
        "socket" => {
            a.count("socket(domain, type, protocol)", 3..=3)?;
            let family = if settings.ip_version.is_v6_socket() { AF_INET6 } else { AF_INET };
            Request::Socket { domain: a.int_or(0, family)?, kind: a.int(1)?, protocol: a.int(2)? }
        }
        "bind" => {
            a.count("bind(fd, address, length)", 3..=3)?;
            let unspecified = value::unspecified(settings, settings.bind_port);
            let to = a
                .address_or(1, unspecified)?
                .ok_or_else(|| a.wrong(1, "an address of a family to bind to"))?;
            Request::Bind { fd: a.fd(0)?, to }
        }
        "listen" => {
            a.count("listen(fd, backlog)", 2..=2)?;
            Request::Listen { fd: a.fd(0)?, backlog: a.int(1)? }
        }
        name @ ("accept" | "accept4") => {
            let has_flags = name == "accept4";
            let form =
                if has_flags { "accept4(fd, address, length, flags)" } else { "accept(fd, address, length)" };
            a.count(form, if has_flags { 4..=4 } else { 3..=3 })?;
            let flags = if has_flags { a.int(3)? } else { 0 };
            Request::Accept { fd: a.fd(0)?, flags, peer: a.any_address(1)? }
        }
        "connect" => {
            a.count("connect(fd, address, length)", 3..=3)?;
            let to = value::peer(settings, settings.connect_port);
            Request::Connect { fd: a.fd(0)?, to: a.address_or(1, to)? }
        }
        "write" | "send" | "sendto" | "writev" | "sendmsg" => send(&a, call, settings)?,
        "read" | "recv" | "recvfrom" | "readv" | "recvmsg" => receive(&a, call)?,
        "shutdown" => {
            a.count("shutdown(fd, how)", 2..=2)?;
            Request::Shutdown { fd: a.fd(0)?, how: a.int(1)? }
        }
        "close" => {
            a.count("close(fd)", 1..=1)?;
            Request::Close { fd: a.fd(0)? }
        }
        "fcntl" => {
            a.count("fcntl(fd, command[, argument])", 2..=3)?;
            let argument = if call.arguments.len() == 3 { a.int(2)? } else { 0 };
            Request::Fcntl { fd: a.fd(0)?, command: a.int(1)?, argument }
        }
        "ioctl" => {
            a.count("ioctl(fd, request, [value])", 3..=3)?;
            Request::Ioctl { fd: a.fd(0)?, request: a.integer(1)? as u32, argument: a.cell(2)? }
        }
        "poll" => {
            a.count("poll([{fd=3, events=POLLIN, revents=POLLIN}], count, timeout)", 3..=3)?;
            let entries = value::poll_entries(&call.arguments[0])?;
            if a.int(1)? != entries.len() as i32 {
                return Err(a.wrong(1, &format!("{}, the number of entries", entries.len())));
            }
            Request::Poll { entries, timeout: a.int(2)? }
        }
        "setsockopt" => {
            a.count("setsockopt(fd, level, name, value, length)", 5..=5)?;
            let len = a.len(4)?;
            let value = value::option(&call.arguments[3])?.bytes;
            if len > value.len() {
                return Err(a.wrong(4, &format!("a length of at most {}, that of the value", value.len())));
            }
            let value = value[..len].to_vec();
            Request::SetOption { fd: a.fd(0)?, level: a.int(1)?, name: a.int(2)?, value }
        }
        "getsockopt" => {
            a.count("getsockopt(fd, level, name, value, [length])", 5..=5)?;
            let expected = value::expected(&call.arguments[3])?;
            let len = match &call.arguments[4].value {
                Value::Any => None,
                _ => Some(a.len(4)?),
            };
            let room = len.unwrap_or(expected.room());
            Request::GetOption { fd: a.fd(0)?, level: a.int(1)?, name: a.int(2)?, room, expected, len }
        }
        name => {
            a.count(&format!("{name}(fd, address, length)"), 3..=3)?;
            Request::Name { fd: a.fd(0)?, peer: name == "getpeername", expected: a.any_address(1)? }
        }
    })
}

fn send(a: &Arguments<'_>, call: &Call, settings: &Settings) -> Fit<Request> {
    // There may be no first argument: that there is one is known once they are counted.
    let fd = || a.fd(0);
    let peer = value::peer(settings, settings.connect_port);
    match call.name.as_str() {
        "write" => {
            a.count("write(fd, data, count)", 3..=3)?;
            Ok(Request::Send { fd: fd()?, message: Message::new(data(a, 1, 2)?, 0, None) })
        }
        "send" => {
            a.count("send(fd, data, count, flags)", 4..=4)?;
            Ok(Request::Send { fd: fd()?, message: Message::new(data(a, 1, 2)?, a.int(3)?, None) })
        }
        "sendto" => {
            a.count("sendto(fd, data, count, flags, address, length)", 6..=6)?;
            let to = a.address_or(4, peer)?;
            Ok(Request::Send { fd: fd()?, message: Message::new(data(a, 1, 2)?, a.int(3)?, to) })
        }
        "writev" => {
            a.count("writev(fd, [{data, count}], count)", 3..=3)?;
            let (data, elements) = value::gather(&call.arguments[1])?;
            if a.int(2)? != elements {
                return Err(a.wrong(2, &format!("{elements}, the number of elements")));
            }
            Ok(Request::Send { fd: fd()?, message: Message::new(data, 0, None) })
        }
        _ => {
            a.count("sendmsg(fd, {msg_name=…, msg_iov(1)=[{data, count}]}, flags)", 3..=3)?;
            let message = value::message(&call.arguments[1])?;
            let to = match message.name {
                None => None,
                Some(name) => value::address(name, peer)?,
            };
            let (data, _) = value::gather(message.iov)?;
            Ok(Request::Send {
                fd: fd()?,
                message: Message { data, flags: a.int(2)?, to, control: message.control.unwrap_or_default() },
            })
        }
    }
}

/// What is written: text, or so many bytes that are made up.
fn data(a: &Arguments<'_>, at: usize, count: usize) -> Fit<Data> {
    let len = a.len(count)?;
    match &a.argument(at).value {
        Value::Any => Ok(Data::MadeUp(len)),
        Value::Text(text) if len <= text.len() => Ok(Data::Bytes(text[..len].to_vec())),
        Value::Text(text) => Err(a.wrong(count, &format!("at most {}, the length of the text", text.len()))),
        _ => Err(a.wrong(at, "data: ... or \"text\"")),
    }
}

fn receive(a: &Arguments<'_>, call: &Call) -> Fit<Request> {
    let fd = || a.fd(0);
    let mut wants = Received::default();
    let text = |expression: &Expression| match &expression.value {
        Value::Any => Ok(None),
        Value::Text(text) => Ok(Some(text.clone())),
        _ => Err(Unfit {
            place: expression.place,
            message: "expected ... or the \"text\" that is read".into(),
        }),
    };
    match call.name.as_str() {
        "read" => {
            a.count("read(fd, ..., count)", 3..=3)?;
            wants.data = text(a.argument(1))?;
            Ok(Request::Receive { fd: fd()?, len: a.len(2)?, flags: 0, wants })
        }
        "recv" => {
            a.count("recv(fd, ..., count, flags)", 4..=4)?;
            wants.data = text(a.argument(1))?;
            Ok(Request::Receive { fd: fd()?, len: a.len(2)?, flags: a.int(3)?, wants })
        }
        "recvfrom" => {
            a.count("recvfrom(fd, ..., count, flags, address, length)", 6..=6)?;
            wants.data = text(a.argument(1))?;
            wants.from = a.any_address(4)?;
            Ok(Request::Receive { fd: fd()?, len: a.len(2)?, flags: a.int(3)?, wants })
        }
        "readv" => {
            a.count("readv(fd, [{..., count}], count)", 3..=3)?;
            let (data, elements) = value::gather(&call.arguments[1])?;
            if a.int(2)? != elements {
                return Err(a.wrong(2, &format!("{elements}, the number of elements")));
            }
            wants.data = data.text();
            Ok(Request::Receive { fd: fd()?, len: data.len(), flags: 0, wants })
        }
        _ => {
            a.count("recvmsg(fd, {msg_name=…, msg_iov(1)=[{..., count}], msg_flags=0}, flags)", 3..=3)?;
            let message = value::message(&call.arguments[1])?;
            let (data, _) = value::gather(message.iov)?;
            wants.data = data.text();
            wants.flags = message.flags;
            wants.control = message.control;
            wants.from = match message.name {
                None => None,
                Some(name) if name.value == Value::Any => None,
                Some(name) => value::address(name, SocketAddr::from(([0; 4], 0)))?,
            };
            Ok(Request::Receive { fd: fd()?, len: data.len(), flags: a.int(2)?, wants })
        }
    }
}

impl Data {
    pub(crate) fn len(&self) -> usize {
        match self {
            Data::MadeUp(len) => *len,
            Data::Bytes(bytes) => bytes.len(),
        }
    }

    fn text(&self) -> Option<Vec<u8>> {
        match self {
            Data::MadeUp(_) => None,
            Data::Bytes(bytes) => Some(bytes.clone()),
        }
    }
}
