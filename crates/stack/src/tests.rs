//! Whole stacks against each other, in virtual time.

mod autotuning;
mod changes;
mod closing;
mod connections;
mod crossing;
mod datagrams;
mod dual_stack;
pub(crate) mod host;
mod hostile;
mod interfaces;
mod local_prefixes;
mod loopback;
mod lossy;
mod narrow_links;
mod neighbours;
pub(crate) mod packets;
pub(crate) mod pair;
mod path_mtu;
mod records;
mod reuse;
mod scarce_memory;
mod segments;
mod suspended;
mod walk;

pub(crate) use pair::Pair;
