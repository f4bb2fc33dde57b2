use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const LIMIT: usize = 1 << 20;

fn bytes(from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(|i| (i % 251) as u8).collect()
}

#[test]
fn a_segment_shares_the_memory_that_was_written() {
    let (mut pool, mut budget) = (BlockPool::new(), MemoryBudget::new(LIMIT));
    let mut rope = Rope::new();
    rope.append(&mut pool, &mut budget, &bytes(0, 40_000));
    let first = rope.slices(10_000, 20_000);
    let again = rope.slices(10_000, 20_000);
    assert_eq!(first.len(), 2);
    assert_eq!(first.concat(), bytes(10_000, 20_000));
    for (a, b) in first.iter().zip(&again) {
        assert_eq!(a.as_ptr(), b.as_ptr());
    }
}

#[test]
fn a_range_of_many_tiny_writes_still_fits_the_slices() {
    let (mut pool, mut budget) = (BlockPool::new(), MemoryBudget::new(LIMIT));
    let mut rope = Rope::new();
    for i in 0..100 {
        rope.append(&mut pool, &mut budget, &bytes(i * 10, 10));
        rope.slices(i * 10, 10);
    }
    let slices = rope.slices(5, 900);
    assert_eq!(slices.len(), MAX_SLICES);
    assert_eq!(slices.concat(), bytes(5, 900));
}

#[test]
fn blocks_return_to_the_pool_and_are_used_again() {
    let (mut pool, mut budget) = (BlockPool::new(), MemoryBudget::new(LIMIT));
    let mut rope = Rope::new();
    rope.append(&mut pool, &mut budget, &bytes(0, 40_000));
    assert_eq!(budget.in_use(), 3 * 16_384);
    let memory = rope.slices(0, 1)[0].as_ptr();
    rope.consume(&mut pool, &mut budget, 40_000);
    assert_eq!((budget.in_use(), pool.memory()), (0, 3 * 16_384));
    rope.append(&mut pool, &mut budget, &bytes(0, 40_000));
    let pointers: Vec<_> = (0..3).map(|i| rope.slices(i * 16_384, 1)[0].as_ptr()).collect();
    assert!(pointers.contains(&memory));
    assert_eq!(pool.memory(), 0);
}

#[test]
fn a_block_that_a_frame_still_holds_returns_once_the_frame_is_gone() {
    let (mut pool, mut budget) = (BlockPool::new(), MemoryBudget::new(LIMIT));
    let mut rope = Rope::new();
    rope.append(&mut pool, &mut budget, &bytes(0, 100));
    let frame = rope.slices(0, 100);
    rope.consume(&mut pool, &mut budget, 100);
    assert_eq!((budget.in_use(), pool.memory()), (0, 0));
    assert_eq!(frame.concat(), bytes(0, 100));
    let memory = frame[0].as_ptr();
    drop(frame);
    rope.append(&mut pool, &mut budget, &bytes(7, 100));
    assert_eq!(rope.slices(0, 1)[0].as_ptr(), memory);
}

#[test]
fn a_rope_that_fills_and_empties_again_and_again_writes_to_the_same_block() {
    let (mut pool, mut budget) = (BlockPool::new(), MemoryBudget::new(LIMIT));
    let mut rope = Rope::new();
    rope.append(&mut pool, &mut budget, &bytes(0, 100));
    rope.consume(&mut pool, &mut budget, 40);
    let mut rest = [0; 60];
    assert_eq!(rope.copy_to(0, &mut rest), 60);
    assert_eq!(rest[..], bytes(40, 60));
    rope.consume(&mut pool, &mut budget, 60);
    assert_eq!((budget.in_use(), pool.memory()), (0, 2_048), "the block is free, with the body of the rope");
    let mut memory = None;
    for turn in 0..5 {
        rope.append(&mut pool, &mut budget, &bytes(turn, 100));
        assert_eq!((budget.in_use(), pool.memory()), (2_048, 0));
        let place = rope.slices(0, 1)[0].as_ptr();
        assert_eq!(*memory.get_or_insert(place), place);
        rope.consume(&mut pool, &mut budget, 100);
    }
}

#[test]
fn a_block_that_waits_with_a_body_is_not_taken_beyond_the_budget() {
    let (mut pool, mut budget) = (BlockPool::new(), MemoryBudget::new(3_000));
    let (mut first, mut second) = (Rope::new(), Rope::new());
    first.append(&mut pool, &mut budget, &bytes(0, 10));
    first.clear(&mut pool, &mut budget);
    assert!(budget.charge(1_000));
    assert_eq!(second.append(&mut pool, &mut budget, &bytes(0, 10)), 0);
    budget.release(1_000);
    assert_eq!(second.append(&mut pool, &mut budget, &bytes(0, 10)), 10);
}

#[test]
fn an_empty_rope_holds_no_memory() {
    let (mut pool, mut budget) = (BlockPool::new(), MemoryBudget::new(LIMIT));
    let mut rope = Rope::new();
    for _ in 0..3 {
        rope.append(&mut pool, &mut budget, &bytes(0, 5_000));
        rope.push(&mut pool, &mut budget, Bytes::from(bytes(0, 3_000))).unwrap();
        rope.append(&mut pool, &mut budget, &bytes(0, 1));
        rope.consume(&mut pool, &mut budget, 8_001);
        assert!(rope.0.is_none());
        assert_eq!(budget.in_use(), 0);
    }
}

#[test]
fn the_budget_bounds_what_is_taken() {
    let (mut pool, mut budget) = (BlockPool::new(), MemoryBudget::new(40_000));
    let mut rope = Rope::new();
    // Two blocks of 16 KiB, and one of 2 KiB where no third has room.
    assert_eq!(rope.append(&mut pool, &mut budget, &bytes(0, 100_000)), 34_816);
    let refused = rope.push(&mut pool, &mut budget, Bytes::from(bytes(0, 8_000)));
    assert_eq!(refused.unwrap_err().len(), 8_000);
    rope.clear(&mut pool, &mut budget);
    assert_eq!((rope.len(), budget.in_use()), (0, 0));
}

#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Push(usize),
    Send(usize, usize),
    Copy(usize, usize),
    Consume(usize),
    Take(usize),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len = prop_oneof![0usize..64, 0usize..3_000, 0usize..50_000];
    let at = 0usize..1_000_000;
    let step = prop_oneof![
        8 => len.clone().prop_map(Step::Append),
        3 => len.clone().prop_map(Step::Push),
        6 => (at.clone(), len.clone()).prop_map(|(at, len)| Step::Send(at, len)),
        2 => (at, len.clone()).prop_map(|(at, len)| Step::Copy(at, len)),
        6 => len.clone().prop_map(Step::Consume),
        3 => len.prop_map(Step::Take),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    #[test]
    fn behaves_like_a_deque_of_bytes(steps in steps()) {
        let (mut pool, mut budget) = (BlockPool::new(), MemoryBudget::new(LIMIT));
        let mut rope = Rope::new();
        let mut model: VecDeque<u8> = VecDeque::new();
        let mut written = 0;
        let mut frames = Vec::new();
        for step in steps {
            match step {
                Step::Append(len) => {
                    let data = bytes(written, len);
                    let done = rope.append(&mut pool, &mut budget, &data);
                    prop_assert!(done == len || budget.in_use() + 16_384 > LIMIT);
                    model.extend(&data[..done]);
                    written += done;
                }
                Step::Push(len) => {
                    let data = bytes(written, len);
                    if rope.push(&mut pool, &mut budget, Bytes::from(data.clone())).is_ok() {
                        model.extend(&data);
                        written += len;
                    }
                }
                Step::Send(at, len) => {
                    let at = at % (model.len() + 1);
                    let len = len.min(model.len() - at);
                    let slices = rope.slices(at, len);
                    let wanted: Vec<u8> = model.range(at..at + len).copied().collect();
                    prop_assert_eq!(slices.concat(), wanted.clone());
                    // Frames live on while the rope goes on; their bytes must not change.
                    if frames.len() > 4 {
                        frames.remove(0);
                    }
                    frames.push((slices, wanted));
                }
                Step::Copy(at, len) => {
                    let mut out = vec![0; len];
                    let done = rope.copy_to(at, &mut out);
                    let wanted: Vec<u8> = model.iter().skip(at).take(len).copied().collect();
                    prop_assert_eq!(&out[..done], &wanted[..]);
                }
                Step::Consume(len) => {
                    let len = len.min(model.len());
                    rope.consume(&mut pool, &mut budget, len);
                    model.drain(..len);
                }
                Step::Take(max) => {
                    let taken = rope.take(&mut pool, &mut budget, max);
                    prop_assert!(!taken.is_empty() || max == 0 || model.is_empty());
                    let wanted: Vec<u8> = model.drain(..taken.len()).collect();
                    prop_assert_eq!(&taken[..], &wanted[..]);
                }
                Step::Clear => {
                    rope.clear(&mut pool, &mut budget);
                    model.clear();
                }
            }
            prop_assert_eq!(rope.len(), model.len());
            for (slices, wanted) in &frames {
                prop_assert_eq!(&slices.concat(), wanted);
            }
        }
        rope.clear(&mut pool, &mut budget);
        prop_assert_eq!(budget.in_use(), 0);
    }
}
