//! Time, and that it is the same each time.

use fathom_apps::Family;
use fathom_apps::http::client::Version;
use fathom_impair::Conditions;
use fathom_record::{Direction, Kind, Outcome, Record};

use super::*;

/// Name, start and length in milliseconds of the phases of a fetch, in the order of their starts.
fn phases(records: &[Record]) -> Vec<(&'static str, f64, f64)> {
    let mut phases = Vec::new();
    for record in records {
        match &record.kind {
            Kind::SpanStart(start) => phases.push((record.id, start.name, record.at, f64::NAN)),
            Kind::SpanEnd(end) if end.outcome == Outcome::Done => {
                let phase = phases.iter_mut().find(|phase| phase.0 == end.span).unwrap();
                phase.3 = (record.at - phase.2).as_secs_f64() * 1e3;
            }
            _ => {}
        }
    }
    let start = phases[0].2;
    let millis =
        |phase: (_, _, fathom_net::Instant, _)| (phase.1, (phase.2 - start).as_secs_f64() * 1e3, phase.3);
    phases.into_iter().map(millis).collect()
}

/// Fetches the page with a lab of its own; gives the phases and the version.
fn page(
    config: LabConfig,
    change: impl FnOnce(&mut Options),
) -> (Vec<(&'static str, f64, f64)>, http::Version) {
    let mut lab = Lab::new(config).unwrap();
    lab.client().record(1 << 16);
    let mut options = options(&lab);
    change(&mut options);
    let (response, _) = get(&mut lab, "https://example.com/", options).unwrap();
    (phases(&lab.client().drain_records()), response.version)
}

/// Checks the four phases of one round trip each.
fn check(phases: &[(&'static str, f64, f64)], round_trip: f64) {
    let names: Vec<_> = phases.iter().map(|phase| phase.0).collect();
    assert_eq!(names, ["fetch", "resolve", "connect", "handshake", "request", "response"]);
    let total = phases[0].2;
    assert!((4.0 * round_trip..=4.0 * round_trip + 2.0).contains(&total), "{phases:?}");
    for (phase, number) in phases[1..5].iter().zip(0..) {
        assert!((phase.1 - f64::from(number) * round_trip).abs() < 1.0, "{phase:?} of {phases:?}");
        assert!((phase.2 - round_trip).abs() < 1.0, "{phase:?} of {phases:?}");
    }
}

#[test]
fn a_page_takes_four_round_trips_over_http_2() {
    let (phases, version) = page(LabConfig::default(), |_| {});
    assert_eq!(version, http::Version::HTTP_2);
    check(&phases, 20.0);
}

#[test]
fn a_page_takes_four_round_trips_over_ipv4_and_http_1() {
    let (phases, version) = page(LabConfig::default(), |options| {
        options.family = Family::V4;
        options.version = Version::Http11;
    });
    assert_eq!(version, http::Version::HTTP_11);
    check(&phases, 20.0);
}

#[test]
fn a_client_with_one_family_manages_with_it() {
    for families in [Families::V4, Families::V6] {
        let (phases, _) = page(LabConfig { families, ..LabConfig::default() }, |_| {});
        let names: Vec<_> = phases.iter().map(|phase| phase.0).filter(|name| *name != "connect").collect();
        assert_eq!(names, ["fetch", "resolve", "handshake", "request", "response"], "{families:?}");
    }
}

#[test]
fn the_access_link_adds_its_delay_to_every_round_trip() {
    let slow = Conditions::default().delay(Duration::from_millis(40));
    let config = LabConfig { up: slow.clone(), down: slow, ..LabConfig::default() };
    let (phases, _) = page(config, |_| {});
    check(&phases, 100.0);
}

/// Time, direction and bytes of every frame of the client, while it fetches `url` over a bad link.
fn frames(seed: u64, url: &str) -> Vec<(fathom_net::Instant, Direction, Vec<u8>)> {
    let bad = Conditions::default().loss("5%".parse().unwrap()).jitter(Duration::from_millis(3));
    let config = LabConfig { seed, up: bad.clone(), down: bad, ..LabConfig::default() };
    let mut lab = Lab::new(config).unwrap();
    lab.client().record(1 << 16);
    let options = options(&lab);
    get(&mut lab, url, options).unwrap();
    let frame = |record: Record| match record.kind {
        Kind::Frame(frame) => Some((record.at, frame.direction, frame.bytes.to_vec())),
        _ => None,
    };
    lab.client().drain_records().into_iter().filter_map(frame).collect()
}

#[test]
fn the_same_seed_gives_the_same_frames_in_time_order_and_length() {
    let shapes = |seed| -> Vec<_> {
        let frames = frames(seed, "https://example.com/bytes/200000");
        frames.into_iter().map(|(at, direction, bytes)| (at, direction, bytes.len())).collect()
    };
    let (one, same, other) = (shapes(3), shapes(3), shapes(4));
    assert!(one.len() > 150, "{}", one.len());
    assert!(one == same);
    assert!(one != other);
}

#[test]
fn without_tls_the_same_seed_gives_the_same_bytes() {
    let url = "http://example.com/bytes/200000";
    let (one, same) = (frames(3, url), frames(3, url));
    assert!(one.len() > 150, "{}", one.len());
    let differs = one.iter().zip(&same).position(|(one, same)| one != same);
    assert_eq!((differs, one.len()), (None, same.len()));
}
