//! What routers are told of our groups: by program, frame by frame.

use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use fathom_record::DropReason;
use fathom_wire::internet::groups::RecordKind::{self, *};
use fathom_wire::internet::{igmp, mld};
use fathom_wire::{
    Checksum, EthernetAddress, EthernetHeader, Icmpv6Message, IgmpMessage, Instant, IpHeader, IpProtocol,
    Ipv4Options, MldMessage,
};

use crate::tests::host::Host;
use crate::tests::packets::{OURS, frame_to, packet, v4_header, v6_header};
use crate::{Config, GroupError, Interface, Seed, Stack, UdpBind, UdpId};

const ALERT: [u8; 4] = [148, 4, 0, 0];
const V4: &str = "239.1.2.3";
const V6: &str = "ff05::1:3";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// What a report says: of the group, with how many sources, in which form.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Told {
    Record(RecordKind, IpAddr, Vec<IpAddr>),
    /// In an old version: in the group, or not.
    Old(bool, IpAddr),
}

/// Reads a report, and checks what all of them must have (RFC 3376 4, RFC 3810 5).
fn read(frame: &[u8]) -> Vec<Told> {
    let packet = &frame[EthernetHeader::LEN..];
    let header = IpHeader::parse(packet).unwrap();
    assert_eq!(header.hop_limit(), 1);
    match header {
        IpHeader::V4(header) => {
            assert_eq!(frame[..6], EthernetAddress::multicast_v4(header.destination).0);
            assert_eq!((header.protocol, header.dscp), (IpProtocol::Igmp, 48));
            assert!(header.options.iter().any(|option| option.kind == 148), "Router Alert");
            let v3 = header.destination == igmp::ALL_REPORTS;
            match IgmpMessage::parse(&packet[header.header_len()..]).unwrap() {
                IgmpMessage::ReportV3 { records } if v3 => records
                    .iter()
                    .map(|record| {
                        let sources = record.sources.iter().map(IpAddr::V4).collect();
                        Told::Record(record.kind, record.group.into(), sources)
                    })
                    .collect(),
                IgmpMessage::ReportV1 { group } | IgmpMessage::ReportV2 { group }
                    if group == header.destination =>
                {
                    vec![Told::Old(true, group.into())]
                }
                IgmpMessage::Leave { group } if header.destination == igmp::ALL_ROUTERS => {
                    vec![Told::Old(false, group.into())]
                }
                other => panic!("{other:?} to {}", header.destination),
            }
        }
        IpHeader::V6(header) => {
            assert_eq!(frame[..6], EthernetAddress::multicast_v6(header.destination).0);
            assert_eq!(packet[40..48], [58, 0, 5, 2, 0, 0, 1, 0], "Router Alert for MLD");
            let none_yet = header.source.is_unspecified();
            assert!(header.source.is_unicast_link_local() || none_yet);
            let message = Icmpv6Message::parse(header.source, header.destination, &packet[48..]).unwrap();
            match message {
                Icmpv6Message::Mld(MldMessage::ReportV2 { records })
                    if header.destination == mld::ALL_REPORTS =>
                {
                    records
                        .iter()
                        .map(|record| {
                            let sources = record.sources.iter().map(IpAddr::V6).collect();
                            Told::Record(record.kind, record.group.into(), sources)
                        })
                        .collect()
                }
                Icmpv6Message::Mld(MldMessage::Report { group }) if group == header.destination => {
                    vec![Told::Old(true, group.into())]
                }
                Icmpv6Message::Mld(MldMessage::Done { group }) if header.destination == mld::ALL_ROUTERS => {
                    vec![Told::Old(false, group.into())]
                }
                other => panic!("{other:?} to {}", header.destination),
            }
        }
    }
}

/// What the host tells while time passes, with when, in milliseconds from the start of the call.
fn told(host: &mut Host, time: Duration) -> Vec<(u64, Vec<Told>)> {
    let start = host.now.as_millis();
    let mut all: Vec<(u64, Vec<Told>)> = host.sent().iter().map(|frame| (0, read(frame))).collect();
    all.extend(host.pass(time).iter().map(|(at, frame)| (at - start, read(frame))));
    all
}

/// The same without the times.
fn tells(host: &mut Host, seconds: u64) -> Vec<Told> {
    told(host, Duration::from_secs(seconds)).into_iter().flat_map(|(_, told)| told).collect()
}

fn record(kind: RecordKind, group: &str, sources: &[&str]) -> Told {
    Told::Record(kind, ip(group), sources.iter().map(|source| ip(source)).collect())
}

fn socket(host: &mut Host, group: &str) -> UdpId {
    let any = if group.contains(':') { "[::]:7" } else { "0.0.0.0:7" };
    let bind = UdpBind { reuse_address: true, ..UdpBind::at(any.parse().unwrap()) };
    host.stack.udp_bind_with(host.now, bind).unwrap()
}

fn joined(host: &mut Host, group: &str) -> UdpId {
    let id = socket(host, group);
    host.stack.udp(host.now, id).unwrap().join_multicast(ip(group), None).unwrap();
    id
}

fn leave(host: &mut Host, id: UdpId, group: &str) {
    host.stack.udp(host.now, id).unwrap().leave_multicast(ip(group), None).unwrap();
}

/// An IGMP message from a router.
fn igmp_from(destination: &str, hop_limit: u8, alert: bool, message: &IgmpMessage<'_>) -> Vec<u8> {
    let mut bytes = vec![0; message.len()];
    message.emit(&mut bytes);
    let mut header = v4_header("192.0.2.2", destination, IpProtocol::Igmp, bytes.len());
    header.hop_limit = hop_limit;
    if alert {
        header.options = Ipv4Options::parse(&ALERT).unwrap();
    }
    packet(header, &bytes)
}

/// An MLD message from a router.
fn mld_from(source: &str, hop_limit: u8, alert: bool, message: MldMessage<'_>) -> Vec<u8> {
    let destination = "ff02::1";
    let message = Icmpv6Message::Mld(message);
    let mut bytes = vec![0; message.len()];
    message.emit(source.parse().unwrap(), destination.parse().unwrap(), &mut bytes);
    let options = if alert { [58, 0, 5, 2, 0, 0, 1, 0] } else { [58, 0, 1, 4, 0, 0, 0, 0] };
    let payload = [&options[..], &bytes].concat();
    let mut header = v6_header(source, destination, IpProtocol::HopByHop, payload.len());
    header.hop_limit = hop_limit;
    packet(header, &payload)
}

fn arrives(host: &mut Host, packet: &[u8]) {
    let hardware = match IpHeader::parse(packet).unwrap().destination() {
        IpAddr::V4(group) => EthernetAddress::multicast_v4(group),
        IpAddr::V6(group) => EthernetAddress::multicast_v6(group),
    };
    let sent = host.receive(frame_to(hardware, packet));
    assert_eq!(sent, Vec::<bytes::Bytes>::new(), "no query is answered at once");
}

/// A general query of the current version, to be answered within 10 s.
fn general_query(v6: bool) -> Vec<u8> {
    if v6 {
        return mld_from(
            "fe80::2",
            1,
            true,
            MldMessage::QueryV2 {
                max_response: 10_000,
                group: Ipv6Addr::UNSPECIFIED,
                suppress: false,
                robustness: 2,
                interval: 125,
                sources: Default::default(),
            },
        );
    }
    igmp_from("224.0.0.1", 1, true, &v3_query(Ipv4Addr::UNSPECIFIED, 2, Default::default()))
}

fn v3_query<'a>(group: Ipv4Addr, robustness: u8, sources: igmp::Ipv4List<'a>) -> IgmpMessage<'a> {
    IgmpMessage::QueryV3 { max_response: 100, group, suppress: false, robustness, interval: 125, sources }
}

/// At once, and once more within a second.
#[test]
fn joining_and_leaving_are_told_twice() {
    for group in [V4, V6] {
        let mut host = Host::new();
        let id = joined(&mut host, group);
        for change in [ChangeToExclude, ChangeToInclude] {
            let all = told(&mut host, Duration::from_secs(5));
            // RFC3376-R7, RFC3810-R4, RFC8504-R2
            assert_eq!(all.len(), 2, "{all:?}");
            // RFC3376-R1, RFC3376-R5, RFC3810-R1, RFC3810-R3: `read` sees to limit, alert and destination
            assert_eq!(all[0], (0, vec![record(change, group, &[])]));
            assert_eq!(all[1].1, all[0].1);
            // RFC3376-R7, RFC3810-R4
            assert!((1..=1000).contains(&all[1].0), "{}", all[1].0);
            if change == ChangeToExclude {
                leave(&mut host, id, group);
            }
        }
        assert_eq!((host.stack.memory_in_use(), host.stack.poll_timeout()), (0, None));
    }
}

#[test]
fn only_the_first_and_the_last_member_change_anything() {
    let mut host = Host::new();
    let (one, two) = (joined(&mut host, V4), joined(&mut host, V4));
    assert_eq!(tells(&mut host, 5).len(), 2);
    leave(&mut host, one, V4);
    assert_eq!(tells(&mut host, 5), []);
    host.stack.udp(host.now, two).unwrap().close();
    assert_eq!(tells(&mut host, 5), [record(ChangeToInclude, V4, &[]), record(ChangeToInclude, V4, &[])]);
}

/// The interface hears whom any member hears.
#[test]
fn sources_are_told_as_their_union() {
    let (a, b, c) = ("192.0.2.66", "192.0.2.67", "192.0.2.68");
    let mut host = Host::new();
    let ids = [V4; 3].map(|group| socket(&mut host, group));
    let join = |host: &mut Host, id, source| {
        host.stack.udp(host.now, id).unwrap().join_source(ip(V4), ip(source), None).unwrap();
    };
    join(&mut host, ids[0], a);
    assert_eq!(tells(&mut host, 5), [record(AllowNewSources, V4, &[a]), record(AllowNewSources, V4, &[a])]);
    join(&mut host, ids[1], a);
    assert_eq!(tells(&mut host, 5), []);
    join(&mut host, ids[1], b);
    assert_eq!(tells(&mut host, 5)[0], record(AllowNewSources, V4, &[b]));

    // Who excludes decides, but for those whom others include.
    let mut udp = host.stack.udp(host.now, ids[2]).unwrap();
    udp.join_multicast(ip(V4), None).unwrap();
    for source in [b, c] {
        udp.block_source(ip(V4), ip(source), None).unwrap();
    }
    let all = tells(&mut host, 5);
    // RFC3376-R11, RFC3810-R10
    assert_eq!(all.last(), Some(&record(BlockOldSources, V4, &[c])), "{all:?}");
    leave(&mut host, ids[2], V4);
    assert_eq!(tells(&mut host, 5)[0], record(ChangeToInclude, V4, &[a, b]));
    host.stack.udp(host.now, ids[1]).unwrap().leave_source(ip(V4), ip(b), None).unwrap();
    assert_eq!(tells(&mut host, 5)[0], record(BlockOldSources, V4, &[b]));
}

/// The report that repeats the first change tells how things are after the second.
#[test]
fn a_change_while_another_is_repeated_goes_with_it() {
    let mut host = Host::new();
    let id = joined(&mut host, V4);
    assert_eq!(told(&mut host, Duration::ZERO)[0].1, [record(ChangeToExclude, V4, &[])]);
    host.stack.udp(host.now, id).unwrap().block_source(ip(V4), ip("192.0.2.66"), None).unwrap();
    let all = tells(&mut host, 5);
    let first = record(ChangeToExclude, V4, &["192.0.2.66"]);
    // RFC3376-R8
    assert_eq!(all, [first, record(BlockOldSources, V4, &["192.0.2.66"])]);
    leave(&mut host, id, V4);
    let id = joined(&mut host, V4);
    let kinds: Vec<Told> = tells(&mut host, 5);
    let (left, back) = (record(ChangeToInclude, V4, &[]), record(ChangeToExclude, V4, &[]));
    assert_eq!(kinds, [left, back.clone(), back], "the leave is not repeated");
    host.stack.udp(host.now, id).unwrap().close();
}

/// After a random time within that which the router gives, all groups in one report.
#[test]
fn a_general_query_is_answered_with_all_groups_after_a_random_time() {
    for (v6, groups) in [(false, [V4, "239.1.2.4"]), (true, [V6, "ff05::2"])] {
        let mut delays = Vec::new();
        for seed_step in 0..8u64 {
            let mut host = Host::new();
            for group in groups {
                joined(&mut host, group);
            }
            tells(&mut host, 5 + seed_step);
            for _ in 0..seed_step {
                arrives(&mut host, &general_query(v6));
                told(&mut host, Duration::from_secs(11));
            }
            arrives(&mut host, &general_query(v6));
            // A second query before the answer changes nothing, or brings it forward.
            arrives(&mut host, &general_query(v6));
            let all = told(&mut host, Duration::from_secs(30));
            assert_eq!(all.len(), 1, "{all:?}");
            assert_eq!(all[0].1, groups.map(|group| record(ModeIsExclude, group, &[])));
            // RFC3376-R9, RFC3810-R6
            assert!(all[0].0 <= 10_000);
            delays.push(all[0].0);
        }
        delays.sort_unstable();
        delays.dedup();
        // RFC3376-R9, RFC3810-R6
        assert!(delays.len() > 5, "{delays:?}");
    }
}

/// Questions about one group are answered together.
#[test]
fn a_query_about_a_group_is_answered_for_that_and_for_the_sources_it_names() {
    let group: Ipv4Addr = V4.parse().unwrap();
    let mut host = Host::new();
    let id = joined(&mut host, V4);
    joined(&mut host, "239.9.9.9");
    host.stack.udp(host.now, id).unwrap().block_source(ip(V4), ip("192.0.2.66"), None).unwrap();
    tells(&mut host, 5);
    let bytes = |sources: &[&str]| -> Vec<u8> {
        sources.iter().flat_map(|source| source.parse::<Ipv4Addr>().unwrap().octets()).collect()
    };
    // The sources asked about, in one query or two; what is answered.
    let table: &[(&[&[&str]], Vec<Told>)] = &[
        (&[&[]], vec![record(ModeIsExclude, V4, &["192.0.2.66"])]),
        (&[&["192.0.2.66"]], vec![]),
        (&[&["192.0.2.66", "192.0.2.67"]], vec![record(ModeIsInclude, V4, &["192.0.2.67"])]),
        (
            &[&["192.0.2.67"], &["192.0.2.68", "192.0.2.67"]],
            vec![record(ModeIsInclude, V4, &["192.0.2.67", "192.0.2.68"])],
        ),
        (&[&["192.0.2.67"], &[]], vec![record(ModeIsExclude, V4, &["192.0.2.66"])]),
        (&[&[], &["192.0.2.67"]], vec![record(ModeIsExclude, V4, &["192.0.2.66"])]),
    ];
    for (queries, expected) in table {
        for sources in *queries {
            let sources = bytes(sources);
            // A query with the sources, built by hand where the list has no public way to be made.
            let mut query = vec![0x11, 100, 0, 0];
            query.extend(group.octets());
            query.extend([2, 125]);
            query.extend((sources.len() as u16 / 4).to_be_bytes());
            query.extend(&sources);
            let mut sum = Checksum::new();
            sum.add(&query);
            query[2..4].copy_from_slice(&sum.finish().to_be_bytes());
            let mut header = v4_header("192.0.2.2", V4, IpProtocol::Igmp, query.len());
            (header.hop_limit, header.options) = (1, Ipv4Options::parse(&ALERT).unwrap());
            arrives(&mut host, &packet(header, &query));
        }
        // RFC3376-R10
        assert_eq!(&tells(&mut host, 20), expected, "{queries:?}");
    }
    let of_another =
        igmp_from("224.0.0.1", 1, true, &v3_query("239.8.8.8".parse().unwrap(), 2, Default::default()));
    arrives(&mut host, &of_another);
    assert_eq!(tells(&mut host, 20), [], "we are not in that group");
}

/// What does not come from a router of this link draws nothing.
#[test]
fn queries_without_the_marks_of_this_link_are_dropped() {
    let v3 = v3_query(Ipv4Addr::UNSPECIFIED, 2, Default::default());
    let v1 = MldMessage::Query { max_response: 100, group: Ipv6Addr::UNSPECIFIED };
    let table = [
        igmp_from("224.0.0.1", 2, true, &v3),
        igmp_from("224.0.0.1", 1, false, &v3),
        igmp_from(V4, 1, true, &v3),
        mld_from("fe80::2", 2, true, v1),
        mld_from("fe80::2", 1, false, v1),
        mld_from("2001:db8::2", 1, true, v1),
    ];
    for query in table {
        let mut host = Host::new();
        joined(&mut host, V4);
        joined(&mut host, V6);
        tells(&mut host, 5);
        arrives(&mut host, &query);
        assert_eq!(tells(&mut host, 20), []);
        // RFC3376-R14, RFC3810-R5
        assert_eq!(host.drops(), [(DropReason::GroupQueryInvalid, 1)]);
    }
    let mut host = Host::new();
    let mut broken = igmp_from("224.0.0.1", 1, true, &v3);
    *broken.last_mut().unwrap() ^= 1;
    arrives(&mut host, &broken);
    // RFC3376-R3
    assert_eq!(host.drops(), [(DropReason::IgmpMalformed, 1)]);
}

/// As long as a router of an older version is there.
#[test]
fn an_older_router_is_told_in_its_version() {
    let old_v4 = |max_response| {
        let query = IgmpMessage::Query { max_response, group: Ipv4Addr::UNSPECIFIED };
        igmp_from("224.0.0.1", 1, max_response > 0, &query)
    };
    let old_v6 = mld_from(
        "fe80::2",
        1,
        true,
        MldMessage::Query { max_response: 10_000, group: Ipv6Addr::UNSPECIFIED },
    );
    // The query, the group, whether a leave is told, and whether the version has one.
    let table = [(old_v4(100), V4, true), (old_v4(0), V4, false), (old_v6, V6, true)];
    for (query, group, leaves) in table {
        let mut host = Host::new();
        let id = joined(&mut host, group);
        tells(&mut host, 5);
        arrives(&mut host, &query);
        // RFC3376-R2, RFC3376-R13, RFC3810-R8
        assert_eq!(tells(&mut host, 11), [Told::Old(true, ip(group))]);
        leave(&mut host, id, group);
        let left = if leaves { vec![Told::Old(false, ip(group))] } else { vec![] };
        assert_eq!(tells(&mut host, 11), left);
        let id = joined(&mut host, group);
        let all = tells(&mut host, 21);
        assert_eq!(all, [Told::Old(true, ip(group)), Told::Old(true, ip(group))], "twice within 10 s");

        // 2 * 125 s and 10 s after the query the router counts as gone.
        tells(&mut host, 217);
        arrives(&mut host, &general_query(group == V6));
        // RFC3376-R13, RFC3810-R8: its time is over
        assert_eq!(tells(&mut host, 11), [record(ModeIsExclude, group, &[])]);
        leave(&mut host, id, group);
        assert_eq!(tells(&mut host, 5)[0], record(ChangeToInclude, group, &[]));
    }
}

/// RFC 2236 3: of several members one tells of the group, and who was not the last to tell does not say that it
/// leaves.
#[test]
fn a_report_of_another_host_stands_for_ours_in_old_versions() {
    let mut host = Host::new();
    let id = joined(&mut host, V4);
    tells(&mut host, 5);
    let query = IgmpMessage::Query { max_response: 100, group: Ipv4Addr::UNSPECIFIED };
    arrives(&mut host, &igmp_from("224.0.0.1", 1, true, &query));
    arrives(&mut host, &igmp_from(V4, 1, true, &IgmpMessage::ReportV2 { group: V4.parse().unwrap() }));
    assert_eq!(tells(&mut host, 11), []);
    leave(&mut host, id, V4);
    assert_eq!(tells(&mut host, 11), []);
}

#[test]
fn groups_that_all_are_in_or_that_stay_in_the_host_are_not_told() {
    let mut host = Host::new();
    for group in ["224.0.0.1", "ff02::1", "ff01::7", "ff00::7"] {
        joined(&mut host, group);
    }
    arrives(&mut host, &general_query(false));
    arrives(&mut host, &general_query(true));
    // RFC3376-R15, RFC3810-R7
    assert_eq!(tells(&mut host, 20), []);
}

/// RFC 4861 7.2.1: a switch that listens in must know where neighbours are asked for.
#[test]
fn the_groups_of_our_addresses_are_told_soon_after_they_are_given() {
    let mut stack = Stack::new(Config::default(), Seed::from_u64(3));
    let eth0 = stack.add_interface(Interface::ethernet("eth0", OURS));
    stack.add_address(Instant::ZERO, eth0, "2001:db8::abcd/64".parse().unwrap()).unwrap();
    let mut host = Host { stack, eth0, now: Instant::ZERO };
    let all = tells(&mut host, 5);
    for group in ["ff02::1:ff00:1", "ff02::1:ff00:abcd"] {
        assert_eq!(all.iter().filter(|told| **told == record(ChangeToExclude, group, &[])).count(), 2);
    }
    assert_eq!(all.len(), 4, "and nothing else");
    host.stack.remove_address(host.now, eth0, ip("2001:db8::abcd"));
    assert_eq!(tells(&mut host, 5)[0], record(ChangeToInclude, "ff02::1:ff00:abcd", &[]));
    host.stack.set_link(host.now, eth0, false);
    host.stack.set_link(host.now, eth0, true);
    let again = record(ChangeToExclude, "ff02::1:ff00:1", &[]);
    assert_eq!(tells(&mut host, 5), [again.clone(), again], "whoever is there now has not heard");
}

#[test]
fn an_interface_has_a_limit_of_groups_and_reports_fit_packets() {
    let mut config = Config::default();
    config.internet.groups_per_interface = 300;
    config.datagram.groups_per_socket = 300;
    let mut host = Host::with(config);
    let id = socket(&mut host, V6);
    let group = |number: u16| IpAddr::from(Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0, number));
    let mut udp = host.stack.udp(host.now, id).unwrap();
    for number in 1..=300 {
        udp.join_multicast(group(number), None).unwrap();
    }
    assert_eq!(udp.join_multicast(group(301), None), Err(GroupError::TooMany));
    assert_eq!(udp.groups().count(), 300);
    tells(&mut host, 5);
    arrives(&mut host, &general_query(true));
    let all = told(&mut host, Duration::from_secs(11));
    // 1500 - 40 - 8 - 8 bytes hold 72 records of 20.
    assert_eq!(all.iter().map(|(_, told)| told.len()).collect::<Vec<_>>(), [72, 72, 72, 72, 12]);
}
