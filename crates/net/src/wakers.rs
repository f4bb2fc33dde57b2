//! Who waits for which socket.

use std::collections::HashMap;
use std::task::Waker;

use fathom_stack::{Event, Readiness, SocketId};

/// What a task waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Interest {
    /// Data, a connection to accept, or the end.
    Read,
    /// Room, the end of connecting, or the end.
    Write,
}

const READ: Readiness =
    Readiness::READABLE.union(Readiness::CLOSED_READ).union(Readiness::ACCEPTABLE).union(Readiness::INCOMING);
const WRITE: Readiness = Readiness::WRITABLE.union(Readiness::CONNECTED);
const BOTH: Readiness = Readiness::ERROR.union(Readiness::CLOSED);

/// The tasks that wait for each socket and direction, any number of them.
///
/// A task that finds its socket not ready registers under the same lock, so no readiness comes between.
/// An event wakes all who wait for its direction; each tries again, and registers again if it must.
///
/// Nobody says that a future was dropped. Wakers of such are found out by waking all when there are many:
/// who still waits comes back.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    sockets: HashMap<SocketId, SocketWakers>,
}

#[derive(Debug, Default)]
struct SocketWakers {
    read: List,
    write: List,
}

/// How many wakers a list takes, beside the first, before it asks who still waits.
const MANY: usize = 64;

/// Wakers, of which there is mostly one: that takes no memory of its own.
#[derive(Debug, Default)]
struct List {
    first: Option<Waker>,
    more: Vec<Waker>,
    asked: Option<Box<Asked>>,
}

/// What a list knows that had to ask who still waits.
#[derive(Debug, Default)]
struct Asked {
    /// How many may be in the list before all are asked again.
    places: usize,
    /// Those who were asked last.
    wakers: Vec<Waker>,
}

impl List {
    fn add(&mut self, waker: &Waker, woken: &mut Vec<Waker>) {
        // A task that polls again, from a loop or a timeout, is in the list already.
        if self.first.iter().chain(&self.more).any(|known| known.will_wake(waker)) {
            return;
        }
        if self.more.len() >= MANY {
            self.ask(woken);
        }
        match self.first {
            None => self.first = Some(waker.clone()),
            Some(_) => self.more.push(waker.clone()),
        }
    }

    fn move_to(&mut self, woken: &mut Vec<Waker>) {
        woken.extend(self.first.take());
        woken.append(&mut self.more);
        self.asked = None;
    }

    /// Asks all whether they still wait, unless half of them have said so before: who does wait must not be
    /// asked for ever.
    fn ask(&mut self, woken: &mut Vec<Waker>) {
        let asked = self.asked.get_or_insert_default();
        if self.more.len() < asked.places {
            return;
        }
        let came_back = |waker: &&Waker| asked.wakers.iter().any(|asked| asked.will_wake(waker));
        asked.places = 2 * self.more.iter().filter(came_back).count();
        if self.more.len() >= asked.places {
            asked.wakers.clone_from(&self.more);
            woken.append(&mut self.more);
        }
    }
}

impl Wakers {
    /// Has `waker` woken at the next event of `socket` that concerns `interest`. Others may have to be asked
    /// whether they still wait; they are moved to `woken`.
    pub(crate) fn register(
        &mut self,
        socket: SocketId,
        interest: Interest,
        waker: &Waker,
        woken: &mut Vec<Waker>,
    ) {
        let wakers = self.sockets.entry(socket).or_default();
        match interest {
            Interest::Read => wakers.read.add(waker, woken),
            Interest::Write => wakers.write.add(waker, woken),
        }
    }

    /// Moves those whom `event` concerns to `woken`.
    pub(crate) fn take(&mut self, event: Event, woken: &mut Vec<Waker>) {
        let Some(wakers) = self.sockets.get_mut(&event.socket) else {
            return;
        };
        if event.readiness.intersects(READ.union(BOTH)) {
            wakers.read.move_to(woken);
        }
        if event.readiness.intersects(WRITE.union(BOTH)) {
            wakers.write.move_to(woken);
        }
    }

    /// Moves those who wait for a direction of `socket` to `woken`.
    pub(crate) fn take_direction(&mut self, socket: SocketId, interest: Interest, woken: &mut Vec<Waker>) {
        if let Some(wakers) = self.sockets.get_mut(&socket) {
            match interest {
                Interest::Read => wakers.read.move_to(woken),
                Interest::Write => wakers.write.move_to(woken),
            }
        }
    }

    /// Moves everybody to `woken`.
    pub(crate) fn take_all(&mut self, woken: &mut Vec<Waker>) {
        for (_, mut wakers) in self.sockets.drain() {
            wakers.read.move_to(woken);
            wakers.write.move_to(woken);
        }
    }

    /// Forgets a socket that its program has closed. Whoever still waits for it is moved to `woken`.
    pub(crate) fn forget(&mut self, socket: SocketId, woken: &mut Vec<Waker>) {
        if let Some(mut wakers) = self.sockets.remove(&socket) {
            wakers.read.move_to(woken);
            wakers.write.move_to(woken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fathom_stack::{Config, Seed, Stack};
    use fathom_wire::Instant;
    use std::sync::Arc;
    use std::task::Wake;

    struct Task;

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    fn socket() -> SocketId {
        let mut stack = Stack::new(Config::default(), Seed::from_u64(1));
        stack.udp_bind(Instant::ZERO, "0.0.0.0:7".parse().unwrap()).unwrap().into()
    }

    #[test]
    fn an_event_wakes_all_who_wait_for_its_direction_once() {
        let (socket, mut wakers, mut woken) = (socket(), Wakers::default(), Vec::new());
        let tasks: Vec<Waker> = (0..3).map(|_| Waker::from(Arc::new(Task))).collect();
        for task in tasks.iter().chain(&tasks) {
            wakers.register(socket, Interest::Read, task, &mut woken);
        }
        wakers.register(socket, Interest::Write, &tasks[0], &mut woken);

        wakers.take(Event { socket, readiness: Readiness::READABLE }, &mut woken);
        assert_eq!(woken.len(), 3);
        assert!(woken.iter().zip(&tasks).all(|(woken, task)| woken.will_wake(task)), "in their order");
        woken.clear();
        wakers.take(Event { socket, readiness: Readiness::READABLE }, &mut woken);
        assert_eq!(woken.len(), 0, "they have not asked again");
        wakers.take(Event { socket, readiness: Readiness::ERROR }, &mut woken);
        assert_eq!(woken.len(), 1, "an error concerns both directions");
    }

    #[test]
    fn wakers_of_futures_that_are_gone_do_not_pile_up() {
        let (socket, mut wakers) = (socket(), Wakers::default());
        let waiting: Vec<Waker> = (0..300).map(|_| Waker::from(Arc::new(Task))).collect();
        let mut turns = 0;
        for round in 0..10_000 {
            let gone = Waker::from(Arc::new(Task));
            let mut woken = Vec::new();
            wakers.register(socket, Interest::Read, &gone, &mut woken);
            if round == 0 {
                woken.clone_from(&waiting);
            }
            // Those who still wait come back when they are asked, however often.
            while let Some(asked) = woken.pop() {
                if waiting.iter().any(|task| task.will_wake(&asked)) {
                    turns += 1;
                    wakers.register(socket, Interest::Read, &asked, &mut woken);
                }
            }
        }
        assert!(turns < 30_000, "{turns} turns of 300 tasks");
        let mut woken = Vec::new();
        wakers.take(Event { socket, readiness: Readiness::READABLE }, &mut woken);
        assert!(woken.len() < 1_500, "{} wakers", woken.len());
        assert!(waiting.iter().all(|task| woken.iter().any(|woken| woken.will_wake(task))), "nobody is lost");
    }

    #[test]
    fn who_waits_for_a_socket_that_is_closed_is_woken() {
        let (socket, mut wakers, mut woken) = (socket(), Wakers::default(), Vec::new());
        wakers.register(socket, Interest::Write, Waker::noop(), &mut woken);
        wakers.forget(socket, &mut woken);
        assert_eq!(woken.len(), 1);
        assert!(wakers.sockets.is_empty());
    }
}
