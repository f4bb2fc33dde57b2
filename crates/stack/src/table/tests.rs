use alloc::vec::Vec;
use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn tuple(number: u32) -> FourTuple {
    FourTuple {
        local_address: IpAddr::from([10, 0, 0, 1]),
        remote_address: IpAddr::from(number.to_be_bytes()),
        local_port: 80,
        remote_port: number as u16,
    }
}

#[test]
fn the_hash_depends_on_every_part_of_the_tuple_and_on_the_key() {
    let base = tuple(1);
    let v6 = IpAddr::from([1u16, 2, 3, 4, 5, 6, 7, 8]);
    let tuples = [
        base,
        FourTuple { local_port: 81, ..base },
        FourTuple { remote_port: 81, ..base },
        FourTuple { local_address: IpAddr::from([10, 0, 0, 2]), ..base },
        FourTuple { remote_address: IpAddr::from([10, 0, 0, 2]), ..base },
        FourTuple { local_address: v6, remote_address: v6, ..base },
    ];
    let table = FlowTable::<u32>::new(&[1; 16]);
    let other = FlowTable::<u32>::new(&[2; 16]);
    let mut hashes: Vec<u64> = tuples.iter().flat_map(|t| [table.hash(t), other.hash(t)]).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 2 * tuples.len());
}

#[test]
fn no_change_moves_more_than_a_few_entries() {
    let mut table = FlowTable::new(&[7; 16]);
    let left = |table: &FlowTable<u32>| table.old.as_ref().map_or(0, |old| old.table.len());
    for number in 0..100_000u32 {
        let (before, buckets) = (left(&table), table.current.num_buckets());
        let hash = table.hash(&tuple(number));
        table.insert(hash, number);
        if table.current.num_buckets() == buckets {
            assert!(before - left(&table) <= BUCKETS_PER_STEP);
        } else {
            assert_eq!(before, 0, "the last growth was not finished");
        }
    }
    assert_eq!(table.len(), 100_000);
    for number in 0..100_000u32 {
        assert_eq!(table.find(table.hash(&tuple(number)), |value| value == number), Some(number));
    }
}

#[test]
fn connections_that_come_and_go_do_not_make_it_grow() {
    let mut table = FlowTable::new(&[7; 16]);
    for number in 0..100_000u32 {
        let hash = table.hash(&tuple(number));
        table.insert(hash, number);
        if let Some(old) = number.checked_sub(10) {
            let hash = table.hash(&tuple(old));
            assert_eq!(table.remove(hash, |value| value == old), Some(old));
        }
    }
    assert_eq!(table.len(), 10);
    assert!(table.memory() <= 4096, "{} bytes", table.memory());
}

proptest! {
    #[test]
    fn behaves_like_a_hash_map(steps in prop::collection::vec((0u8..4, 0u32..400), 1..3000)) {
        let mut table = FlowTable::new(&[9; 16]);
        let mut model = HashMap::new();
        for (value, (kind, number)) in steps.into_iter().enumerate() {
            let hash = table.hash(&tuple(number));
            let value = (number, value);
            let eq = |found: (u32, usize)| found.0 == number;
            match kind {
                0 | 1 => {
                    if !table.replace(hash, eq, value) {
                        table.insert(hash, value);
                    }
                    model.insert(number, value);
                }
                2 => prop_assert_eq!(table.remove(hash, eq), model.remove(&number)),
                _ => prop_assert_eq!(table.find(hash, eq), model.get(&number).copied()),
            }
            prop_assert_eq!(table.len(), model.len());
        }
        for (number, value) in model {
            prop_assert_eq!(table.find(table.hash(&tuple(number)), |found| found.0 == number), Some(value));
        }
    }
}
