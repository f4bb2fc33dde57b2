use core::time::Duration;

use arrayvec::ArrayVec;

use super::*;
use crate::internet::Internet;
use crate::random::Seed;
use crate::stack::{Parts, Stack};
use crate::{Config, Interface};

const OLD: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 8]);
const NEW: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 9]);
const ETH0: InterfaceId = InterfaceId(1);

fn stack(config: Config) -> Stack {
    let mut stack = Stack::new(config, Seed::from_u64(3));
    stack.add_interface(Interface::ethernet("eth0", EthernetAddress([2, 0, 0, 0, 0, 1])));
    stack
}

fn host(number: u32) -> IpAddr {
    IpAddr::V4((0x0a00_0000 + number).into())
}

/// A neighbour in a state, reached the way that it is reached in life.
fn with_state(cx: &mut Context<'_>, internet: &mut Internet, name: &str) {
    let neighbours = &mut internet.neighbours;
    let told = Evidence::Told { solicited: true, override_: true, router: None };
    match name {
        "none" => {}
        "incomplete" => {
            neighbours.resolve(cx, ETH0, &host(1));
        }
        "reachable" => {
            neighbours.resolve(cx, ETH0, &host(1));
            neighbours.learn(cx, ETH0, host(1), Some(OLD), told);
        }
        "stale" => {
            neighbours.learn(cx, ETH0, host(1), Some(OLD), Evidence::Asked);
        }
        "delay" => {
            neighbours.learn(cx, ETH0, host(1), Some(OLD), Evidence::Asked);
            neighbours.resolve(cx, ETH0, &host(1));
        }
        other => panic!("{other}"),
    }
}

fn describe(state: Option<State>) -> (&'static str, Option<EthernetAddress>) {
    match state {
        None => ("none", None),
        Some(State::Incomplete { .. }) => ("incomplete", None),
        Some(State::Reachable { hardware, .. }) => ("reachable", Some(hardware)),
        Some(State::Stale { hardware }) => ("stale", Some(hardware)),
        Some(State::Delay { hardware }) => ("delay", Some(hardware)),
        Some(State::Probe { hardware, .. }) => ("probe", Some(hardware)),
        Some(State::Unreachable) => ("unreachable", None),
    }
}

/// The table of RFC 4861 appendix C, for advertisements and solicitations.
#[test]
fn messages_drive_the_states_as_appendix_c_of_rfc_4861_says() {
    const fn told(solicited: bool, override_: bool) -> Evidence {
        Evidence::Told { solicited, override_, router: None }
    }
    type Row = (&'static str, Evidence, Option<EthernetAddress>, (&'static str, Option<EthernetAddress>));
    let table: &[Row] = &[
        // before, message, its link address, after
        ("none", told(true, true), Some(NEW), ("none", None)),
        ("none", told(false, true), Some(NEW), ("none", None)),
        ("incomplete", told(true, true), Some(NEW), ("reachable", Some(NEW))),
        ("incomplete", told(true, false), Some(NEW), ("reachable", Some(NEW))),
        ("incomplete", told(false, true), Some(NEW), ("stale", Some(NEW))),
        ("incomplete", told(true, true), None, ("incomplete", None)),
        ("reachable", told(true, false), Some(OLD), ("reachable", Some(OLD))),
        ("stale", told(true, false), Some(OLD), ("reachable", Some(OLD))),
        ("delay", told(true, false), Some(OLD), ("reachable", Some(OLD))),
        ("stale", told(true, false), None, ("reachable", Some(OLD))),
        ("reachable", told(true, false), Some(NEW), ("stale", Some(OLD))),
        ("stale", told(true, false), Some(NEW), ("stale", Some(OLD))),
        ("delay", told(true, false), Some(NEW), ("delay", Some(OLD))),
        ("reachable", told(true, true), Some(NEW), ("reachable", Some(NEW))),
        ("stale", told(true, true), Some(NEW), ("reachable", Some(NEW))),
        ("reachable", told(false, true), Some(NEW), ("stale", Some(NEW))),
        ("delay", told(false, true), Some(NEW), ("stale", Some(NEW))),
        ("reachable", told(false, true), Some(OLD), ("reachable", Some(OLD))),
        ("stale", told(false, true), Some(OLD), ("stale", Some(OLD))),
        ("reachable", told(false, false), Some(NEW), ("stale", Some(OLD))),
        ("stale", told(false, false), Some(NEW), ("stale", Some(OLD))),
        ("none", Evidence::Asked, Some(NEW), ("stale", Some(NEW))),
        ("none", Evidence::Asked, None, ("none", None)),
        ("incomplete", Evidence::Asked, Some(NEW), ("stale", Some(NEW))),
        ("reachable", Evidence::Asked, Some(NEW), ("stale", Some(NEW))),
        ("reachable", Evidence::Asked, Some(OLD), ("reachable", Some(OLD))),
        ("delay", Evidence::Asked, Some(OLD), ("delay", Some(OLD))),
    ];
    for (before, message, hardware, after) in table {
        let mut stack = stack(Config::default());
        let Parts { mut cx, internet, .. } = stack.parts(Instant::ZERO);
        with_state(&mut cx, internet, before);
        assert_eq!(describe(internet.neighbours.state(ETH0, host(1))).0, *before);
        internet.neighbours.learn(&mut cx, ETH0, host(1), *hardware, *message);
        let state = describe(internet.neighbours.state(ETH0, host(1)));
        // RFC4861-R12, RFC4861-R13
        assert_eq!(state, *after, "{before} {message:?} {hardware:?}");
    }
}

/// REACHABLE for a time drawn between half and one and a half of the base.
#[test]
fn a_confirmation_is_good_for_about_the_base_time() {
    let mut lives = alloc::vec::Vec::new();
    for seed in 0..50 {
        let mut stack = Stack::new(Config::default(), Seed::from_u64(seed));
        stack.add_interface(Interface::ethernet("eth0", OLD));
        let Parts { mut cx, internet, .. } = stack.parts(Instant::ZERO);
        with_state(&mut cx, internet, "reachable");
        let Some(State::Reachable { until, .. }) = internet.neighbours.state(ETH0, host(1)) else { panic!() };
        lives.push(until.as_millis());
        cx.now = until - Duration::from_nanos(1);
        assert_eq!(internet.neighbours.resolve(&mut cx, ETH0, &host(1)), Resolution::Known(OLD));
        assert_eq!(describe(internet.neighbours.state(ETH0, host(1))).0, "reachable");
        cx.now = until;
        assert_eq!(internet.neighbours.resolve(&mut cx, ETH0, &host(1)), Resolution::Known(OLD));
        // RFC4861-R15
        assert_eq!(describe(internet.neighbours.state(ETH0, host(1))).0, "delay");
    }
    lives.sort_unstable();
    // RFC4861-R15
    assert!(lives[0] >= 15_000 && lives[49] <= 45_000 && lives[49] - lives[0] > 15_000, "{lives:?}");
}

#[test]
fn a_full_table_forgets_who_was_not_used_of_late_and_nobody_who_is_waited_for() {
    let mut config = Config::default();
    config.link.neighbours = 6;
    let mut stack = stack(config);
    let Parts { mut cx, internet, .. } = stack.parts(Instant::ZERO);
    let neighbours = &mut internet.neighbours;
    let Resolution::Solicit(waited_for) = neighbours.resolve(&mut cx, ETH0, &host(0)) else { panic!() };
    let packet = Outgoing::whole(ArrayVec::new(), 0, ArrayVec::new());
    assert!(neighbours.enqueue(&mut cx, waited_for, packet).is_none());
    for number in 1..200 {
        neighbours.learn(&mut cx, ETH0, host(number), Some(OLD), Evidence::Asked);
        assert!(neighbours.len() <= 6);
        neighbours.resolve(&mut cx, ETH0, &host(1));
    }
    let known = |number| neighbours.state(ETH0, host(number)).is_some();
    assert!(known(0), "a packet waits for it");
    assert!(known(1), "it is used all the time");
    assert!(known(199) && !known(100));
    assert!(neighbours.clock.len() <= 2 * 6 + EVICTION_TRIES);
}

#[test]
fn a_table_full_of_neighbours_that_are_waited_for_refuses_another() {
    let mut config = Config::default();
    config.link.neighbours = 3;
    let mut stack = stack(config);
    let Parts { mut cx, internet, .. } = stack.parts(Instant::ZERO);
    for number in 0..3 {
        let Resolution::Solicit(key) = internet.neighbours.resolve(&mut cx, ETH0, &host(number)) else {
            panic!()
        };
        let packet = Outgoing::whole(ArrayVec::new(), 0, ArrayVec::new());
        internet.neighbours.enqueue(&mut cx, key, packet);
    }
    assert_eq!(internet.neighbours.resolve(&mut cx, ETH0, &host(3)), Resolution::TableFull);
}

#[test]
fn a_neighbour_that_did_not_answer_is_not_asked_again_at_once() {
    let mut stack = stack(Config::default());
    let Parts { mut cx, internet, .. } = stack.parts(Instant::ZERO);
    let Resolution::Solicit(key) = internet.neighbours.resolve(&mut cx, ETH0, &host(1)) else { panic!() };
    for _ in 0..2 {
        assert!(matches!(internet.neighbours.handle_timer(&mut cx, key), Due::Solicit(_)));
    }
    assert!(matches!(internet.neighbours.handle_timer(&mut cx, key), Due::Failed { .. }));
    assert_eq!(internet.neighbours.resolve(&mut cx, ETH0, &host(1)), Resolution::Unreachable);
    assert!(matches!(internet.neighbours.handle_timer(&mut cx, key), Due::Nothing));
    assert!(matches!(internet.neighbours.resolve(&mut cx, ETH0, &host(1)), Resolution::Solicit(_)));
}
