//! The counters of a stack, counted anew, for those who test it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Shared, Stack};
use crate::timer::TimerKey;
use crate::transport::tcp::Beside;

/// What [`Stack::audit`] has found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Audit {
    /// What is not as it must be, one line for each. Nothing of it can come of what peers or programs do.
    pub wrong: Vec<String>,
    /// TCP connections, those that have ended and whose handle is still held included.
    pub connections: usize,
    /// Half-open TCP connections.
    pub half_open: usize,
    /// TCP connections in TIME-WAIT.
    pub time_wait: usize,
    /// TCP listeners.
    pub listeners: usize,
}

impl Stack {
    /// Counts everything anew that the stack keeps count of, and checks what must hold between any two calls:
    /// the memory in use, timers and who they are for, the queues of sockets, the table of flows, the
    /// sequence spaces, and that whoever has something to do will be asked for it or woken.
    ///
    /// For tests and simulations. Costs a walk over all sockets and timers. With debug assertions some of what
    /// is wrong is a panic.
    pub fn audit(&self) -> Audit {
        let Shared { timers, sendable, events, memory, config, .. } = &self.shared;
        let (internet, transports) = (&self.internet, &self.transports);
        let mut wrong = transports.tcp.audit(&Beside { timers, sendable });

        let (udp, wrong_udp) = transports.udp.recount(config);
        wrong.extend(wrong_udp.into_iter().map(String::from));
        let (reassembly, reassembly_timers) = internet.reassemblies.recount();
        if reassembly != internet.reassemblies.charged() {
            let kept = internet.reassemblies.charged();
            wrong.push(format!("fragments cost {reassembly} bytes, and {kept} are kept"));
        }
        let queues: usize = internet.queues.iter().map(|queue| queue.recount()).sum();
        let parts = [
            ("connections", transports.tcp.charged()),
            ("UDP sockets", udp),
            ("ICMP sockets", transports.icmp.charged()),
            ("raw sockets", transports.raw.charged()),
            ("fragments", reassembly),
            ("link queues", queues),
            ("packets for neighbours", internet.neighbours.recount()),
        ];
        let sum: usize = parts.iter().map(|(_, bytes)| bytes).sum();
        if sum != memory.in_use() {
            wrong.push(format!("{} bytes of memory in use, and these are held: {parts:?}", memory.in_use()));
        }
        if memory.in_use() > config.memory_limit {
            let (in_use, limit) = (memory.in_use(), config.memory_limit);
            wrong.push(format!("{in_use} bytes of memory in use, of {limit}"));
        }

        self.audit_timers(reassembly_timers, &mut wrong);
        let misplaced = sendable.misplaced(internet.neighbours.parked());
        wrong.extend(
            misplaced
                .iter()
                .map(|(socket, places)| format!("{socket:?} wants to send and stands in {places} places")),
        );
        if !events.recount() {
            wrong.push("what sockets are ready for, and the queue of those, do not agree".into());
        }
        let [connections, half_open, time_wait, listeners] = transports.tcp.counts();
        Audit { wrong, connections, half_open, time_wait, listeners }
    }

    /// Every timer has an owner that knows it, and every owner's timer is set.
    fn audit_timers(
        &self,
        of_fragments: impl Iterator<Item = (crate::wheel::TimerId, TimerKey)>,
        wrong: &mut Vec<String>,
    ) {
        let wheel = &self.shared.timers;
        let (set, wrong_lists) = wheel.recount();
        wrong.extend(wrong_lists.into_iter().map(String::from));
        if set.len() != wheel.len() {
            wrong.push(format!("{} timers on lists, and {} are counted", set.len(), wheel.len()));
        }
        let owned = self.transports.tcp.timers().chain(self.internet.neighbours.timers());
        let owned = owned.chain(self.internet.addresses.timers()).chain(of_fragments);
        let mut owners = 0;
        for (timer, owner) in owned {
            owners += 1;
            if wheel.get(timer).map(|(key, _)| *key) != Some(owner) {
                wrong.push(format!("the timer of {owner:?} is not set"));
            }
        }
        // Those of groups are few, and of links.
        let counted = set.iter().filter(|key| !matches!(key, TimerKey::Group(_) | TimerKey::Groups(..)));
        let counted = counted.count();
        if counted != owners {
            wrong.push(format!("{counted} timers are set, and {owners} are known to their owners"));
        }
    }
}

#[cfg(test)]
mod tests;
