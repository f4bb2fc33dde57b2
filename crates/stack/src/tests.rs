//! Whole stacks against each other, in virtual time.

mod connections;
mod datagrams;
pub(crate) mod host;
mod neighbours;
pub(crate) mod packets;
mod pair;

pub(crate) use pair::Pair;
