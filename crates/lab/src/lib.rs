//! A world ready to use: the embedded internet and its servers.
//!
//! ```text
//!                      access link                wide-area link         8.8.8.8
//!   client ─────────────────────────── home ─────────────────── core ──┬── resolver
//!   192.0.2.2          perfect, unless         10 ms each way          │
//!   2001:db8:0:1::2    told otherwise                                  └── web
//!                                                                       example.com
//! ```
//!
//! A [`Lab`] is built before its time begins, and all of it follows from a seed: addresses, keys,
//! certificates, and what happens when.
//!
//! ```
//! use fathom_apps::http::client::{Options, Request, fetch};
//! use fathom_apps::tls::client::{Options as Tls, Roots};
//! use fathom_lab::{Lab, LabConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut lab = Lab::new(LabConfig::default())?;
//! let tls = Tls { roots: Roots::Certificates(vec![lab.ca().clone()]), ..Tls::default() };
//! let client = lab.client().clone();
//! let page = lab.block_on(async move {
//!     let options = Options { tls, ..Options::default() };
//!     let mut response = fetch(&client, Request::get("https://example.com/")?, options).await?;
//!     response.bytes().await
//! })??;
//! assert!(page.starts_with(b"<!doctype html>"));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod authority;
mod config;
mod internet;
mod lab;
mod site;

pub use config::{Families, LabConfig};
pub use lab::{BASE_ROUND_TRIP, Lab, LabError};
pub use site::pattern_at;
