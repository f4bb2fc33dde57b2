//! The transport layer: from one program to another, by port.

pub mod options;
pub mod seq;
pub mod tcp;
pub mod udp;
