//! The threads of a host in real time: one for its devices and deadlines, one for its tasks.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use fathom_device::Interest;

use super::pump::{Port, Pump};
use crate::Host;

/// Starts the thread that moves frames when nobody else does, and keeps the deadlines.
pub(super) fn start_driver(host: Host, pump: Arc<Pump>) -> io::Result<JoinHandle<()>> {
    named("net", &host).spawn(move || {
        while !pump.is_stopped() {
            work(&host, &pump);
            sleep(&host, &pump);
        }
    })
}

/// Starts the thread that runs the host's tasks.
pub(super) fn start_executor(host: Host, pump: Arc<Pump>) -> io::Result<JoinHandle<()>> {
    named("tasks", &host).spawn(move || {
        while !pump.is_stopped() {
            // A task that panics has said so, and ends; the others go on.
            if !catch_unwind(AssertUnwindSafe(|| pump.tasks.run_one())).unwrap_or(true) {
                pump.wait(&host, &pump.executor);
            }
        }
    })
}

/// The kernel shows 15 characters of it.
fn named(what: &str, host: &Host) -> Builder {
    Builder::new().name(format!("{what}-{}", host.name()))
}

fn work(host: &Host, pump: &Pump) {
    pump.receive(host);
    let now = pump.clock.now();
    pump.timers.fire(now);
    if host.poll_timeout().is_some_and(|deadline| deadline <= now) {
        host.handle_timeout();
    }
    pump.transmit(host);
}

fn sleep(host: &Host, pump: &Pump) {
    let known = pump.next(host);
    pump.wakeup.fall_asleep(known);
    // Whoever brought the next time forward before this thread was known to sleep has woken nobody. And
    // whoever relies on what is known must not be woken later.
    let until = [known, pump.next(host)].into_iter().flatten().min();
    let timeout = until.map(|until| until - pump.clock.now());
    if timeout != Some(Duration::ZERO) && !pump.is_stopped() {
        let ports = pump.ports();
        let set = interests(pump, &ports);
        if fathom_device::wait(&set, timeout).is_err() {
            // Out of memory for a moment: go on as if time had passed.
            std::thread::yield_now();
        }
    }
    pump.wakeup.awake();
}

fn interests<'a>(pump: &'a Pump, ports: &'a [Arc<Port>]) -> Vec<(BorrowedFd<'a>, Interest)> {
    let mut set = vec![(pump.wakeup.fd(), Interest::Readable)];
    for port in ports.iter().filter(|port| !port.is_gone()) {
        set.push((port.receive_fd.as_fd(), Interest::Readable));
        if port.blocked.load(Ordering::Acquire) {
            set.push((port.transmit_fd.as_fd(), Interest::Writable));
        }
    }
    set
}
