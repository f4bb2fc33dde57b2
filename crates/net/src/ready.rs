//! What a task asks a socket for, and what the socket says it is ready for. The names are those of
//! `tokio::io`, whose own types exist only together with the operating system's sockets.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Sub};

use fathom_stack::Readiness;

const READABLE: u8 = 1 << 0;
const WRITABLE: u8 = 1 << 1;
const READ_CLOSED: u8 = 1 << 2;
const WRITE_CLOSED: u8 = 1 << 3;
const ERROR: u8 = 1 << 4;

/// What to wait for: at least one of reading, writing and errors.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest(u8);

impl Interest {
    /// Data to read, a connection to accept, or the end.
    pub const READABLE: Interest = Interest(READABLE);
    /// Room to write, or the end.
    pub const WRITABLE: Interest = Interest(WRITABLE);
    /// An error that waits to be reported.
    pub const ERROR: Interest = Interest(ERROR);

    /// Whether reading is among them.
    pub const fn is_readable(self) -> bool {
        self.0 & READABLE != 0
    }

    /// Whether writing is among them.
    pub const fn is_writable(self) -> bool {
        self.0 & WRITABLE != 0
    }

    /// Whether errors are among them.
    pub const fn is_error(self) -> bool {
        self.0 & ERROR != 0
    }

    /// Both.
    #[must_use]
    pub const fn add(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    /// These without `other`; `None` where nothing is left.
    #[must_use]
    pub fn remove(self, other: Interest) -> Option<Interest> {
        let rest = self.0 & !other.0;
        (rest != 0).then_some(Interest(rest))
    }

    /// The part of `ready` that this asks for. The end of a direction concerns whoever waits for it, and an
    /// error concerns all.
    pub(crate) fn of(self, ready: Ready) -> Ready {
        let mut mask = ERROR;
        if self.is_readable() {
            mask |= READABLE | READ_CLOSED;
        }
        if self.is_writable() {
            mask |= WRITABLE | WRITE_CLOSED;
        }
        Ready(ready.0 & mask)
    }
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        names(self.0, f)
    }
}

/// What a socket is ready for. A bit says that trying is worth while, not that it will succeed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const EMPTY: Ready = Ready(0);
    /// There is data to read, or a connection to accept.
    pub const READABLE: Ready = Ready(READABLE);
    /// There is room to write.
    pub const WRITABLE: Ready = Ready(WRITABLE);
    /// No more data will come than has.
    pub const READ_CLOSED: Ready = Ready(READ_CLOSED);
    /// Nothing can be written any more.
    pub const WRITE_CLOSED: Ready = Ready(WRITE_CLOSED);
    /// An error waits to be reported.
    pub const ERROR: Ready = Ready(ERROR);
    /// Everything.
    pub const ALL: Ready = Ready(READABLE | WRITABLE | READ_CLOSED | WRITE_CLOSED | ERROR);

    /// Whether it is ready for nothing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether reading is worth trying, be it to learn of the end.
    pub const fn is_readable(self) -> bool {
        self.0 & (READABLE | READ_CLOSED) != 0
    }

    /// Whether writing is worth trying, be it to learn of the end.
    pub const fn is_writable(self) -> bool {
        self.0 & (WRITABLE | WRITE_CLOSED) != 0
    }

    /// Whether the peer's data has ended.
    pub const fn is_read_closed(self) -> bool {
        self.0 & READ_CLOSED != 0
    }

    /// Whether nothing can be written any more.
    pub const fn is_write_closed(self) -> bool {
        self.0 & WRITE_CLOSED != 0
    }

    /// Whether an error waits to be reported.
    pub const fn is_error(self) -> bool {
        self.0 & ERROR != 0
    }
}

impl From<Readiness> for Ready {
    fn from(readiness: Readiness) -> Ready {
        let takes = Readiness::READABLE | Readiness::ACCEPTABLE | Readiness::INCOMING;
        let ended = Readiness::CLOSED_READ | Readiness::CLOSED;
        let mut bits = 0;
        for (of, bit) in [
            (takes, READABLE),
            (Readiness::WRITABLE | Readiness::CONNECTED, WRITABLE),
            (ended, READ_CLOSED),
            (Readiness::CLOSED, WRITE_CLOSED),
            (Readiness::ERROR, ERROR),
        ] {
            if readiness.intersects(of) {
                bits |= bit;
            }
        }
        Ready(bits)
    }
}

impl BitOr for Ready {
    type Output = Ready;

    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        self.0 |= other.0;
    }
}

impl BitAnd for Ready {
    type Output = Ready;

    fn bitand(self, other: Ready) -> Ready {
        Ready(self.0 & other.0)
    }
}

impl Sub for Ready {
    type Output = Ready;

    fn sub(self, other: Ready) -> Ready {
        Ready(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        names(self.0, f)
    }
}

fn names(bits: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const NAMES: [(u8, &str); 5] = [
        (READABLE, "READABLE"),
        (WRITABLE, "WRITABLE"),
        (READ_CLOSED, "READ_CLOSED"),
        (WRITE_CLOSED, "WRITE_CLOSED"),
        (ERROR, "ERROR"),
    ];
    let mut separator = "";
    for (bit, name) in NAMES {
        if bits & bit != 0 {
            write!(f, "{separator}{name}")?;
            separator = " | ";
        }
    }
    if bits == 0 { f.write_str("EMPTY") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interest_sees_its_direction_and_every_error() {
        let all = Ready::ALL;
        let read = Ready::READABLE | Ready::READ_CLOSED | Ready::ERROR;
        let write = Ready::WRITABLE | Ready::WRITE_CLOSED | Ready::ERROR;
        assert_eq!(Interest::READABLE.of(all), read);
        assert_eq!(Interest::WRITABLE.of(all), write);
        assert_eq!((Interest::READABLE | Interest::WRITABLE).of(all), all);
        assert_eq!(Interest::ERROR.of(all), Ready::ERROR);
    }

    #[test]
    fn each_bit_is_told_by_its_question() {
        for (interest, read, write, error) in [
            (Interest::READABLE, true, false, false),
            (Interest::WRITABLE, false, true, false),
            (Interest::ERROR, false, false, true),
        ] {
            let told = (interest.is_readable(), interest.is_writable(), interest.is_error());
            assert_eq!(told, (read, write, error), "{interest:?}");
        }
        let told = |ready: Ready| {
            let directions = (ready.is_readable(), ready.is_writable());
            (directions, ready.is_read_closed(), ready.is_write_closed(), ready.is_error(), ready.is_empty())
        };
        assert_eq!(told(Ready::EMPTY), ((false, false), false, false, false, true));
        assert_eq!(told(Ready::READABLE), ((true, false), false, false, false, false));
        assert_eq!(told(Ready::WRITABLE), ((false, true), false, false, false, false));
        assert_eq!(told(Ready::READ_CLOSED), ((true, false), true, false, false, false));
        assert_eq!(told(Ready::WRITE_CLOSED), ((false, true), false, true, false, false));
        assert_eq!(told(Ready::ERROR), ((false, false), false, false, true, false));
    }

    #[test]
    fn interests_add_up_and_come_apart() {
        let both = Interest::READABLE.add(Interest::WRITABLE);
        assert_eq!(both.remove(Interest::READABLE), Some(Interest::WRITABLE));
        assert_eq!(Interest::READABLE.remove(both), None);
        assert_eq!(format!("{both:?}"), "READABLE | WRITABLE");
        assert_eq!(format!("{:?}", Ready::ALL - Ready::ALL), "EMPTY");
    }

    #[test]
    fn the_end_of_a_direction_makes_trying_worth_while() {
        let ended = Ready::from(Readiness::CLOSED_READ);
        assert!(ended.is_readable() && ended.is_read_closed() && !ended.is_writable());
        let over = Ready::from(Readiness::CLOSED);
        assert!(over.is_readable() && over.is_writable() && over.is_write_closed());
    }
}
