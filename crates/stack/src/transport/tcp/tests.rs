//! Connections segment by segment: what goes in, what comes out.

mod choices;
mod close;
mod flow;
mod handshake;
mod harness;
mod hostile;
pub(crate) mod isns;
mod memory;
mod openings;
mod options;
mod random;
mod receive;
mod recovery;
mod rules;
mod sack;
mod send;
mod states;
mod suspended;
mod syn_flood;
mod windows;
