//! Moving frames between a host and its devices: what all threads share.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fathom_stack::InterfaceId;
use fathom_wire::Instant;

use super::Clock;
use super::receiver::{ReceivePort, Receiver};
use super::token::Token;
use super::transmitter::{TransmitPort, Transmitter};
use super::wakeup::Wakeup;
use crate::Host;
use crate::runtime::{Signal, Tasks, Timers};
use crate::sync::lock;

/// How long a waiting thread looks at the devices itself before it sleeps: about as long as falling
/// asleep and being woken would take.
const SPIN: Duration = Duration::from_micros(20);

/// What the threads of a host in real time share.
#[derive(Debug)]
pub(super) struct Pump {
    pub(super) clock: Clock,
    pub(super) timers: Timers,
    pub(super) tasks: Tasks,
    /// Given when a task became ready, or when the host shuts down.
    pub(super) executor: Arc<Signal>,
    pub(super) wakeup: Wakeup,
    receiver: Token<Receiver>,
    transmitter: Token<Transmitter>,
    ports: Mutex<Vec<Arc<Port>>>,
    failures: Mutex<Failures>,
    stopped: AtomicBool,
}

/// Devices that failed, and who waits for that.
#[derive(Debug, Default)]
struct Failures {
    devices: Vec<(InterfaceId, io::Error)>,
    waiting: Vec<Waker>,
}

/// What there is to know about a device without having its token.
#[derive(Debug)]
pub(super) struct Port {
    /// Copies of the device's descriptors, to wait for.
    pub(super) receive_fd: OwnedFd,
    pub(super) transmit_fd: OwnedFd,
    /// A frame waits until the device has room.
    pub(super) blocked: AtomicBool,
    /// The device has failed.
    pub(super) gone: AtomicBool,
}

impl Port {
    pub(super) fn new(receive: BorrowedFd<'_>, transmit: BorrowedFd<'_>) -> io::Result<Port> {
        Ok(Port {
            receive_fd: receive.try_clone_to_owned()?,
            transmit_fd: transmit.try_clone_to_owned()?,
            blocked: AtomicBool::new(false),
            gone: AtomicBool::new(false),
        })
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }
}

impl Pump {
    pub(super) fn new(clock: Clock) -> io::Result<Pump> {
        let executor = Signal::new();
        let announce = Arc::clone(&executor);
        Ok(Pump {
            clock,
            timers: Timers::new(),
            tasks: Tasks::new(move || announce.give()),
            executor,
            wakeup: Wakeup::new()?,
            receiver: Token::new(Receiver::default()),
            transmitter: Token::new(Transmitter::default()),
            ports: Mutex::default(),
            failures: Mutex::default(),
            stopped: AtomicBool::new(false),
        })
    }

    pub(super) fn add(&self, receive: ReceivePort, transmit: TransmitPort, port: Arc<Port>) {
        self.receiver.take().add(receive);
        self.transmitter.take().add(transmit);
        lock(&self.ports).push(port);
        self.wakeup.now();
    }

    pub(super) fn ports(&self) -> Vec<Arc<Port>> {
        lock(&self.ports).clone()
    }

    /// Takes in what has arrived, or has it done by the thread that is at it.
    pub(super) fn receive(&self, host: &Host) {
        let left = self.receiver.run(|receiver| {
            for (interface, error) in receiver.receive(host, self.clock.now()) {
                self.failed(host, interface, error);
            }
            self.wakeup.not_later_than(receiver.next());
        });
        if left {
            self.wakeup.now();
        }
    }

    /// Transmits what is to leave, or has it done by the thread that is at it.
    pub(super) fn transmit(&self, host: &Host) {
        let left = self.transmitter.run(|transmitter| {
            for (interface, error) in transmitter.transmit(host, &self.clock) {
                self.failed(host, interface, error);
            }
            // The driver's thread waits for room and for time to pass, and may not know of it yet.
            if transmitter.became_blocked() {
                self.wakeup.now();
            }
            self.wakeup.not_later_than(transmitter.next());
        });
        if left {
            self.wakeup.now();
        }
    }

    /// Waits for `signal` and takes it. The calling thread looks at the devices itself for a while.
    pub(super) fn wait(&self, host: &Host, signal: &Signal) {
        if self.is_stopped() {
            return self.wait_alone(signal);
        }
        let given = self.spin(host, signal);
        // What was received here may have brought a deadline that the driver's thread does not know.
        self.wakeup.not_later_than(host.poll_timeout());
        if !given {
            signal.wait();
        }
    }

    /// Waits for `signal` and takes it, when no other thread fires the timers any more.
    fn wait_alone(&self, signal: &Signal) {
        loop {
            self.timers.fire(self.clock.now());
            if self.clock.wait(signal, self.timers.next()) {
                return;
            }
        }
    }

    fn spin(&self, host: &Host, signal: &Signal) -> bool {
        let until = self.clock.now() + SPIN;
        while self.clock.now() < until {
            if signal.take() {
                return true;
            }
            self.receive(host);
            self.transmit(host);
        }
        false
    }

    /// The next time at which there is something to do for this host.
    pub(super) fn next(&self, host: &Host) -> Option<Instant> {
        // The links first. Who finds a token taken by this has given the stack its work before, and a stack
        // that has something to send says so by its deadline.
        let links = [self.receiver.take().next(), self.transmitter.take().next()];
        [host.poll_timeout(), self.timers.next()].into_iter().chain(links).flatten().min()
    }

    fn failed(&self, host: &Host, interface: InterfaceId, error: io::Error) {
        let waiting = {
            let mut failures = lock(&self.failures);
            failures.devices.push((interface, error));
            std::mem::take(&mut failures.waiting)
        };
        host.set_link(interface, false);
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(super) fn take_failures(&self) -> Vec<(InterfaceId, io::Error)> {
        std::mem::take(&mut lock(&self.failures).devices)
    }

    /// Takes the failure that is known longest, or has `cx` woken when there is one.
    pub(super) fn poll_failure(&self, cx: &Context<'_>) -> Poll<(InterfaceId, io::Error)> {
        let mut failures = lock(&self.failures);
        if !failures.devices.is_empty() {
            return Poll::Ready(failures.devices.remove(0));
        }
        if !failures.waiting.iter().any(|waiting| waiting.will_wake(cx.waker())) {
            failures.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Has the threads end.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wakeup.now();
        self.executor.give();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Drops the tasks, transmits what comes of that, and closes the devices. Threads that wait are woken.
    pub(super) fn close(&self, host: &Host) {
        self.tasks.close();
        // Threads that wait find out that nobody moves frames any more, and keep the time themselves.
        host.close();
        self.timers.wake_all();
        self.transmit(host);
        // What is left after a turn has nobody else to send it.
        while self.transmitter.take().has_more() {
            self.transmit(host);
        }
        *self.receiver.take() = Receiver::default();
        *self.transmitter.take() = Transmitter::default();
        lock(&self.ports).clear();
    }
}
