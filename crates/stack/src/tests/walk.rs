//! The walk over all sockets.

use std::collections::BTreeMap;
use std::vec::Vec;

use fathom_record::TcpStateName;
use fathom_wire::Instant;

use super::Pair;
use super::connections::{connect, established, listen};
use crate::{SocketCursor, SocketEntry, Stack};

/// What a walk in steps of `slots` sees, and how many steps it takes.
fn walk(stack: &Stack, slots: usize) -> (Vec<SocketEntry>, usize) {
    let (mut seen, mut steps) = (Vec::new(), 0);
    let mut cursor = Some(SocketCursor::default());
    while let Some(from) = cursor {
        let before = seen.len();
        cursor = stack.walk_sockets(Instant::ZERO, from, slots, |entry| seen.push(entry));
        assert!(seen.len() - before <= slots, "a step looks at no more than it may");
        steps += 1;
        assert!(steps < 10_000, "a walk ends");
    }
    (seen, steps)
}

fn states(stack: &Stack) -> BTreeMap<std::string::String, usize> {
    let mut states = BTreeMap::new();
    for entry in walk(stack, 7).0 {
        let state = match entry {
            SocketEntry::Listener { .. } => "listener".into(),
            SocketEntry::Connection { info, .. } => std::format!("connection {}", info.state),
            SocketEntry::Remnant { state, .. } => std::format!("remnant {state}"),
            SocketEntry::Udp { .. } => "udp".into(),
        };
        *states.entry(state).or_default() += 1;
    }
    states
}

#[test]
fn a_walk_sees_each_socket_once_however_large_its_steps() {
    let mut pair = Pair::new();
    let (a, _) = established(&mut pair);
    for _ in 0..200 {
        connect(&mut pair);
    }
    let local = core::net::SocketAddr::new(pair.a.v4, 53);
    pair.a.stack.udp_bind(pair.now, local).unwrap();
    let all = walk(&pair.a.stack, usize::MAX).0;
    assert_eq!(all.len(), 202);
    for slots in [1, 63, 64, 65, 1000] {
        let (seen, steps) = walk(&pair.a.stack, slots);
        assert!(seen == all, "in steps of {slots}");
        assert!(steps <= 400 / slots + 10, "{steps} steps of {slots}");
    }
    let now = pair.now;
    let flow = pair.a.stack.tcp(now, a).unwrap().flow();
    let found =
        all.iter().filter(|entry| matches!(entry, SocketEntry::Connection { flow: of, .. } if *of == flow));
    assert_eq!(found.count(), 1);
}

#[test]
fn a_walk_tells_what_waits_and_what_is_left_of_connections() {
    let mut pair = Pair::new();
    let listener = listen(&mut pair);
    let a = connect(&mut pair);
    pair.drive_for(core::time::Duration::from_secs(1));
    let waiting = walk(&pair.b.stack, 64).0.into_iter().find_map(|entry| match entry {
        SocketEntry::Listener { id, waiting, .. } => Some((id, waiting)),
        _ => None,
    });
    assert_eq!(waiting, Some((listener, 1)));

    let now = pair.now;
    let b = pair.b.stack.tcp_accept(now, listener).unwrap();
    pair.a.stack.tcp(now, a).unwrap().send(&[1; 1000]).unwrap();
    let unacknowledged = walk(&pair.a.stack, 64).0.into_iter().find_map(|entry| match entry {
        SocketEntry::Connection { unacknowledged, .. } => Some(unacknowledged),
        _ => None,
    });
    assert_eq!(unacknowledged, Some(1000));
    pair.drive_for(core::time::Duration::from_secs(1));
    let mut buffer = [0; 1000];
    let now = pair.now;
    assert_eq!(pair.b.stack.tcp(now, b).unwrap().recv(&mut buffer), Ok(1000));

    // One that its program has given back is told once, as what is left of it.
    pair.a.stack.tcp(now, a).unwrap().close();
    pair.drive_for(core::time::Duration::from_secs(1));
    let now = pair.now;
    pair.b.stack.tcp(now, b).unwrap().close();
    pair.drive_for(core::time::Duration::from_secs(1));
    let expected = std::format!("remnant {}", TcpStateName::TimeWait);
    assert_eq!(states(&pair.a.stack), BTreeMap::from([(expected, 1)]));
    assert_eq!(states(&pair.b.stack), BTreeMap::from([("listener".into(), 1)]));
}
