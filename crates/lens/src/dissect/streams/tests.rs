use proptest::prelude::*;

use super::*;
use crate::tests::tcp;

const A: &str = "10.0.2.100:40112";
const B: &str = "93.184.215.14:443";

/// What is said of the application layer of a segment.
fn words(streams: &mut Streams, seq: u32, data: &[u8]) -> Vec<String> {
    let dissection = streams.dissect(&tcp(A, B, seq, data), LinkType::Raw);
    dissection.headers[2..].iter().map(ToString::to_string).collect()
}

/// A record of application data with a body of `len` bytes.
fn record(len: u16) -> Vec<u8> {
    let [high, low] = len.to_be_bytes();
    [vec![23, 3, 3, high, low], vec![0xff; usize::from(len)]].concat()
}

#[test]
fn a_record_goes_on_over_segments() {
    let mut streams = Streams::new();
    let bytes = [record(2_000), record(10)].concat();
    assert_eq!(words(&mut streams, 1, &bytes[..1_000]), ["tls application data 995 of 2000 B"]);
    assert_eq!(words(&mut streams, 1_001, &bytes[1_000..1_500]), ["tls application data goes on, 500 B"]);
    assert_eq!(
        words(&mut streams, 1_501, &bytes[1_500..]),
        ["tls application data goes on, 505 B", "tls application data 10 B"]
    );
}

#[test]
fn a_header_that_is_cut_is_put_together() {
    let bytes = [record(3), record(10)].concat();
    for cut in 9..13 {
        let mut streams = Streams::new();
        let first = words(&mut streams, 1, &bytes[..cut]);
        assert_eq!(first, ["tls application data 3 B", "tls the beginning of a record"]);
        let second = words(&mut streams, 1 + cut as u32, &bytes[cut..]);
        assert_eq!(second, ["tls application data 10 B"], "cut at {cut}");
    }
}

#[test]
fn a_gap_inside_of_a_record_is_stepped_over() {
    let mut streams = Streams::new();
    let bytes = [record(3_000), record(10)].concat();
    words(&mut streams, 1, &bytes[..1_000]);
    assert_eq!(words(&mut streams, 2_001, &bytes[2_000..3_000]), ["tls application data goes on, 1000 B"]);
    assert_eq!(words(&mut streams, 1_001, &bytes[1_000..2_000]), ["data 1000 B"], "late, and by itself");
    assert_eq!(
        words(&mut streams, 3_001, &bytes[3_000..]),
        ["tls application data goes on, 5 B", "tls application data 10 B"]
    );
}

#[test]
fn what_is_behind_a_gap_with_a_border_is_taken_by_itself_until_the_gap_is_filled() {
    let mut streams = Streams::new();
    let bytes = [record(1_000), record(3_000)].concat();
    words(&mut streams, 1, &bytes[..900]);
    assert_eq!(words(&mut streams, 1_501, &bytes[1_500..2_000]), ["data 500 B"]);
    assert_eq!(
        words(&mut streams, 901, &bytes[900..1_500]),
        ["tls application data goes on, 105 B", "tls application data 490 of 3000 B"]
    );
    assert_eq!(words(&mut streams, 2_001, &bytes[2_000..2_100]), ["tls application data goes on, 100 B"]);
}

#[test]
fn memory_is_bounded() {
    let mut streams = Streams::new();
    for port in 0..Streams::MEMORY as u16 + 10 {
        let from = format!("10.0.2.100:{port}");
        streams.dissect(&tcp(&from, B, 1, b"x"), LinkType::Raw);
    }
    assert_eq!((streams.known.len(), streams.order.len()), (Streams::MEMORY, Streams::MEMORY));
}

proptest! {
    #[test]
    fn every_way_of_cutting_shows_every_record_once(
        lens in proptest::collection::vec(1..300_u16, 1..6),
        // A stream that does not begin with a whole header is not recognized.
        cuts in proptest::collection::btree_set(5..1_500_usize, 0..12),
    ) {
        let bytes: Vec<u8> = lens.iter().flat_map(|len| record(*len)).collect();
        let mut streams = Streams::new();
        let mut at = 0;
        let mut begun = 0;
        for cut in cuts.into_iter().chain([bytes.len()]).filter(|cut| *cut <= bytes.len()) {
            let said = words(&mut streams, 1 + at as u32, &bytes[at..cut]);
            prop_assert!(said.iter().all(|said| said.starts_with("tls ")), "{:?}", said);
            let begins = |said: &&String| !said.contains("goes on") && !said.contains("beginning");
            begun += said.iter().filter(begins).count();
            at = cut;
        }
        prop_assert_eq!(begun, lens.len());
    }
}
