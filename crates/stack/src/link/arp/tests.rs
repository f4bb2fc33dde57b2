use super::*;

const OURS: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
const THEIRS: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);
const US: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const THEM: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 3);

fn packet(operation: ArpOperation, sender: Ipv4Addr, target: Ipv4Addr) -> ArpPacket {
    ArpPacket {
        operation,
        sender_hardware: THEIRS,
        sender_protocol: sender,
        target_hardware: EthernetAddress::UNSPECIFIED,
        target_protocol: target,
    }
}

#[test]
fn packets_are_answered_and_learned_from_as_rfc_826_and_5227_say() {
    use ArpOperation::{Reply, Request, Unknown};
    let gratuitous = Some(Evidence::Told { solicited: false, override_: true, router: None });
    let answer = Some(Evidence::Told { solicited: true, override_: true, router: None });
    let none = Ipv4Addr::UNSPECIFIED;
    // operation, sender, target; what is learned, is it answered, is it a conflict
    let table = [
        (Request, THEM, US, Some(Evidence::Asked), true, false),
        (Request, THEM, OTHER, gratuitous, false, false),
        (Request, THEM, THEM, gratuitous, false, false),
        (Request, none, US, None, true, false),
        (Request, none, OTHER, None, false, false),
        (Request, US, OTHER, None, false, true),
        (Request, US, US, None, false, true),
        (Reply, THEM, US, answer, false, false),
        (Reply, THEM, OTHER, gratuitous, false, false),
        (Reply, US, US, None, false, true),
        (Unknown(8), THEM, US, gratuitous, false, false),
    ];
    for (operation, sender, target, learn, answered, conflict) in table {
        let packet = packet(operation, sender, target);
        let reaction = handle(&packet, OURS, |address| address == US);
        assert_eq!(reaction.learn, learn, "{packet:?}");
        // RFC826-R4, RFC826-R5
        assert_eq!(reaction.reply.is_some(), answered, "{packet:?}");
        assert_eq!(reaction.conflict, conflict, "{packet:?}");
    }
}

#[test]
fn a_sender_that_is_no_single_station_teaches_nothing() {
    for hardware in [EthernetAddress::BROADCAST, EthernetAddress::UNSPECIFIED] {
        let packet = ArpPacket { sender_hardware: hardware, ..packet(ArpOperation::Request, THEM, US) };
        assert_eq!(handle(&packet, OURS, |address| address == US).learn, None);
    }
}
