//! Between a script's packets and those on the wire.

mod build;
mod compare;
mod flow;
mod notation;
mod options;
mod seen;

pub(crate) use build::build;
pub(crate) use compare::{Context, Difference, compare};
pub(crate) use flow::{Flow, Flows};
pub(crate) use notation::{show_packet, show_seen};
pub(crate) use seen::Seen;

/// The data of streams and datagrams is made up by its place, so that a byte in a wrong place is found.
pub(crate) fn data_at(place: u64) -> u8 {
    // A prime, so that it repeats with no power of two.
    (place % 251) as u8
}

/// So many bytes of data from a place on.
pub(crate) fn data(from: u64, len: usize) -> Vec<u8> {
    (from..).take(len).map(data_at).collect()
}
