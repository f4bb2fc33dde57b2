//! What is written is read back as it was meant, and what is read is written back as it stood.

mod strategies;

use std::net::Ipv6Addr;

use fathom_wire::internet::icmpv4::{
    Icmpv4EchoFixed, Icmpv4ExceededFixed, Icmpv4Fixed, Icmpv4ParameterFixed, Icmpv4RedirectFixed,
    Icmpv4UnreachableFixed,
};
use fathom_wire::internet::icmpv6::{Icmpv6EchoFixed, Icmpv6Fixed, Icmpv6ParameterFixed, Icmpv6TooBigFixed};
use fathom_wire::internet::ipv4::Ipv4Fixed;
use fathom_wire::internet::ipv6::Ipv6Fixed;
use fathom_wire::internet::ndp::{self, *};
use fathom_wire::internet::{extension::*, icmpv4, icmpv6};
use fathom_wire::link::{arp::ArpFixed, ethernet::EthernetFixed, vlan::VlanFixed};
use fathom_wire::transport::options::{
    AccEcn0Option, AccEcn1Option, MssOption, OptionHead, SackBlockFixed, TimestampsOption, UserTimeoutOption,
    WindowScaleOption,
};
use fathom_wire::transport::tcp::TcpFixed;
use fathom_wire::*;
use proptest::collection::vec;
use proptest::prelude::*;
use strategies::*;

/// A buffer that shows what was not written.
fn buffer(len: usize) -> Vec<u8> {
    vec![0xa5; len]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn ethernet_headers(header in ethernet()) {
        let mut bytes = buffer(header.header_len());
        header.emit(&mut bytes);
        prop_assert_eq!(EthernetHeader::parse(&bytes), Ok(header));
    }

    #[test]
    fn arp_packets(packet in arp()) {
        let mut bytes = buffer(packet.header_len());
        packet.emit(&mut bytes);
        prop_assert_eq!(ArpPacket::parse(&bytes), Ok(packet));
    }

    #[test]
    fn ipv4_headers(header in ipv4()) {
        let mut bytes = buffer(header.header_len() + usize::from(header.payload_len));
        header.emit(&mut bytes);
        prop_assert_eq!(IpHeader::parse(&bytes), Ok(header.into()));
    }

    #[test]
    fn ipv6_headers(header in ipv6()) {
        let mut bytes = buffer(header.header_len() + usize::from(header.payload_len));
        header.emit(&mut bytes);
        prop_assert_eq!(IpHeader::parse(&bytes), Ok(header.into()));
    }

    #[test]
    fn fragment_headers(header in fragment()) {
        let mut bytes = buffer(header.header_len());
        header.emit(&mut bytes);
        prop_assert_eq!(Ipv6FragmentHeader::parse(&bytes), Ok(header));
    }

    #[test]
    fn routing_headers(next: u8, routing_type: u8, segments_left: u8, data in vec(any::<u8>(), 8..100)) {
        // The data of a Routing header ends at a multiple of 8 bytes of the header.
        let data = &data[..data.len() / 8 * 8 - 4];
        let header = Ipv6RoutingHeader { next_header: next.into(), routing_type, segments_left, data };
        let mut bytes = buffer(header.header_len());
        header.emit(&mut bytes);
        prop_assert_eq!(Ipv6RoutingHeader::parse(&bytes), Ok(header));
    }

    #[test]
    fn options_headers(next: u8, options in vec((2..=255u8, vec(any::<u8>(), 0..20)), 0..6)) {
        let bytes: Vec<u8> = options
            .iter()
            .flat_map(|(kind, data)| [*kind, data.len() as u8].into_iter().chain(data.iter().copied()))
            .collect();
        let header =
            Ipv6OptionsHeader { next_header: next.into(), options: Ipv6Options::new(&bytes).unwrap() };
        let mut written = buffer(header.header_len());
        header.emit(&mut written);
        let parsed = Ipv6OptionsHeader::parse(&written).unwrap();
        prop_assert_eq!(parsed.next_header, header.next_header);
        let read: Vec<_> = parsed
            .options
            .filter(|option| option.kind > 1)
            .map(|option| (option.kind, option.data.to_vec()))
            .collect();
        prop_assert_eq!(read, options);
    }

    #[test]
    fn icmpv4_messages(numbers in icmp_numbers(), body in vec(any::<u8>(), 0..100)) {
        let message = strategies::icmpv4(numbers, &body);
        let mut bytes = buffer(message.len());
        message.emit(&mut bytes);
        prop_assert_eq!(Icmpv4Message::parse(&bytes), Ok(message));
    }

    #[test]
    fn icmpv6_messages(numbers in icmp_numbers(), addresses: (Ipv6Addr, Ipv6Addr), body in ndp_options()) {
        let (source, destination) = addresses;
        let message = strategies::icmpv6(numbers, addresses, &body);
        let mut bytes = buffer(message.len());
        message.emit(source, destination, &mut bytes);
        prop_assert_eq!(Icmpv6Message::parse(source, destination, &bytes), Ok(message));
    }

    #[test]
    fn neighbor_discovery_options(bytes in ndp_options()) {
        let mut again = NdpOptionBuffer::new();
        for option in NdpOptions::new(&bytes).unwrap() {
            prop_assert!(again.push(option));
        }
        prop_assert_eq!(again.options().as_bytes(), &bytes);
    }

    #[test]
    fn udp_headers(header in udp()) {
        let mut bytes = buffer(header.length.into());
        header.emit(&mut bytes);
        prop_assert_eq!(UdpHeader::parse_datagram(&bytes), Ok(header));
    }

    #[test]
    fn tcp_headers(header in tcp()) {
        let mut bytes = buffer(header.header_len());
        header.emit(&mut bytes);
        prop_assert_eq!(TcpHeader::data_offset(&bytes), bytes.len());
        prop_assert_eq!(TcpHeader::parse(&bytes), Ok(header));
    }

    /// RFC 1624: changing a word of a header and updating its checksum is the same as computing it anew.
    #[test]
    fn updated_checksums(header in ipv4(), word in 0..8usize, to: u16) {
        let mut bytes = buffer(header.header_len());
        header.emit(&mut bytes);
        // The words of an option-less header but the first (which keeps it from being all zeros) and the
        // checksum.
        let at = [2, 4, 6, 8, 12, 14, 16, 18][word];
        let read = |bytes: &[u8], at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let updated = checksum::update(read(&bytes, 10), read(&bytes, at), to);
        bytes[at..at + 2].copy_from_slice(&to.to_be_bytes());
        bytes[10..12].fill(0);
        prop_assert_eq!(updated, !checksum::sum(&bytes));
    }

    /// What a peer may send, in whatever order and padding, has one meaning that survives our writing it.
    #[test]
    fn tcp_options_of_any_sender(options in vec(0..=40usize, 0..12), noise: [u8; 40]) {
        let bytes = any_options(&options, &noise);
        if let Ok(options) = TcpOptions::parse(&bytes) {
            prop_assert!(options.fits());
            let mut written = buffer(options.encoded_len());
            options.emit(&mut written);
            prop_assert!(written.len() <= 40 && written.len().is_multiple_of(4));
            prop_assert_eq!(TcpOptions::parse(&written), Ok(options));
        }
    }
}

/// Options of mostly known kinds with mostly possible lengths; `picks` choose among them.
fn any_options(picks: &[usize], noise: &[u8; 40]) -> Vec<u8> {
    const SHAPES: [(u8, u8); 17] = [
        (2, 4),
        (3, 3),
        (4, 2),
        (8, 10),
        (5, 10),
        (5, 18),
        (5, 34),
        (34, 2),
        (34, 10),
        (34, 18),
        (172, 11),
        (174, 5),
        (28, 4),
        (254, 6),
        (2, 3),
        (172, 4),
        (8, 8),
    ];
    let mut bytes = Vec::new();
    for pick in picks {
        match SHAPES.get(*pick) {
            Some((kind, len)) => {
                bytes.extend([*kind, *len]);
                bytes.extend(&noise[..usize::from(*len) - 2]);
            }
            None => bytes.push(1),
        }
    }
    bytes.truncate(40);
    bytes
}

/// Bytes to struct to bytes is the identity, and `FIELDS` reads what the struct holds.
macro_rules! fixed_headers {
    ($($name:ident: $header:ty;)*) => {
        proptest! {
            #![proptest_config(config())]
            $(
                #[test]
                fn $name(bytes in vec(any::<u8>(), <$header>::LEN)) {
                    let header = <$header>::parse(&bytes).unwrap();
                    let mut written = buffer(<$header>::LEN);
                    header.emit(&mut written);
                    prop_assert_eq!(&written, &bytes);
                    let shown = format!("{header:?}");
                    for field in <$header>::FIELDS {
                        let value = field.value(&bytes).unwrap();
                        let value = match value {
                            FieldValue::Flag(flag) => flag.to_string(),
                            value => value.to_string(),
                        };
                        let pair = format!(" {}: {value}", field.name);
                        prop_assert!(shown.contains(&pair), "{shown} lacks{pair}");
                        prop_assert_eq!(field.value(&bytes[..(field.end - 1) / 8]), None);
                    }
                }
            )*
        }

        #[test]
        fn every_field_is_described() {
            $(for field in <$header>::FIELDS {
                assert!(field.description.ends_with(['.', '…']), "{field:?}");
                assert!(field.reference.starts_with("RFC ") || field.reference.starts_with("IEEE "), "{field:?}");
                assert_eq!(<$header>::field(field.name), Some(field));
            })*
        }
    };
}

fixed_headers! {
    fixed_ethernet: EthernetFixed;
    fixed_vlan: VlanFixed;
    fixed_arp: ArpFixed;
    fixed_ipv4: Ipv4Fixed;
    fixed_ipv6: Ipv6Fixed;
    fixed_fragment: Ipv6FragmentFixed;
    fixed_routing: RoutingFixed;
    fixed_icmpv4: Icmpv4Fixed;
    fixed_icmpv4_echo: Icmpv4EchoFixed;
    fixed_icmpv4_unreachable: Icmpv4UnreachableFixed;
    fixed_icmpv4_exceeded: Icmpv4ExceededFixed;
    fixed_icmpv4_parameter: Icmpv4ParameterFixed;
    fixed_icmpv4_redirect: Icmpv4RedirectFixed;
    fixed_icmpv6: Icmpv6Fixed;
    fixed_icmpv6_echo: Icmpv6EchoFixed;
    fixed_icmpv6_too_big: Icmpv6TooBigFixed;
    fixed_icmpv6_parameter: Icmpv6ParameterFixed;
    fixed_router_advertisement: ndp::RouterAdvertisementFixed;
    fixed_neighbor_solicitation: NeighborSolicitationFixed;
    fixed_neighbor_advertisement: NeighborAdvertisementFixed;
    fixed_redirect: RedirectFixed;
    fixed_prefix_information: PrefixInformationFixed;
    fixed_link_layer: LinkLayerOption;
    fixed_mtu: MtuOption;
    fixed_ndp_option_head: NdpOptionHead;
    fixed_udp: UdpHeader;
    fixed_tcp: TcpFixed;
    fixed_option_head: OptionHead;
    fixed_mss: MssOption;
    fixed_window_scale: WindowScaleOption;
    fixed_timestamps: TimestampsOption;
    fixed_sack_block: SackBlockFixed;
    fixed_user_timeout: UserTimeoutOption;
    fixed_acc_ecn_0: AccEcn0Option;
    fixed_acc_ecn_1: AccEcn1Option;
}

#[test]
fn each_icmp_type_names_its_own_fields() {
    let names = |fields: &'static [Field]| fields.iter().map(|field| field.name).collect::<Vec<_>>();
    assert!(names(icmpv4::fields(icmpv4::kind::ECHO_REQUEST)).contains(&"sequence"));
    assert!(names(icmpv4::fields(icmpv4::kind::DESTINATION_UNREACHABLE)).contains(&"next_hop_mtu"));
    assert!(names(icmpv4::fields(icmpv4::kind::REDIRECT)).contains(&"gateway"));
    assert!(names(icmpv4::fields(200)).contains(&"rest"));
    assert!(names(icmpv6::fields(icmpv6::kind::PACKET_TOO_BIG)).contains(&"mtu"));
    assert!(names(icmpv6::fields(icmpv6::kind::NEIGHBOR_ADVERTISEMENT)).contains(&"solicited"));
    assert!(names(icmpv6::fields(200)).contains(&"rest"));
}
