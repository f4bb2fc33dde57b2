use alloc::collections::BTreeMap;

use super::*;

#[test]
fn a_stale_key_reaches_nobody() {
    let mut slab = Slab::new();
    let first = slab.insert("first");
    assert_eq!(slab.remove(first), Some("first"));
    let second = slab.insert("second");
    assert_eq!(second.index, first.index);
    assert_ne!(second, first);
    assert_eq!(slab.get(first), None);
    assert_eq!(slab.get_mut(first), None);
    assert_eq!(slab.remove(first), None);
    assert_eq!(slab.get(second), Some(&"second"));
}

#[test]
fn growth_keeps_every_value_in_its_place() {
    let mut slab = Slab::new();
    let keys: Vec<Key> = (0..1000).map(|i| slab.insert_with(|key| (key, i))).collect();
    for (i, key) in keys.iter().enumerate() {
        assert_eq!(slab.get(*key), Some(&(*key, i)));
    }
    assert_eq!(slab.len(), 1000);
    assert_eq!(slab.memory() / size_of::<Entry<(Key, usize)>>(), 1024);
}

#[test]
fn behaves_like_a_map_with_keys_that_are_never_reused() {
    let mut slab = Slab::new();
    let mut model = BTreeMap::new();
    let mut given = Vec::new();
    let mut state = 1u64;
    for step in 0..20_000u32 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let draw = (state >> 33) as usize;
        if draw % 5 < 3 || given.is_empty() {
            let key = slab.insert(step);
            assert_eq!(model.insert(key, step), None);
            given.push(key);
        } else {
            let key = given[draw % given.len()];
            assert_eq!(slab.remove(key), model.remove(&key));
        }
        assert_eq!(slab.len(), model.len());
    }
    for key in given {
        assert_eq!(slab.get(key), model.get(&key));
    }
    let walked: BTreeMap<Key, u32> = slab.iter().map(|(key, value)| (key, *value)).collect();
    assert_eq!(walked, model);
}
