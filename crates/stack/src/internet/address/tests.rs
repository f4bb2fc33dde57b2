use super::*;
use crate::random::{Random, Seed};

const ETH0: InterfaceId = InterfaceId(1);
const ETH1: InterfaceId = InterfaceId(2);

fn addresses() -> Addresses {
    let mut addresses = Addresses::new(Random::new(&Seed::from_u64(1)).table_hasher(), false);
    addresses.add_interface(ETH0, false);
    addresses.add_interface(ETH1, true);
    addresses
}

fn add(addresses: &mut Addresses, on: InterfaceId, cidr: &str) -> Result<Key, AddressError> {
    addresses.add(on, cidr.parse().unwrap(), AddressState::Preferred, 3)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_host_knows_what_is_addressed_to_it() {
    let mut addresses = addresses();
    for cidr in ["192.0.2.1/24", "2001:db8::1/64", "fe80::1/64"] {
        add(&mut addresses, ETH0, cidr).unwrap();
    }
    let table = [
        ("192.0.2.1", Destination::Ours, Destination::Ours),
        ("2001:db8::1", Destination::Ours, Destination::Ours),
        ("fe80::1", Destination::Ours, Destination::Elsewhere),
        ("192.0.2.255", Destination::Broadcast, Destination::Elsewhere),
        ("255.255.255.255", Destination::Broadcast, Destination::Broadcast),
        ("224.0.0.1", Destination::Group, Destination::Group),
        ("ff02::1", Destination::Group, Destination::Group),
        ("ff02::2", Destination::Elsewhere, Destination::Group),
        ("ff02::1:ff00:1", Destination::Group, Destination::Elsewhere),
        ("192.0.2.2", Destination::Elsewhere, Destination::Elsewhere),
    ];
    for (address, on_eth0, on_eth1) in table {
        // RFC4291-R1, RFC1122-R33, RFC4861-R17
        assert_eq!(addresses.classify(ETH0, ip(address)), on_eth0, "{address} on eth0");
        assert_eq!(addresses.classify(ETH1, ip(address)), on_eth1, "{address} on eth1");
    }
}

#[test]
fn groups_and_broadcasts_stay_while_any_address_needs_them() {
    let mut addresses = addresses();
    for cidr in ["192.0.2.1/24", "192.0.2.2/24"] {
        add(&mut addresses, ETH0, cidr).unwrap();
    }
    addresses.remove(ETH0, ip("192.0.2.1"));
    assert_eq!(addresses.classify(ETH0, ip("192.0.2.1")), Destination::Elsewhere);
    assert_eq!(addresses.classify(ETH0, ip("192.0.2.255")), Destination::Broadcast);
    addresses.remove(ETH0, ip("192.0.2.2"));
    assert_eq!(addresses.classify(ETH0, ip("192.0.2.255")), Destination::Elsewhere);
}

#[test]
fn only_what_can_be_an_address_of_one_host_is_taken_and_only_once() {
    let mut addresses = addresses();
    let table = [
        ("192.0.2.0/24", Ok(())),
        ("192.0.2.255/24", Err(AddressError::NotUnicast)),
        ("192.0.2.255/31", Ok(())),
        ("224.0.0.5/24", Err(AddressError::NotUnicast)),
        ("0.0.0.0/0", Err(AddressError::NotUnicast)),
        ("127.0.0.1/8", Err(AddressError::NotUnicast)),
        ("::/64", Err(AddressError::NotUnicast)),
        ("fe80::1/64", Ok(())),
        ("fe80::1/64", Err(AddressError::InUse)),
        ("192.0.2.9/24", Err(AddressError::TooMany)),
    ];
    for (cidr, expected) in table {
        assert_eq!(add(&mut addresses, ETH0, cidr).map(|_| ()), expected, "{cidr}");
    }
    assert_eq!(add(&mut addresses, ETH1, "192.0.2.255/31"), Err(AddressError::InUse), "on another interface");
    assert!(add(&mut addresses, ETH1, "fe80::1/64").is_ok(), "a link-local address is its link's");
    assert_eq!(add(&mut addresses, InterfaceId(9), "192.0.2.9/24"), Err(AddressError::NoSuchInterface));
}

#[test]
fn a_tentative_address_is_not_ours_yet() {
    let mut addresses = addresses();
    let tentative = AddressState::Tentative { transmits_left: 1 };
    let key = addresses.add(ETH0, "2001:db8::1/64".parse().unwrap(), tentative, 9).unwrap();
    // RFC4862-R3
    assert!(!addresses.is_ours(ETH0, ip("2001:db8::1")));
    assert_eq!((addresses.owner(ip("2001:db8::1")), addresses.usable(ETH0).count()), (None, 0));
    addresses.get_mut(key).unwrap().state = AddressState::Preferred;
    assert_eq!(addresses.owner(ip("2001:db8::1")), Some(ETH0));
}
