//! Programs: one for each end of a connection. A program does something only when the stack has told it that
//! it can, or when it has rested for as long as it wanted to; so a readiness that is lost is a program that
//! stands still.

use std::time::Duration;

use bytes::Bytes;
use fathom_record::TcpStateName;
use fathom_stack::{CongestionAlgorithm, Readiness, Stack, Tcp, TcpError, TcpId};
use fathom_wire::Instant;

use crate::content::Content;
use crate::draw::Draw;
use crate::faults::{Fault, Tally};
use crate::plan::{EndPlan, Finish};

/// How long a program waits after the stack had no memory for it.
const NO_MEMORY_PAUSE: Duration = Duration::from_millis(50);

/// One end of a connection, and the program that has it.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) host: usize,
    pub(crate) id: TcpId,
    pub(crate) flow: usize,
    /// 0 for the client's, 1 for the server's.
    pub(crate) side: usize,
    pub(crate) round: u32,
    connected: bool,
    /// The stack has said that trying is worth while, and trying has not shown otherwise since.
    may_read: bool,
    may_write: bool,
    read_at: Instant,
    write_at: Instant,
    abort_at: Instant,
    corked: bool,
    resized: bool,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    read_since_pause: u64,
    sent_since_pause: u64,
    fiddled_at: u64,
    fiddles: Option<Draw>,
    /// The peer's data has ended.
    pub(crate) eof: bool,
    shut: bool,
    half_closed: bool,
    /// It waits until everything is delivered.
    lingers: bool,
    pub(crate) error: Option<TcpError>,
    pub(crate) aborted: bool,
    /// The program has let go.
    pub(crate) done: bool,
    /// The connection stood.
    pub(crate) stood: bool,
    /// Something was told that it has not looked at yet.
    pub(crate) wants_to_run: bool,
}

/// What a program is lent while it runs.
pub(crate) struct Lent<'a> {
    pub(crate) now: Instant,
    pub(crate) plan: &'a EndPlan,
    /// Faults are over: programs are diligent.
    pub(crate) calm: bool,
    pub(crate) tally: &'a mut Tally,
    pub(crate) buffer: &'a mut Vec<u8>,
}

impl End {
    pub(crate) fn new(
        host: usize,
        id: TcpId,
        (flow, side, round): (usize, usize, u32),
        connected: bool,
    ) -> End {
        End {
            host,
            id,
            flow,
            side,
            round,
            connected,
            may_read: connected,
            may_write: connected,
            read_at: Instant::ZERO,
            write_at: Instant::ZERO,
            abort_at: Instant::MAX,
            corked: false,
            resized: false,
            sent: 0,
            received: 0,
            read_since_pause: 0,
            sent_since_pause: 0,
            fiddled_at: 0,
            fiddles: None,
            eof: false,
            shut: false,
            half_closed: false,
            lingers: false,
            error: None,
            aborted: false,
            done: false,
            stood: connected,
            wants_to_run: false,
        }
    }

    /// What this end sends, and what it is to receive.
    fn contents(&self) -> [Content; 2] {
        let name = |side: usize| (self.flow as u64) << 32 | u64::from(self.round) << 8 | side as u64;
        [Content::new(name(self.side)), Content::new(name(1 - self.side))]
    }

    /// The program decides when it will abort, once the connection is its own.
    pub(crate) fn set_abort(&mut self, now: Instant, plan: &EndPlan) {
        self.abort_at = plan.abort.map_or(Instant::MAX, |after| now + after);
    }

    /// The stack has told something.
    pub(crate) fn told(&mut self, readiness: Readiness) {
        use Readiness as R;
        self.may_read |= readiness.intersects(R::READABLE | R::CLOSED_READ | R::ERROR | R::CLOSED);
        self.may_write |= readiness.intersects(R::WRITABLE | R::ERROR | R::CLOSED | R::CONNECTED);
        self.connected |= readiness.contains(R::CONNECTED);
        if !self.stood && readiness.contains(R::CONNECTED) {
            self.stood = true;
        }
    }

    /// When the program goes on by itself.
    pub(crate) fn wakes_at(&self, plan: &EndPlan) -> Instant {
        if self.done {
            return Instant::MAX;
        }
        let reads = self.may_read && !self.eof && self.read_at > Instant::ZERO;
        let writes = self.may_write && self.wants_to_write(plan) && self.write_at > Instant::ZERO;
        let read_at = if reads { self.read_at } else { Instant::MAX };
        let write_at = if writes { self.write_at } else { Instant::MAX };
        read_at.min(write_at).min(self.abort_at)
    }

    fn wants_to_write(&self, plan: &EndPlan) -> bool {
        !self.shut && (plan.finish != Finish::Last || self.eof)
    }

    /// Goes on as far as it can.
    pub(crate) fn run(&mut self, stack: &mut Stack, lent: &mut Lent<'_>) -> Result<(), String> {
        if self.done {
            return Ok(());
        }
        if lent.calm {
            self.read_at = self.read_at.min(lent.now);
            self.write_at = self.write_at.min(lent.now);
        }
        let Some(mut tcp) = stack.tcp(lent.now, self.id) else {
            return Err("the handle of a connection is stale before it was closed".into());
        };
        if self.abort_at <= lent.now {
            lent.tally.add(Fault::Aborted, 1);
            self.aborted = true;
            tcp.abort();
            return self.let_go(tcp);
        }
        if !self.connected {
            return match tcp.state() {
                TcpStateName::SynSent | TcpStateName::SynReceived => Ok(()),
                TcpStateName::Closed if self.may_read => {
                    self.error = tcp.take_error();
                    self.let_go(tcp)
                }
                // It is told when it stands, or that it does not come about.
                _ => Ok(()),
            };
        }
        self.fiddle(&mut tcp, lent);
        self.read(&mut tcp, lent)?;
        if self.wants_to_write(lent.plan) && self.error.is_none() {
            self.write(&mut tcp, lent)?;
        }
        if let Some(error) = self.error {
            self.count(&tcp, lent.tally);
            let keepalive = error == TcpError::TimedOut && tcp.info().probes > 0;
            lent.tally.add(Fault::KeepaliveGaveUp, u64::from(keepalive));
            return self.let_go(tcp);
        }
        match lent.plan.finish {
            Finish::Rude if self.shut => {
                lent.tally.add(Fault::ClosedUnread, u64::from(!self.eof));
                self.let_go(tcp)
            }
            Finish::Hasty if self.shut && self.eof => {
                self.count(&tcp, lent.tally);
                self.let_go(tcp)
            }
            Finish::Patient | Finish::Last if self.shut && self.eof => {
                self.lingers = true;
                // What ended it came before everything was delivered, and is told once.
                self.error = tcp.take_error();
                if self.error.is_some() {
                    return self.let_go(tcp);
                }
                if tcp.is_delivered() {
                    self.count(&tcp, lent.tally);
                    return self.let_go(tcp);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Counts what the connection has counted.
    fn count(&self, tcp: &Tcp<'_>, tally: &mut Tally) {
        tally.add(Fault::DuplicateReported, tcp.info().dsack_dups);
    }

    fn let_go(&mut self, tcp: Tcp<'_>) -> Result<(), String> {
        self.done = true;
        tcp.close();
        Ok(())
    }

    /// Changes what may be changed on a connection that stands, without making it less patient.
    fn fiddle(&mut self, tcp: &mut Tcp<'_>, lent: &mut Lent<'_>) {
        let Some((every, seed)) = lent.plan.fiddle else { return };
        if self.sent + self.received < self.fiddled_at + every {
            return;
        }
        self.fiddled_at = self.sent + self.received;
        lent.tally.add(Fault::Fiddled, 1);
        let draw = self.fiddles.get_or_insert_with(|| Draw::new(seed));
        match draw.below(11) {
            0 => tcp.set_nodelay(draw.coin()),
            1 => tcp.set_cork(draw.coin()),
            2 => tcp.set_congestion_control(draw.of(&CongestionAlgorithm::ALL)),
            3 => tcp.set_quick_ack(draw.coin()),
            4 => tcp.set_max_segment(draw.maybe(2, |draw| draw.scale(88, 9000) as u16)),
            5 => tcp.set_send_buffer(draw.maybe(2, |draw| draw.scale(1000, 1 << 20) as usize)),
            6 => tcp.set_receive_buffer(draw.maybe(2, |draw| draw.scale(1000, 1 << 20) as usize)),
            7 => tcp.set_notsent_low_water(draw.maybe(2, |draw| draw.scale(1000, 100_000) as usize)),
            8 => tcp.set_receive_low_water(draw.scale(1, 500) as usize),
            9 => tcp.set_hop_limit(draw.maybe(2, |draw| draw.between(10, 255) as u8)),
            _ => tcp.set_dscp(draw.below(64) as u8),
        }
    }

    fn read(&mut self, tcp: &mut Tcp<'_>, lent: &mut Lent<'_>) -> Result<(), String> {
        let plan = &lent.plan.read;
        let [_, expected] = self.contents();
        while self.may_read && !self.eof && self.read_at <= lent.now {
            let chunk = plan.chunk.max(1);
            lent.buffer.resize(chunk.max(lent.buffer.len()), 0);
            if plan.peeks {
                match tcp.peek(&mut lent.buffer[..chunk]) {
                    Ok(n) => self.check(expected, &lent.buffer[..n])?,
                    Err(TcpError::WouldBlock) => {}
                    Err(error) => {
                        self.error = Some(error);
                        return Ok(());
                    }
                }
            }
            let read = if plan.owned {
                tcp.recv_bytes(chunk).map(|bytes| {
                    let wrong = self.check(expected, &bytes);
                    (bytes.len(), wrong)
                })
            } else {
                tcp.recv(&mut lent.buffer[..chunk]).map(|n| (n, self.check(expected, &lent.buffer[..n])))
            };
            match read {
                Ok((0, _)) => self.eof = true,
                Ok((n, checked)) => {
                    checked?;
                    self.received += n as u64;
                    self.read_since_pause += n as u64;
                    lent.tally.bytes += n as u64;
                    if self.shut && !self.half_closed {
                        self.half_closed = true;
                        lent.tally.add(Fault::HalfClosed, 1);
                    }
                }
                Err(TcpError::WouldBlock) => self.may_read = false,
                Err(error) => {
                    self.error = Some(error);
                    return Ok(());
                }
            }
            if let Some((after, bytes)) =
                plan.resize.filter(|(after, _)| !self.resized && self.received >= *after)
            {
                debug_assert!(self.received >= after);
                self.resized = true;
                tcp.set_receive_buffer(Some(bytes));
            }
            if let Some((after, pause)) = plan.pause.filter(|_| !lent.calm)
                && self.read_since_pause >= after
            {
                self.read_since_pause = 0;
                self.read_at = lent.now + pause;
            }
        }
        Ok(())
    }

    fn check(&self, expected: Content, bytes: &[u8]) -> Result<(), String> {
        match expected.first_wrong(self.received, bytes) {
            None => Ok(()),
            Some(at) => Err(format!("byte {at} is not what was sent")),
        }
    }

    fn write(&mut self, tcp: &mut Tcp<'_>, lent: &mut Lent<'_>) -> Result<(), String> {
        let plan = &lent.plan.write;
        let [content, _] = self.contents();
        if plan.corks && !self.corked {
            self.corked = true;
            tcp.set_cork(true);
        }
        while self.sent < plan.total && self.may_write && self.write_at <= lent.now {
            let len = plan.chunk.max(1).min((plan.total - self.sent) as usize);
            let written = if plan.owned {
                let mut data = vec![0; len];
                content.fill(self.sent, &mut data);
                tcp.send_bytes(Bytes::from(data))
            } else {
                lent.buffer.resize(len.max(lent.buffer.len()), 0);
                content.fill(self.sent, &mut lent.buffer[..len]);
                tcp.send(&lent.buffer[..len])
            };
            match written {
                Ok(n) if n == 0 || n > len => return Err(format!("{n} of {len} bytes written")),
                Ok(n) => {
                    self.sent += n as u64;
                    self.sent_since_pause += n as u64;
                }
                Err(TcpError::WouldBlock) => self.may_write = false,
                Err(TcpError::NoMemory) => {
                    lent.tally.add(Fault::MemoryRefused, 1);
                    self.write_at = lent.now + NO_MEMORY_PAUSE;
                }
                Err(error) => {
                    self.error = Some(error);
                    return Ok(());
                }
            }
            if let Some((after, pause)) = plan.pause.filter(|_| !lent.calm)
                && self.sent_since_pause >= after
            {
                self.sent_since_pause = 0;
                self.write_at = lent.now + pause;
            }
        }
        if self.sent == plan.total && !self.shut {
            if plan.corks {
                tcp.set_cork(false);
            }
            self.shut = true;
            match tcp.shutdown() {
                Ok(()) => {}
                // It has ended already; reading tells why.
                Err(TcpError::NotConnected) => self.may_read = true,
                Err(error) => return Err(format!("shutdown: {error}")),
            }
        }
        Ok(())
    }

    /// While a program waits there must be nothing that it waits for (DESIGN 9: no readiness is lost).
    pub(crate) fn misses(&self, stack: &mut Stack, now: Instant, plan: &EndPlan) -> Option<&'static str> {
        use TcpStateName as S;
        if self.done {
            return None;
        }
        let tcp = stack.tcp(now, self.id)?;
        let state = tcp.state();
        let over = matches!(state, S::Closed | S::TimeWait);
        if !self.connected {
            let opening = matches!(state, S::SynSent | S::SynReceived);
            return (!opening).then_some("the connection stands or has failed, and the program was not told");
        }
        let ended = over || matches!(state, S::CloseWait | S::LastAck | S::Closing);
        let low = tcp.receive_low_water().max(1);
        if !self.may_read && !self.eof && (tcp.available() >= low || ended) {
            return Some("there is something to read, and the reader was not told");
        }
        let wants = self.wants_to_write(plan) && self.sent < plan.write.total;
        if wants && !self.may_write {
            let info = tcp.info();
            if over || (info.unacked == 0 && info.notsent_bytes == 0) {
                return Some("there is room to write, and the writer was not told");
            }
        }
        (self.lingers && tcp.is_delivered())
            .then_some("everything is delivered, and the program was not told")
    }
}
