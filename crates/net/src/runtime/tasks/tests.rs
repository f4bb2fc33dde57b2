use super::*;
use std::sync::atomic::AtomicUsize;
use std::task::Poll;

fn run_all(tasks: &Tasks) -> usize {
    std::iter::repeat_with(|| tasks.run_one()).take_while(|&ran| ran).count()
}

/// Is pending `times` times, waking itself each time.
async fn give_way(times: usize) {
    let mut left = times;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

#[test]
fn tasks_take_turns_in_the_order_in_which_they_became_ready() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let tasks = Tasks::new(|| {});
    for name in ["a", "b", "c"] {
        let order = Arc::clone(&order);
        tasks.spawn(Box::pin(async move {
            for turn in 0..2 {
                lock(&order).push((name, turn));
                give_way(1).await;
            }
        }));
    }
    assert_eq!(run_all(&tasks), 9);
    assert_eq!(*lock(&order), [("a", 0), ("b", 0), ("c", 0), ("a", 1), ("b", 1), ("c", 1)]);
    assert!(tasks.is_empty());
}

#[test]
fn many_wakes_are_one_turn() {
    let turns = Arc::new(AtomicUsize::new(0));
    let tasks = Tasks::new(|| {});
    let counted = Arc::clone(&turns);
    tasks.spawn(Box::pin(std::future::poll_fn(move |cx| {
        if counted.fetch_add(1, Ordering::Relaxed) == 1 {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        cx.waker().wake_by_ref();
        Poll::Pending
    })));
    assert_eq!(run_all(&tasks), 2);
    assert_eq!(turns.load(Ordering::Relaxed), 2);
}

#[test]
fn a_ready_task_is_announced() {
    let announced = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&announced);
    let tasks = Tasks::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    tasks.spawn(Box::pin(give_way(2)));
    run_all(&tasks);
    assert_eq!(announced.load(Ordering::Relaxed), 3);
}

#[test]
fn closing_drops_tasks_that_wait_and_tasks_that_come_later() {
    struct Tell(Arc<AtomicUsize>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let tasks = Tasks::new(|| {});
    let waits = Tell(Arc::clone(&dropped));
    tasks.spawn(Box::pin(async move {
        let _waits = waits;
        std::future::pending::<()>().await;
    }));
    run_all(&tasks);
    assert_eq!(dropped.load(Ordering::Relaxed), 0);
    tasks.close();
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    let late = Tell(Arc::clone(&dropped));
    tasks.spawn(Box::pin(async move { drop(late) }));
    assert_eq!(dropped.load(Ordering::Relaxed), 2);
    assert!(tasks.is_empty() && !tasks.is_ready());
}
