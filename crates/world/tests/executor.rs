//! Tasks, time and the limits of a run.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::ms;
use fathom_net::{Config, Host};
use fathom_world::{Limits, RunError, World};

fn world() -> (World, Host) {
    let mut world = World::new(1);
    let host = world.add_host("h", Config::default());
    (world, host)
}

#[test]
fn time_jumps_to_the_next_timer_and_no_further() {
    let (mut world, host) = world();
    world.set_wall_clock(Duration::from_secs(1_700_000_000));
    let sleeper = host.clone();
    let long = host.spawn(async move {
        sleeper.sleep(Duration::from_secs(3600)).await;
        sleeper.now()
    });
    world.block_on(host.sleep(Duration::from_nanos(1_000_001))).unwrap();
    assert_eq!(world.now().as_nanos(), 1_000_001);
    assert_eq!(host.wall_clock(), Duration::new(1_700_000_000, 1_000_001));
    assert_eq!(world.block_on(long).unwrap().unwrap().as_millis(), 3_600_000);
}

#[test]
fn tasks_that_wake_at_the_same_time_run_in_the_order_of_their_timers() {
    let (mut world, host) = world();
    let order = Arc::new(Mutex::new(Vec::new()));
    for name in 0..5 {
        let (host, order) = (host.clone(), Arc::clone(&order));
        host.clone().spawn(async move {
            host.sleep(ms(10)).await;
            order.lock().unwrap().push(name);
        });
    }
    world.run_for(ms(10)).unwrap();
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_timeout_drops_what_it_limits() {
    let (mut world, host) = world();
    let guard = Arc::new(());
    let held = Arc::clone(&guard);
    let limited = host.timeout(ms(5), async move {
        let _held = held;
        std::future::pending::<()>().await;
    });
    let result = world.block_on(limited).unwrap();
    assert!(result.is_err());
    assert_eq!((Arc::strong_count(&guard), world.now().as_millis()), (1, 5));
}

#[test]
fn an_aborted_task_is_told_to_its_joiner() {
    let (mut world, host) = world();
    let task = host.spawn(std::future::pending::<()>());
    task.abort();
    assert!(world.block_on(task).unwrap().is_err());
}

#[test]
fn a_world_in_which_nothing_can_happen_says_so() {
    let (mut world, host) = world();
    host.spawn(std::future::pending::<()>());
    let error = world.block_on(std::future::pending::<()>()).unwrap_err();
    assert!(matches!(&error, RunError::Stalled { waiting, .. } if waiting.tasks == 1), "{error}");
    assert!(error.to_string().contains("1 tasks"), "{error}");
}

#[test]
fn a_world_that_never_rests_is_stopped() {
    let (mut world, host) = world();
    world.set_limits(Limits { steps_at_once: 1000, ..Limits::default() });
    host.spawn(std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        std::task::Poll::<()>::Pending
    }));
    let error = world.run_for(ms(1)).unwrap_err();
    assert!(matches!(error, RunError::Storm { steps: 1000, .. }), "{error}");
}

#[test]
fn a_world_that_goes_on_for_ever_is_stopped_and_names_who_waits() {
    let (mut world, host) = world();
    world.set_limits(Limits { time: Duration::from_secs(60), ..Limits::default() });
    let clock = host.clone();
    host.spawn(async move {
        loop {
            clock.sleep(Duration::from_secs(1)).await;
        }
    });
    let error = world.block_on(std::future::pending::<()>()).unwrap_err();
    assert!(matches!(error, RunError::TimeLimit { .. }), "{error}");
    assert!(error.to_string().contains("1 timers"), "{error}");
}

#[test]
fn the_end_of_a_world_is_the_end_of_its_tasks() {
    let (mut world, host) = world();
    let guard = Arc::new(());
    let (held, clock) = (Arc::clone(&guard), host.clone());
    host.spawn(async move {
        let _held = held;
        clock.sleep(Duration::from_secs(1)).await;
    });
    world.run_for(ms(1)).unwrap();
    assert_eq!(Arc::strong_count(&guard), 2);
    drop(world);
    assert_eq!(Arc::strong_count(&guard), 1);
}

#[test]
fn randomness_follows_from_the_seed_and_the_name() {
    let draw = |seed, name| {
        let mut world = World::new(seed);
        world.add_host(name, Config::default()).random_u64()
    };
    assert_eq!(draw(1, "a"), draw(1, "a"));
    assert_ne!(draw(1, "a"), draw(1, "b"));
    assert_ne!(draw(1, "a"), draw(2, "a"));
}
