//! Explains: dissects frames, draws the waterfall, exports captures.
//!
//! Everything is made from the records of [`fathom_record`], which the command has drained from its host:
//!
//! | what | made by |
//! |---|---|
//! | a frame taken apart | [`dissect()`] |
//! | each frame as nested layers, with why it was sent | [`Tracer`] |
//! | where the time of a request went | [`Waterfall`] |
//! | the same for programs | [`Report`] |
//! | a capture with TLS secrets | [`pcapng::Writer`] |
#![forbid(unsafe_code)]

mod application;
mod causes;
pub mod dissect;
mod internet;
mod link;
mod packet;
pub mod pcapng;
pub mod report;
mod style;
mod trace;
mod transport;
pub mod waterfall;

pub use causes::Causes;
pub use dissect::{Dissection, LinkType, dissect};
pub use report::Report;
pub use style::Style;
pub use trace::Tracer;
pub use waterfall::Waterfall;

#[cfg(test)]
mod tests;
