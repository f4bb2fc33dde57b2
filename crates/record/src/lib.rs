//! What can be told about a run, as plain data: frames, records of the engine, spans of the applications.
//!
//! All three kinds share one clock and one id space. A [`Record`] names the record that caused it, so a
//! reader can walk from any frame back to the reason for it: the frame was sent because of a segment,
//! the segment because a timer ran out, the timer because a frame was lost.
//!
//! Recording is separate from readiness: a [`Recorder`] is bounded, may lose the oldest records, and
//! counts what it lost. Nothing in the engine depends on it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod drop_reason;
mod engine;
mod frame;
mod id;
mod recorder;
mod span;

pub use drop_reason::DropReason;
pub use engine::{CwndReason, Engine, FlowId, Limit, SendReason, TcpStateName};
pub use frame::{Direction, FrameRecord, LinkFate};
pub use id::{InterfaceIndex, RecordId};
pub use recorder::{Kind, Record, Recorder};
pub use span::{Layer, Outcome, SpanEnd, SpanId, SpanNote, SpanStart};
