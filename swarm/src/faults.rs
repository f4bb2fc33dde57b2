//! What struck: counted where it happened, not where it was drawn.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        /// Something that befell a world.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum Fault {
            $(#[doc = $text] $(#[$doc])* $name,)*
        }

        impl Fault {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Fault] = &[$(Fault::$name),*];

            /// What it is, for people.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Fault::$name => $text,)*
                }
            }
        }
    };
}

faults! {
    FrameLost = "frames lost on a link",
    BurstLost = "bursts of three or more frames lost in a row",
    QueueFull = "frames that found the queue of a link full",
    TooBigInSilence = "frames too large for a link that says nothing (black hole)",
    TooBigTold = "frames too large for a link that says so by ICMP",
    Reordered = "frames that later ones overtook",
    ReorderedFar = "frames that 64 or more later ones overtook",
    Duplicated = "frames delivered twice",
    Corrupted = "frames with a flipped bit",
    CaughtByIp = "  of these, refused by the checksum or form of IP",
    CaughtByTcp = "  of these, refused by the checksum or form of TCP",
    CaughtByUdp = "  of these, refused by the checksum or form of UDP",
    CaughtByOthers = "  of these, refused by ARP, NDP, ICMP or as a packet for nobody",
    LinkStalled = "links that carried nothing for a while, with frames on them",
    LinkDown = "links that went down and came up again",
    AddressGone = "addresses taken away and given back",
    Slept = "processes suspended, with frames waiting for them",
    DeviceFull = "frames that found the device of a suspended host full",
    PathMtuLearned = "path MTUs learned from an ICMP message",
    Fragmented = "packets sent as fragments",
    Reassembled = "packets put together from fragments",
    SuperSegment = "super-segments that a device cut",
    OptionStripped = "options that a box on the way took out of segments",
    MssClamped = "segment sizes that a box on the way lowered",
    SegmentCut = "segments that a box on the way cut",
    ListenerClosed = "listeners that were closed and opened again",
    ToItself = "connections of a host with itself",
    ZeroWindow = "windows that closed",
    WindowProbe = "window probes",
    WindowUpdate = "window updates",
    SeqWrapped = "connections whose data crossed sequence number 2^32",
    SeqTurned = "connections whose data crossed sequence number 2^31",
    TimestampWrapped = "connections whose timestamps crossed 2^32",
    TimestampTurned = "connections whose timestamps crossed 2^31",
    Fiddled = "choices of a connection changed while it was in use",
    HalfClosed = "connections half closed while data came the other way",
    SimultaneousOpen = "SYNs that crossed",
    SimultaneousClose = "FINs that crossed",
    TimeWaitReused = "connections opened again from or into TIME-WAIT",
    Aborted = "connections that a program aborted",
    ClosedUnread = "connections closed with data unread or still to come",
    ResetReceived = "connections that ended by a reset of the peer",
    Refused = "connections refused",
    HostDied = "hosts that died in silence",
    KeepaliveGaveUp = "connections given up after unanswered keepalive probes",
    KeepaliveProbe = "keepalive probes",
    TimedOut = "connections given up for want of acknowledgements",
    NoRouteToHost = "connections that ended because no way led to the peer",
    FloodedSyn = "forged SYNs",
    SynQueueFull = "SYNs that found the queue of half-open connections full",
    AcceptQueueFull = "segments that found the accept queue full",
    CookieSent = "SYN cookies sent",
    CookieUsed = "connections made from a SYN cookie",
    MemoryRefused = "writes refused for want of memory",
    MemoryDropped = "packets dropped for want of memory",
    ReassemblyFull = "segments dropped for want of room behind a hole",
    Timeout = "retransmission timeouts",
    BackedOff = "retransmission timeouts, the third or later in a row",
    SynRepeated = "SYNs and SYN-ACKs sent again",
    FastRetransmit = "fast retransmits",
    Rescue = "rescue retransmissions",
    FastRecovery = "fast recoveries",
    Undone = "recoveries undone as spurious",
    DuplicateReported = "D-SACKs received",
    HoleOpened = "holes in what arrived",
    ChallengeAck = "challenge acknowledgements",
    DelayedAck = "delayed acknowledgements",
    Paws = "segments refused by PAWS",
    OutOfWindow = "segments outside of the window",
    Stray = "segments for nobody",
    NagleHeld = "segments held back by Nagle's algorithm",
    IdleRestart = "windows cut after a pause",
    UdpDropped = "datagrams that found no room",
    NeighbourLost = "packets for neighbours that did not answer",
}

/// How often each fault struck, in how many worlds, and how far.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// By the fault's place among [`Fault::ALL`].
    counts: Vec<Struck>,
    /// The most later frames that overtook one.
    pub greatest_reordering: u64,
    /// Worlds in it.
    pub worlds: u64,
    /// Frames that stacks sent.
    pub frames: u64,
    /// Bytes that programs read from connections.
    pub bytes: u64,
    /// Connections that programs opened.
    pub connections: u64,
    /// Connections both ends of which got everything.
    pub completed: u64,
    /// Events of all worlds: times at which something happened.
    pub steps: u64,
    /// Audits of stacks.
    pub audits: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Struck {
    times: u64,
    worlds: u64,
}

impl Tally {
    /// A fault struck.
    pub fn add(&mut self, fault: Fault, times: u64) {
        if times > 0 {
            if self.counts.is_empty() {
                self.counts.resize(Fault::ALL.len(), Struck::default());
            }
            let struck = &mut self.counts[fault as usize];
            struck.times += times;
            struck.worlds = 1;
        }
    }

    /// How often a fault struck.
    pub fn times(&self, fault: Fault) -> u64 {
        self.counts.get(fault as usize).map_or(0, |struck| struck.times)
    }

    /// In how many worlds a fault struck.
    pub fn worlds(&self, fault: Fault) -> u64 {
        self.counts.get(fault as usize).map_or(0, |struck| struck.worlds)
    }

    /// The faults that never struck.
    pub fn never(&self) -> impl Iterator<Item = Fault> + '_ {
        Fault::ALL.iter().copied().filter(|fault| self.times(*fault) == 0)
    }

    /// Adds what befell other worlds.
    pub fn merge(&mut self, other: &Tally) {
        let Tally { counts, greatest_reordering, worlds, frames, bytes, connections, .. } = other;
        self.counts.resize(Fault::ALL.len(), Struck::default());
        for (ours, theirs) in self.counts.iter_mut().zip(counts) {
            ours.times += theirs.times;
            ours.worlds += theirs.worlds;
        }
        self.greatest_reordering = self.greatest_reordering.max(*greatest_reordering);
        self.worlds += worlds;
        self.frames += frames;
        self.bytes += bytes;
        self.connections += connections;
        self.completed += other.completed;
        self.steps += other.steps;
        self.audits += other.audits;
    }

    /// Whether it can be of this build: of as many faults as there are.
    pub(crate) fn is_of_this_build(&self) -> bool {
        self.counts.is_empty() || self.counts.len() == Fault::ALL.len()
    }
}

impl fmt::Display for Tally {
    /// The table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = Fault::ALL.iter().map(|fault| fault.text().len()).max().unwrap_or(0);
        writeln!(f, "{:width$}  {:>12}  {:>10}", "what struck", "times", "worlds")?;
        for &fault in Fault::ALL {
            let (times, worlds) = (self.times(fault), self.worlds(fault));
            let never = if times == 0 { "  never" } else { "" };
            writeln!(f, "{:width$}  {times:>12}  {worlds:>10}{never}", fault.text())?;
        }
        writeln!(f, "greatest distance of a reordering: {} frames", self.greatest_reordering)?;
        write!(
            f,
            "{} worlds, {} connections ({} delivered everything), {} bytes, {} frames, {} events, {} audits",
            self.worlds, self.connections, self.completed, self.bytes, self.frames, self.steps, self.audits
        )
    }
}
