use super::*;

const NOW: Duration = Duration::from_secs(1_767_225_600);

fn leaf(seed: u64) -> Identity {
    let authority = Authority::new(seed, NOW).unwrap();
    authority.issue(&["example.com"], Validity::current(NOW)).unwrap()
}

#[test]
fn certificates_follow_from_the_seed_bit_for_bit() {
    let (one, same, other) = (leaf(7), leaf(7), leaf(8));
    assert_eq!(one.chain, same.chain);
    assert_eq!(one.key.secret_der(), same.key.secret_der());
    assert_ne!(one.key.secret_der(), other.key.secret_der());
}

#[test]
fn certificates_of_all_seeds_are_as_long() {
    let lengths: Vec<_> = (0..50).map(|seed| leaf(seed).chain[0].len()).collect();
    assert!(lengths.iter().all(|len| *len == lengths[0]), "{lengths:?}");
}
