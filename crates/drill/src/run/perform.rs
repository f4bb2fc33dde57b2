//! Makes calls, and compares what they return.

use std::net::SocketAddr;
use std::time::Duration;

use fathom_linux::consts::*;
use fathom_linux::{Errno, PollFd};

use super::report::{Failure, LineKind};
use super::{Run, Step, Transferred};
use crate::call::{PollEntry, Request};
use crate::script::{Call, Event, Value};
use crate::wire::Flow;

/// What came of an attempt to make a call.
pub(super) enum Attempt {
    /// It returned.
    Done(Returned),
    /// It would wait.
    Blocks {
        /// Bytes that it has read or written so far.
        done: u64,
        /// After how long it gives up.
        gives_up: Option<Duration>,
    },
}

/// What a call returned.
#[derive(Debug)]
pub(super) struct Returned {
    value: i64,
    errno: Option<Errno>,
    /// What it wrote to the program's memory that is not what the script has there: what, what was expected,
    /// what came.
    differs: Option<(String, String, String)>,
}

impl Returned {
    pub(super) fn value(value: i64) -> Self {
        Returned { value, errno: None, differs: None }
    }

    pub(super) fn error(errno: Errno) -> Self {
        Returned { value: -1, errno: Some(errno), differs: None }
    }

    fn of(result: fathom_linux::Result<i64>) -> Self {
        result.map_or_else(Returned::error, Returned::value)
    }

    pub(super) fn with(mut self, differs: Option<(String, String, String)>) -> Self {
        self.differs = differs;
        self
    }
}

pub(super) fn differs<T: PartialEq + ToString>(
    what: &str,
    expected: &T,
    came: &T,
) -> Option<(String, String, String)> {
    (expected != came).then(|| (what.to_owned(), expected.to_string(), came.to_string()))
}

impl<'s> Run<'s> {
    /// The live descriptor of one of the script. One that it does not have stands for itself, and fails.
    fn live(&self, fd: i64) -> i32 {
        self.descriptors.get(&fd).copied().unwrap_or(i32::try_from(fd).unwrap_or(-1))
    }

    /// Whether a call on this socket waits.
    pub(super) fn waits(&mut self, fd: i32, flags: i32) -> bool {
        let status = self.kernel.fcntl(fd, F_GETFL, 0).unwrap_or(O_NONBLOCK);
        status & O_NONBLOCK == 0 && flags & MSG_DONTWAIT == 0
    }

    /// `SO_RCVTIMEO` or `SO_SNDTIMEO`, if it is set.
    pub(super) fn patience(&mut self, fd: i32, option: i32) -> Option<Duration> {
        let mut bytes = [0; 16];
        self.kernel.getsockopt(fd, SOL_SOCKET, option, &mut bytes).ok()?;
        let (seconds, micros) = bytes.split_at(8);
        let number = |bytes: &[u8]| bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let time = Duration::from_secs(number(seconds)) + Duration::from_micros(number(micros));
        (!time.is_zero()).then_some(time)
    }

    /// Makes a call, of which `done` bytes are done. One that would wait returns instead, unless it `may_wait`.
    pub(super) fn attempt(&mut self, request: &Request, done: u64, may_wait: bool) -> Step<Attempt> {
        let attempt = match request {
            Request::Accept { fd, flags, peer } => self.accept(self.live(*fd), *flags, *peer, may_wait),
            Request::Connect { fd, to } => self.connect(self.live(*fd), *to, may_wait),
            Request::Send { fd, message } => self.send(self.live(*fd), message, done as usize, may_wait),
            Request::Receive { fd, len, flags, wants } => {
                self.receive(self.live(*fd), *len, *flags, wants, done as usize, may_wait)
            }
            Request::Poll { entries, timeout } => self.poll(entries, *timeout, may_wait),
            at_once => Attempt::Done(self.at_once(at_once)),
        };
        Ok(attempt)
    }

    /// Calls that never wait.
    fn at_once(&mut self, request: &Request) -> Returned {
        let number = |number: fathom_linux::Result<()>| Returned::of(number.map(|()| 0));
        match request {
            Request::Socket { domain, kind, protocol } => {
                let fd = self.kernel.socket(*domain, *kind, *protocol);
                if let Ok(fd) = fd {
                    let is_stream = kind & 0xf == SOCK_STREAM;
                    self.sockets.insert(fd, Transferred { is_stream, ..Transferred::default() });
                    if is_stream {
                        self.under_test = Some(fd);
                    }
                }
                Returned::of(fd.map(i64::from))
            }
            Request::Bind { fd, to } => {
                let fd = self.live(*fd);
                let bound = self.kernel.bind(fd, *to);
                if bound.is_ok() {
                    self.learn_local(fd);
                }
                number(bound)
            }
            Request::Listen { fd, backlog } => {
                let fd = self.live(*fd);
                let listens = self.kernel.listen(fd, *backlog);
                if listens.is_ok() {
                    self.learn_local(fd);
                }
                number(listens)
            }
            Request::Shutdown { fd, how } => number(self.kernel.shutdown(self.live(*fd), *how)),
            Request::Close { fd } => {
                let live = self.live(*fd);
                let closed = self.kernel.close(live);
                if closed.is_ok() {
                    self.descriptors.remove(fd);
                    self.sockets.remove(&live);
                }
                number(closed)
            }
            Request::Fcntl { fd, command, argument } => {
                Returned::of(self.kernel.fcntl(self.live(*fd), *command, *argument).map(i64::from))
            }
            Request::Ioctl { fd, request, argument } => {
                let mut value = argument.filter(|_| *request == FIONBIO).unwrap_or_default();
                let done = self.kernel.ioctl(self.live(*fd), *request, &mut value);
                let differs = argument
                    .filter(|_| done.is_ok())
                    .and_then(|expected| differs("value", &expected, &value));
                number(done).with(differs)
            }
            Request::SetOption { fd, level, name, value } => {
                number(self.kernel.setsockopt(self.live(*fd), *level, *name, value))
            }
            Request::GetOption { fd, level, name, room, expected, len } => {
                let mut bytes = vec![0; *room];
                match self.kernel.getsockopt(self.live(*fd), *level, *name, &mut bytes) {
                    Err(errno) => Returned::error(errno),
                    Ok(written) => {
                        let value = expected
                            .difference(&bytes[..written])
                            .map(|(expected, came)| ("value of the option".to_owned(), expected, came));
                        let len = len.filter(|_| !expected.is_variable());
                        let len = len.and_then(|len| differs("length of the option", &len, &written));
                        Returned::value(0).with(value.or(len))
                    }
                }
            }
            Request::Name { fd, peer, expected } => {
                let fd = self.live(*fd);
                let name = if *peer { self.kernel.getpeername(fd) } else { self.kernel.getsockname(fd) };
                let differs = match (name, expected) {
                    (Ok(name), Some(expected)) => differs("address", expected, &name),
                    _ => None,
                };
                Returned::of(name.map(|_| 0)).with(differs)
            }
            // Those that wait are made by `attempt`.
            Request::Accept { .. }
            | Request::Connect { .. }
            | Request::Send { .. }
            | Request::Receive { .. }
            | Request::Poll { .. } => Returned::error(Errno::ENOSYS),
        }
    }

    /// Where peers find us: at the address last bound.
    fn learn_local(&mut self, fd: i32) {
        if let Ok(name) = self.kernel.getsockname(fd) {
            let ip = name.ip().to_canonical();
            let ip = if ip.is_unspecified() { self.script.settings.local() } else { ip };
            self.local = SocketAddr::new(ip, name.port());
        }
    }

    fn accept(&mut self, fd: i32, flags: i32, peer: Option<SocketAddr>, may_wait: bool) -> Attempt {
        match self.kernel.accept4(fd, flags) {
            Err(Errno::EAGAIN) if may_wait && self.waits(fd, 0) => {
                Attempt::Blocks { done: 0, gives_up: self.patience(fd, SO_RCVTIMEO) }
            }
            Err(errno) => Attempt::Done(Returned::error(errno)),
            Ok((accepted, from)) => {
                self.sockets.insert(accepted, Transferred { is_stream: true, ..Transferred::default() });
                self.under_test = Some(accepted);
                let differs = peer.and_then(|peer| differs("address of the peer", &peer, &from));
                Attempt::Done(Returned::value(accepted.into()).with(differs))
            }
        }
    }

    fn connect(&mut self, fd: i32, to: Option<SocketAddr>, may_wait: bool) -> Attempt {
        let Some(to) = to else {
            return Attempt::Done(Returned::of(self.kernel.disconnect(fd).map(|()| 0)));
        };
        let result = self.kernel.connect(fd, to);
        let is_datagram = self.sockets.get(&fd).is_some_and(|socket| !socket.is_stream);
        if result == Err(Errno::EINPROGRESS) || (is_datagram && result.is_ok()) {
            self.learn_connection(fd, to);
        }
        let waits = may_wait && self.waits(fd, 0);
        match result {
            Err(Errno::EINPROGRESS | Errno::EALREADY) if waits => {
                Attempt::Blocks { done: 0, gives_up: self.patience(fd, SO_SNDTIMEO) }
            }
            // A call that has waited in vain has only begun to connect.
            Err(Errno::EALREADY) if !may_wait => Attempt::Done(Returned::error(Errno::EINPROGRESS)),
            result => Attempt::Done(Returned::of(result.map(|()| 0))),
        }
    }

    /// An attempt to connect has begun.
    fn learn_connection(&mut self, fd: i32, to: SocketAddr) {
        let remote = SocketAddr::new(to.ip().to_canonical(), to.port());
        self.connects += 1;
        self.connected = Some(remote);
        if self.sockets.get(&fd).is_none_or(|socket| socket.is_stream) {
            self.under_test = Some(fd);
        } else if let Ok(name) = self.kernel.getsockname(fd) {
            let local = SocketAddr::new(name.ip().to_canonical(), name.port());
            let mut flow = Flow::new(local, remote);
            flow.connects = self.connects;
            self.flows.udp.insert(0, flow);
        }
    }

    fn poll(&mut self, entries: &[PollEntry], timeout: i32, may_wait: bool) -> Attempt {
        let mut fds: Vec<PollFd> = entries
            .iter()
            .map(|entry| PollFd { fd: self.live(entry.fd), events: entry.events, revents: 0 })
            .collect();
        let count = self.kernel.poll(&mut fds);
        if count == 0 && timeout != 0 && may_wait {
            let gives_up = u64::try_from(timeout).ok().map(Duration::from_millis);
            return Attempt::Blocks { done: 0, gives_up };
        }
        let differs = entries.iter().zip(&fds).find_map(|(entry, came)| {
            let name = format!("revents of fd {}", entry.fd);
            (entry.revents != came.revents).then(|| (name, poll_bits(entry.revents), poll_bits(came.revents)))
        });
        Attempt::Done(Returned::value(count as i64).with(differs))
    }

    /// Compares what a call returned with what the script has, and tells of it.
    pub(super) fn returned(
        &mut self,
        event: &'s Event,
        call: &Call,
        request: &Request,
        returned: &Returned,
    ) -> Step {
        let shown = |value: i64, errno: Option<Errno>| match errno {
            Some(errno) => format!("{value} {} ({})", errno.name(), errno.message()),
            None => value.to_string(),
        };
        let came = shown(returned.value, returned.errno);
        let text = event.text.rsplit_once('=').map_or(event.text.as_str(), |(call, _)| call.trim_end());
        let text = text.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        self.tell(LineKind::Call, format!("{text} = {came}"));
        let now = self.now();
        let fail = |what: String, expected: String, came: String| {
            Err(Box::new(Failure::new(event, now, what).with(expected, came)))
        };
        if let Value::Integer(expected) = call.returns.value {
            let gives_descriptor = matches!(request, Request::Socket { .. } | Request::Accept { .. });
            if gives_descriptor && expected >= 0 && returned.value >= 0 {
                self.descriptors.insert(expected, returned.value as i32);
            } else if expected != returned.value {
                let errno = call.errno.as_ref().map(|errno| format!(" {}", errno.name)).unwrap_or_default();
                return fail(
                    format!("{} returns another value", call.name),
                    format!("{expected}{errno}"),
                    came,
                );
            }
        }
        if let Some(expected) = &call.errno
            && returned.errno.map(Errno::raw) != Some(expected.number)
        {
            let wanted = format!("-1 {}", expected.name);
            return fail(format!("{} fails with another error", call.name), wanted, came);
        }
        if let (Some(errno), Some(text)) =
            (returned.errno, call.errno.as_ref().and_then(|errno| errno.text.as_ref()))
            && errno.message() != text
        {
            let name = errno.name();
            return fail(
                format!("{name} has another text"),
                format!("({text})"),
                format!("({})", errno.message()),
            );
        }
        match &returned.differs {
            None => Ok(()),
            Some((what, expected, came)) => {
                fail(format!("{}: {what}", call.name), expected.clone(), came.clone())
            }
        }
    }
}

fn poll_bits(bits: i16) -> String {
    const NAMES: [(i16, &str); 11] = [
        (POLLIN, "POLLIN"),
        (POLLPRI, "POLLPRI"),
        (POLLOUT, "POLLOUT"),
        (POLLERR, "POLLERR"),
        (POLLHUP, "POLLHUP"),
        (POLLNVAL, "POLLNVAL"),
        (POLLRDNORM, "POLLRDNORM"),
        (POLLRDBAND, "POLLRDBAND"),
        (POLLWRNORM, "POLLWRNORM"),
        (POLLWRBAND, "POLLWRBAND"),
        (POLLRDHUP, "POLLRDHUP"),
    ];
    let names: Vec<&str> = NAMES.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect();
    if names.is_empty() { "0".into() } else { names.join("|") }
}
