//! HTTP/1.1 and HTTP/2 (RFC 9110, 9112, 9113) by hyper.

pub mod client;
mod date;
pub mod runtime;
pub mod server;
