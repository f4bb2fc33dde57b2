//! IGMP, and Multicast Listener Discovery.

use fathom_wire::internet::groups::RecordKind;
use fathom_wire::internet::igmp::{IgmpRecord, IgmpRecords};
use fathom_wire::internet::mld::{MldRecord, MldRecords};

use super::*;

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 1, 3);

pub(super) fn igmp() -> Vec<Sample> {
    let record = emit(IgmpRecord::len_with(1), |out| {
        IgmpRecord::emit(RecordKind::ChangeToExclude, GROUP, [V4.1].into_iter(), out);
    });
    let records = IgmpRecords::parse(1, &record).expect("a whole record");
    [
        (
            "IGMPv3 report",
            IgmpMessage::ReportV3 { records },
            vec![
                ("igmp.type", "0x22"),
                ("igmp.record_type", "4"),
                ("igmp.maddr", "239.1.2.3"),
                ("igmp.saddr", "198.51.100.2"),
            ],
        ),
        (
            "IGMPv2 report",
            IgmpMessage::ReportV2 { group: GROUP },
            vec![("igmp.type", "0x16"), ("igmp.maddr", "239.1.2.3")],
        ),
        (
            "IGMPv2 leave",
            IgmpMessage::Leave { group: GROUP },
            vec![("igmp.type", "0x17"), ("igmp.maddr", "239.1.2.3")],
        ),
    ]
    .into_iter()
    .map(|(name, message, fields)| {
        let bytes = emit(message.len(), |out| message.emit(out));
        let mut header = v4_header(IpProtocol::Igmp, &bytes);
        header.hop_limit = 1;
        header.options = Ipv4Options::parse(&[148, 4, 0, 0]).expect("Router Alert");
        header.destination = GROUP;
        let frame = ethernet(EtherType::Ipv4, None, &v4_packet(&header, &bytes));
        sample(name, "eth:ethertype:ip:igmp", &[], &fields, frame)
    })
    .collect()
}

pub(super) fn mld() -> Vec<Sample> {
    let record = emit(MldRecord::len_with(1), |out| {
        MldRecord::emit(RecordKind::AllowNewSources, GROUP6, [V6.1].into_iter(), out);
    });
    let records = MldRecords::parse(1, &record).expect("a whole record");
    [
        (
            "MLDv2 report",
            MldMessage::ReportV2 { records },
            vec![
                ("icmpv6.type", "143"),
                ("icmpv6.mldr.mar.record_type", "5"),
                ("icmpv6.mldr.mar.multicast_address", "ff05::1:3"),
                ("icmpv6.mldr.mar.source_address", "2001:db8::2"),
            ],
        ),
        (
            "MLDv1 report",
            MldMessage::Report { group: GROUP6 },
            vec![("icmpv6.type", "131"), ("icmpv6.mld.multicast_address", "ff05::1:3")],
        ),
        (
            "MLDv1 done",
            MldMessage::Done { group: GROUP6 },
            vec![("icmpv6.type", "132"), ("icmpv6.mld.multicast_address", "ff05::1:3")],
        ),
    ]
    .into_iter()
    .map(|(name, message, fields)| {
        let message = Icmpv6Message::Mld(message);
        let bytes = emit(message.len(), |out| message.emit(LINK_LOCAL, GROUP6, out));
        let payload = [&[58, 0, 5, 2, 0, 0, 1, 0], &bytes[..]].concat();
        let packet = v6_packet(LINK_LOCAL, GROUP6, IpProtocol::HopByHop, &payload);
        let protocols = "eth:ethertype:ipv6:ipv6.hopopts:icmpv6";
        sample(name, protocols, &["icmpv6"], &fields, ethernet(EtherType::Ipv6, None, &packet))
    })
    .collect()
}
