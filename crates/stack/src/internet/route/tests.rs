use proptest::prelude::*;

use super::*;
use crate::random::{Random, Seed};

fn table() -> Routes {
    Routes::new(Random::new(&Seed::from_u64(1)).table_hasher())
}

fn route(destination: &str, gateway: Option<&str>, interface: u16, metric: u32) -> Route {
    Route {
        destination: destination.parse().unwrap(),
        gateway: gateway.map(|gateway| gateway.parse().unwrap()),
        interface: InterfaceId(interface),
        metric,
    }
}

/// RFC 1812 5.2.4.3
#[test]
fn the_longest_prefix_wins_then_the_lowest_metric() {
    let mut routes = table();
    routes.add(route("0.0.0.0/0", Some("10.0.0.1"), 0, 0));
    routes.add(route("10.0.0.0/8", None, 0, 10));
    routes.add(route("10.0.0.0/8", None, 1, 5));
    routes.add(route("10.1.0.0/16", Some("10.0.0.2"), 2, 100));
    routes.add(route("::/0", Some("fe80::1"), 3, 0));
    let table = [
        ("192.0.2.1", 0, Some("10.0.0.1")),
        ("10.2.3.4", 1, None),
        ("10.1.3.4", 2, Some("10.0.0.2")),
        ("2001:db8::1", 3, Some("fe80::1")),
    ];
    for (destination, interface, gateway) in table {
        let found = routes.lookup(destination.parse().unwrap(), |_| true).unwrap();
        // RFC1812-R4
        assert_eq!(found.interface, InterfaceId(interface), "{destination}");
        assert_eq!(found.gateway, gateway.map(|gateway| gateway.parse().unwrap()), "{destination}");
    }
}

#[test]
fn an_interface_that_is_down_yields_to_the_next_best_route() {
    let mut routes = table();
    routes.add(route("0.0.0.0/0", Some("10.0.0.1"), 0, 0));
    routes.add(route("10.0.0.0/8", None, 1, 0));
    let found = routes.lookup("10.1.1.1".parse().unwrap(), |interface| interface != InterfaceId(1));
    assert_eq!(found.unwrap().interface, InterfaceId(0));
}

#[test]
fn a_route_that_is_added_again_changes_its_metric() {
    let mut routes = table();
    routes.add(route("10.0.0.0/8", None, 0, 1));
    routes.add(route("10.0.0.0/8", None, 1, 2));
    routes.add(route("10.0.0.0/8", None, 0, 3));
    assert_eq!(routes.len(), 2);
    assert_eq!(routes.lookup("10.1.1.1".parse().unwrap(), |_| true).unwrap().interface, InterfaceId(1));
}

fn naive(routes: &[Route], destination: IpAddr) -> Option<(u8, u32)> {
    routes
        .iter()
        .filter(|route| route.destination.contains(destination))
        .map(|route| (route.destination.prefix_len(), route.metric))
        .max_by_key(|&(prefix_len, metric)| (prefix_len, core::cmp::Reverse(metric)))
}

/// Few distinct bits, so that prefixes nest and collide often.
fn arbitrary_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0u32..4, 0u32..16).prop_map(|(high, low)| IpAddr::V4((high << 30 | low).into())),
        (0u128..4, 0u128..16).prop_map(|(high, low)| IpAddr::V6((high << 126 | low << 60 | low).into())),
    ]
}

fn arbitrary_route() -> impl Strategy<Value = Route> {
    (arbitrary_address(), any::<u8>(), 0u16..3, 0u32..4).prop_map(|(address, length, interface, metric)| {
        let prefix_len = if address.is_ipv4() { length % 33 } else { length % 129 };
        let destination = IpCidr::new(address, prefix_len).unwrap();
        Route { destination, gateway: None, interface: InterfaceId(interface), metric }
    })
}

proptest! {
    #[test]
    fn lookup_agrees_with_a_naive_search(
        added in prop::collection::vec(arbitrary_route(), 0..40),
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        destinations in prop::collection::vec(arbitrary_address(), 1..20),
    ) {
        let mut routes = table();
        let mut model: Vec<Route> = Vec::new();
        let same = |a: &Route, b: &Route| {
            a.destination.network() == b.destination.network() && a.interface == b.interface
        };
        for route in added {
            routes.add(route);
            model.retain(|other| !same(other, &route));
            model.push(route);
        }
        for index in removed {
            if !model.is_empty() {
                let gone = model.swap_remove(index.index(model.len()));
                prop_assert!(routes.remove(&gone));
            }
        }
        prop_assert_eq!(routes.len(), model.len());
        for destination in destinations {
            let found = routes.lookup(destination, |_| true);
            let found = found.map(|route| (route.destination.prefix_len(), route.metric));
            prop_assert_eq!(found, naive(&model, destination), "{}", destination);
        }
    }
}
