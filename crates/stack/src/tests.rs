//! Whole stacks against each other, in virtual time.

mod datagrams;
mod pair;

pub(crate) use pair::Pair;
