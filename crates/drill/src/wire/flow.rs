//! The conversations of a script: whose packets are whose, and how its numbers and the live ones are related.
//!
//! A script chooses initial sequence numbers and timestamps for both ends. Those of its peers are used as they
//! are. Ours the stack chooses, so the script's are shifted: our SYN says by how much.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use fathom_wire::SeqNumber;

use crate::script::TcpOption;

/// Two numbers that stand for the same: the script's, and the one that is live.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Shift {
    script: u32,
    live: u32,
}

impl Shift {
    fn to_live(self, script: u32) -> u32 {
        script.wrapping_sub(self.script).wrapping_add(self.live)
    }

    fn to_script(self, live: u32) -> u32 {
        live.wrapping_sub(self.live).wrapping_add(self.script)
    }
}

/// A conversation with one peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Flow {
    /// Our end.
    pub(crate) local: SocketAddr,
    /// The peer's.
    pub(crate) remote: SocketAddr,
    /// How many calls of `connect` there had been when our SYN was seen.
    pub(crate) connects: u64,
    sequence: Option<Shift>,
    stamps: Option<Shift>,
    /// The peer's initial sequence number.
    remote_isn: Option<u32>,
    /// That of a SYN of the peer that we may take for a new beginning.
    proposed_isn: Option<u32>,
}

impl Flow {
    pub(crate) fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Flow {
            local,
            remote,
            connects: 0,
            sequence: None,
            stamps: None,
            remote_isn: None,
            proposed_isn: None,
        }
    }

    /// The live number of a script's sequence number of ours. The same, as long as no SYN of ours was seen.
    pub(crate) fn live_sequence(&self, script: u32) -> u32 {
        self.sequence.unwrap_or_default().to_live(script)
    }

    /// The script's number of a live sequence number of ours.
    pub(crate) fn script_sequence(&self, live: SeqNumber) -> u32 {
        self.sequence.unwrap_or_default().to_script(live.0)
    }

    pub(crate) fn live_stamp(&self, script: u32) -> u32 {
        self.stamps.unwrap_or_default().to_live(script)
    }

    pub(crate) fn script_stamp(&self, live: u32) -> u32 {
        self.stamps.unwrap_or_default().to_script(live)
    }

    /// Whether our initial sequence number is known.
    pub(crate) fn knows_sequence(&self) -> bool {
        self.sequence.is_some()
    }

    /// Our first sequence number in the script, if it is known.
    pub(crate) fn script_isn(&self) -> Option<u32> {
        self.sequence.map(|shift| shift.script)
    }

    /// Whether this live number is our initial one.
    pub(crate) fn began_with(&self, live: SeqNumber) -> bool {
        self.sequence.is_some_and(|shift| shift.live == live.0)
    }

    /// The peer's initial sequence number, if its SYN has come.
    pub(crate) fn remote_isn(&self) -> Option<u32> {
        self.remote_isn
    }

    /// Our SYN was seen with this number, for which the script has that.
    pub(crate) fn learn_sequence(&mut self, script: u32, live: SeqNumber) {
        self.sequence = Some(Shift { script, live: live.0 });
    }

    /// A timestamp of ours was seen, for which the script has that. The first one counts.
    pub(crate) fn learn_stamp(&mut self, script: u32, live: u32) {
        self.stamps.get_or_insert(Shift { script, live });
    }

    /// The peer sends a SYN. Whether it begins a conversation anew our answer tells.
    pub(crate) fn remote_syn(&mut self, isn: u32) {
        match self.remote_isn {
            None => self.remote_isn = Some(isn),
            Some(known) => self.proposed_isn = Some(isn).filter(|isn| *isn != known),
        }
    }

    /// A SYN of ours acknowledges this number: if the peer's last SYN is what it acknowledges, the conversation
    /// begins anew.
    pub(crate) fn accepts(&mut self, ack: SeqNumber) {
        if let Some(isn) = self.proposed_isn.filter(|isn| isn.wrapping_add(1) == ack.0) {
            (self.sequence, self.stamps) = (None, None);
            (self.remote_isn, self.proposed_isn) = (Some(isn), None);
        }
    }

    /// A SYN of ours begins the conversation anew.
    pub(crate) fn begin_again(&mut self) {
        (self.sequence, self.stamps) = (None, None);
        (self.remote_isn, self.proposed_isn) = (None, None);
    }

    /// Options of a segment of ours with the script's numbers.
    pub(crate) fn script_options(&self, options: &[TcpOption]) -> Vec<TcpOption> {
        let one = |option: &TcpOption| match option {
            TcpOption::Timestamps(Some(value), echo) => {
                TcpOption::Timestamps(Some(self.script_stamp(*value)), *echo)
            }
            other => other.clone(),
        };
        options.iter().map(one).collect()
    }
}

/// All conversations: of each peer one over TCP and one over UDP.
#[derive(Clone, Default, Debug)]
pub(crate) struct Flows {
    /// Over TCP.
    pub(crate) tcp: BTreeMap<u16, Flow>,
    /// Over UDP.
    pub(crate) udp: BTreeMap<u16, Flow>,
}
