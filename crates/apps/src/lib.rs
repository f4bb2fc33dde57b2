//! The application layer on fathom's sockets: DNS, TLS, HTTP.
//!
//! Each protocol has a `client` and a `server`. They take sockets, time, tasks and randomness from the
//! [`Host`](fathom_net::Host) they run on, so the same code works on a real network card and in a
//! simulated world on virtual time. What they do is told in spans (see `fathom-record`): resolve,
//! connect, handshake, request, response.
//!
//! A server and a client in a world of two hosts:
//!
//! ```
//! use std::sync::Arc;
//!
//! use fathom_apps::http::client::{Options, Request, fetch};
//! use fathom_apps::http::server::{self, Config, body, serve};
//! use fathom_net::{Host, TcpListener};
//! use fathom_world::{LinkSpec, World};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut world = World::new(1);
//! let client = world.add_host("client", fathom_net::Config::default());
//! let server = world.add_host("server", fathom_net::Config::default());
//! let (client_eth, server_eth) = world.connect(&client, &server, LinkSpec::default());
//! client.add_address(client_eth, "192.0.2.1/24".parse()?)?;
//! server.add_address(server_eth, "192.0.2.2/24".parse()?)?;
//!
//! let text = world.block_on(async {
//!     let listener = TcpListener::bind(&server, "192.0.2.2:80".parse()?).await?;
//!     let hello = |_: Host, _: server::Request| async { Some(http::Response::new(body("hello"))) };
//!     serve(&server, listener, Config::default(), Arc::new(hello))?;
//!     let mut response = fetch(&client, Request::get("http://192.0.2.2/")?, Options::default()).await?;
//!     Ok::<_, Box<dyn std::error::Error>>(response.bytes().await?)
//! })??;
//! assert_eq!(text, "hello");
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod connect;
pub mod dns;
mod family;
pub mod http;
#[cfg(test)]
mod testing;
pub mod tls;

pub use family::Family;
