//! A host in real time, on devices.
//!
//! Two tokens say who may touch the devices: the holder of the first receives, the holder of the second
//! transmits. A program's thread transmits what it caused itself; a thread that waits receives for a short
//! while itself; otherwise the driver's thread does both. Whoever finds a token taken leaves a mark and
//! goes on, and the holder looks again before it lets go, so nothing waits and frames keep their order.
//!
//! ```no_run
//! use fathom_device::TapDevice;
//! use fathom_net::driver::{Attachment, RealTime};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let driver = RealTime::builder("me").start()?;
//! let eth0 = driver.attach(Attachment::new(TapDevice::open("tap0")?))?;
//! let host = driver.host();
//! host.add_address(eth0, "192.0.2.2/24".parse()?)?;
//! let stream = host.block_on(host.tcp_connect("192.0.2.1:80".parse()?))?;
//! println!("connected from {}", stream.local_addr()?);
//! # Ok(())
//! # }
//! ```

mod attachment;
mod clock;
mod pump;
mod receiver;
mod runtime;
mod thread;
mod token;
mod transmitter;
mod wakeup;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use fathom_stack::{Config, InterfaceId, Seed, Stack};
use fathom_wire::Instant;

pub use attachment::Attachment;
pub use clock::Clock;

use crate::Host;
use pump::Pump;

/// A host in real time. Dropping it shuts the host down.
#[derive(Debug)]
pub struct RealTime {
    host: Host,
    pump: Arc<Pump>,
    threads: Vec<JoinHandle<()>>,
}

/// What a host in real time is made from.
#[derive(Debug)]
pub struct Builder {
    name: String,
    config: Config,
    seed: Option<Seed>,
}

impl RealTime {
    /// Begins to make a host.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder { name: name.into(), config: Config::default(), seed: None }
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Gives the host an interface on a device. It has no address at first.
    ///
    /// # Errors
    /// When the process is out of descriptors, or the device cannot be set up.
    pub fn attach(&self, attachment: Attachment) -> io::Result<InterfaceId> {
        attachment.attach(&self.host, &self.pump)
    }

    /// What befell devices that failed since the last call. Their interfaces are down.
    pub fn take_failures(&self) -> Vec<(InterfaceId, io::Error)> {
        self.pump.take_failures()
    }

    /// Completes when a device fails, such as an interface that is removed. Its interface is down then. What
    /// this gives, [`take_failures`](Self::take_failures) does not give again.
    pub async fn device_failed(&self) -> (InterfaceId, io::Error) {
        std::future::poll_fn(|cx| self.pump.poll_failure(cx)).await
    }

    /// Ends the host: what it can still transmit leaves, its threads end, its devices are closed, and its
    /// tasks are dropped.
    pub fn shutdown(self) {
        // The destructor does it.
    }
}

impl Drop for RealTime {
    fn drop(&mut self) {
        self.pump.stop();
        let me = std::thread::current().id();
        for thread in self.threads.drain(..).filter(|thread| thread.thread().id() != me) {
            // A thread of the driver that panicked has said so itself.
            let _ = thread.join();
        }
        self.pump.close(&self.host);
    }
}

impl Builder {
    /// Sets the configuration of the host's stack.
    #[must_use]
    pub fn config(mut self, config: Config) -> Builder {
        self.config = config;
        self
    }

    /// Sets the seed of the host's stack, which the system gives otherwise. For tests: whoever knows the
    /// seed can forge what the stack relies on to be unguessable.
    #[must_use]
    pub fn seed(mut self, seed: Seed) -> Builder {
        self.seed = Some(seed);
        self
    }

    /// Starts the host and its threads.
    ///
    /// # Errors
    /// When the system gives no randomness, descriptors or threads.
    pub fn start(self) -> io::Result<RealTime> {
        let seed = match self.seed {
            Some(seed) => seed,
            None => {
                let mut bytes = [0; 32];
                getrandom::fill(&mut bytes).map_err(io::Error::other)?;
                Seed(bytes)
            }
        };
        let pump = Arc::new(Pump::new(Clock::starting_at(Instant::ZERO))?);
        let runtime = Arc::new(runtime::RealTimeRuntime::new(Arc::clone(&pump)));
        let host = Host::new(self.name, Stack::new(self.config, seed), runtime);
        // Made before its threads, so that a failure to start the second ends the first.
        let mut driver = RealTime { host: host.clone(), pump: Arc::clone(&pump), threads: Vec::new() };
        driver.threads.push(thread::start_driver(host.clone(), Arc::clone(&pump))?);
        driver.threads.push(thread::start_executor(host, pump)?);
        Ok(driver)
    }
}
