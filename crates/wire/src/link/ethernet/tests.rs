use std::string::ToString;

use super::*;

#[test]
fn addresses_are_written_and_read_as_hexadecimal_pairs() {
    let address = EthernetAddress([0x02, 0, 0, 0xab, 0xcd, 0xef]);
    assert_eq!(address.to_string(), "02:00:00:ab:cd:ef");
    assert_eq!("02-00-00-AB-cd-ef".parse(), Ok(address));
    for wrong in ["", "02:00:00:ab:cd", "02:00:00:ab:cd:ef:00", "2:0:0:ab:cd:ef", "+2:00:00:ab:cd:ef"] {
        assert_eq!(wrong.parse::<EthernetAddress>(), Err(AddressError), "{wrong}");
    }
}

#[test]
fn groups_have_the_addresses_that_their_standards_give() {
    let group = EthernetAddress::multicast_v4([239, 129, 2, 3].into());
    assert_eq!(group.to_string(), "01:00:5e:01:02:03");
    let group = EthernetAddress::multicast_v6("ff02::1:ff28:9c5a".parse().unwrap());
    assert_eq!(group.to_string(), "33:33:ff:28:9c:5a");
    assert!(group.is_multicast() && !group.is_broadcast() && !group.is_unicast());
    assert!(EthernetAddress::BROADCAST.is_multicast());
    assert!(!EthernetAddress::UNSPECIFIED.is_unicast());
}

#[test]
fn a_tagged_header_is_four_bytes_longer_and_names_the_payload() {
    let header = EthernetHeader {
        destination: EthernetAddress::BROADCAST,
        source: EthernetAddress([2, 0, 0, 0, 0, 1]),
        vlan: Some(VlanTag { priority: 5, drop_eligible: true, id: 0xabc }),
        ether_type: EtherType::Ipv6,
    };
    let mut bytes = [0; 18];
    header.emit(&mut bytes);
    // IEEE802.1Q-R1
    assert_eq!(bytes[12..], [0x81, 0x00, 0xba, 0xbc, 0x86, 0xdd]);
    assert_eq!(EthernetHeader::parse(&bytes), Ok(header));
    assert_eq!(header.header_len(), 18);
    assert!(matches!(EthernetHeader::parse(&bytes[..17]), Err(ParseError::Truncated { .. })));
}
