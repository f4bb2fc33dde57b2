//! Many hosts in one process: clock, executor, links, switches, routers.
//!
//! A [`World`] holds hosts and the links between them. Its clock is virtual: it stands still while
//! anything can run, and then jumps to the next thing that happens, to the nanosecond. One thread runs
//! all of it, in an order that depends on the seed and on nothing else, so the same seed gives the same
//! run, frame by frame.
//!
//! ```
//! use std::time::Duration;
//! use fathom_impair::Conditions;
//! use fathom_net::Config;
//! use fathom_world::{LinkSpec, World};
//!
//! let mut world = World::new(7);
//! let alice = world.add_host("alice", Config::default());
//! let bob = world.add_host("bob", Config::default());
//! let way = Conditions::default().delay(Duration::from_millis(5));
//! let (at_alice, at_bob) = world.connect(&alice, &bob, LinkSpec::both_ways(way));
//! alice.add_address(at_alice, "192.0.2.1/24".parse()?)?;
//! bob.add_address(at_bob, "192.0.2.2/24".parse()?)?;
//!
//! let echo = bob.udp_bind("192.0.2.2:7".parse()?)?;
//! bob.spawn(async move {
//!     let mut buffer = [0; 64];
//!     while let Ok((len, from)) = echo.recv_from(&mut buffer).await {
//!         let _ = echo.send_to(&buffer[..len], from).await;
//!     }
//! });
//! let client = alice.udp_bind("192.0.2.1:0".parse()?)?;
//! let answer = world.block_on(async {
//!     client.send_to(b"hello", "192.0.2.2:7".parse().unwrap()).await?;
//!     let mut buffer = [0; 64];
//!     let (len, _) = client.recv_from(&mut buffer).await?;
//!     Ok::<_, std::io::Error>(buffer[..len].to_vec())
//! })??;
//! assert_eq!(answer, b"hello");
//! // One round trip to find the neighbour, one for the datagram.
//! assert_eq!(world.now().as_millis(), 20);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod agenda;
mod derive;
mod limits;
mod link;
mod pace;
mod run;
mod runtime;
mod switch;
mod world;

pub use limits::{Limits, RunError, Waiting};
pub use link::LinkSpec;
pub use pace::Pace;
pub use switch::SwitchId;
pub use world::World;
