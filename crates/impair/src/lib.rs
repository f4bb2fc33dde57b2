//! A bad link: frames and time in, frames and time out.
//!
//! A [`Impairment`] is one direction of a line. [`Impairment::push`] gives it a frame, [`Impairment::pop`] takes the
//! frames that have arrived, [`Impairment::next_delivery`] tells when to ask again. What the line does to
//! them is said by its [`Conditions`], in the words of the command (`40ms`, `1%`, `10mbit`), which
//! [`words`] reads and writes. The same seed and the same frames at the same times have the same fate.
//!
//! ```
//! use bytes::Bytes;
//! use core::time::Duration;
//! use fathom_impair::{Conditions, Impairment};
//! use fathom_wire::Instant;
//!
//! let conditions = Conditions::default().delay(Duration::from_millis(10)).rate("10mbit".parse()?);
//! let mut link = Impairment::new(conditions, 7);
//! let sent = link.push(Instant::ZERO, Bytes::from_static(&[0; 1250]), "first");
//! assert!(sent.is_empty(), "nothing befell it");
//! // 1250 bytes at 10 Mbit/s take 1 ms to leave; the way takes 10 ms.
//! assert_eq!(link.next_delivery(), Some(Instant::from_millis(11)));
//! let arrived = link.pop(Instant::from_millis(11)).ok_or("nothing arrived")?;
//! assert_eq!(arrived.tag, "first");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod chance;
mod conditions;
mod fate;
mod frame;
mod impairment;
mod line;
pub mod words;

pub use conditions::{Conditions, GilbertElliott, Reorder};
pub use fate::{Counters, Fate, Fates};
pub use frame::Framing;
pub use impairment::{Delivery, Impairment};
pub use words::{BitsPerSecond, ByteCount, Directed, Probability, TimeSpan, WordError};
