use super::*;

#[test]
fn order_holds_across_the_wrap() {
    for origin in [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX - 1, u32::MAX] {
        let origin = SeqNumber(origin);
        for steps in [1, 2, 1000, 0x7fff_ffff] {
            let later = origin + steps;
            assert!(origin.lt(later) && origin.le(later) && later.gt(origin) && later.ge(origin));
            assert!(!later.le(origin) && !origin.ge(later));
            assert_eq!((origin.max(later), origin.min(later)), (later, origin));
            assert_eq!((later.max(origin), later.min(origin)), (later, origin));
            assert_eq!(later.distance_from(origin), steps);
            assert_eq!(origin.offset_from(later), -(steps as i32));
            assert_eq!(later - steps, origin);
        }
        assert!(origin.le(origin) && !origin.lt(origin));
    }
}

#[test]
fn a_range_is_half_open() {
    let start = SeqNumber(u32::MAX);
    assert!(start.is_within(start, 1));
    assert!((start + 1).is_within(start, 2));
    assert!(!(start + 2).is_within(start, 2));
    assert!(!(start - 1).is_within(start, 2));
    assert!(!start.is_within(start, 0));
}
