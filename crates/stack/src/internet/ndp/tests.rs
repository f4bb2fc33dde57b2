use alloc::vec::Vec;
use fathom_wire::internet::ndp::NdpOptions;

use super::*;

const US: &str = "2001:db8::1";
const THEM: &str = "2001:db8::2";
const OURS: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
const THEIRS: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);

fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn place(source: &str, destination: &str, hop_limit: u8) -> Place {
    let (source, destination) = (ip(source), ip(destination));
    Place { source, destination, hop_limit, hardware: Some(OURS), router: false }
}

/// `US` is ours, 2001:db8::7 is tentative.
fn target_is(address: Ipv6Addr) -> Target {
    match address {
        address if address == ip(US) => Target::Ours,
        address if address == ip("2001:db8::7") => Target::Tentative,
        _ => Target::Other,
    }
}

fn options(list: &[NdpOption<'_>]) -> NdpOptionBuffer {
    let mut buffer = NdpOptionBuffer::new();
    for option in list {
        assert!(buffer.push(*option));
    }
    buffer
}

fn solicited_by(place: &Place, target: &str, options: NdpOptions<'_>) -> Result<Reaction, Discard> {
    handle(&NdpMessage::NeighborSolicitation { target: ip(target), options }, place, target_is)
}

#[test]
fn solicitations_are_checked_as_rfc_4861_7_1_1_says() {
    let with = options(&[NdpOption::SourceLinkLayer(THEIRS)]);
    let without = options(&[]);
    let group = "ff02::1:ff00:1";
    // source, destination, hop limit, target, with a link address; is it answered, is something learned
    type Expected = Result<(bool, bool), Discard>;
    let table: &[(&str, &str, u8, &str, bool, Expected)] = &[
        (THEM, group, 255, US, true, Ok((true, true))),
        (THEM, US, 255, US, false, Ok((true, true))),
        (THEM, group, 254, US, true, Err(Discard::Invalid)),
        (THEM, group, 255, "ff02::1", true, Err(Discard::Invalid)),
        (THEM, group, 255, "2001:db8::9", true, Err(Discard::NotForUs)),
        ("::", group, 255, US, false, Ok((true, false))),
        ("::", group, 255, US, true, Err(Discard::Invalid)),
        ("::", US, 255, US, false, Err(Discard::Invalid)),
        ("::", "ff02::1:ff00:7", 255, "2001:db8::7", false, Ok((false, false))),
        (THEM, "ff02::1:ff00:7", 255, "2001:db8::7", true, Ok((false, false))),
    ];
    for (source, destination, hop_limit, target, hardware, expected) in table {
        let options = if *hardware { with.options() } else { without.options() };
        let reaction = solicited_by(&place(source, destination, *hop_limit), target, options);
        let got = reaction.map(|reaction| (reaction.reply.is_some(), reaction.learn.is_some()));
        // RFC4861-R2, RFC4861-R11, RFC4862-R3
        assert_eq!(got, *expected, "{source} {destination} {hop_limit} {target} {hardware}");
    }
}

#[test]
fn a_probe_is_answered_to_all_nodes_and_shows_a_duplicate() {
    let none = options(&[]);
    let reaction = solicited_by(&place("::", "ff02::1:ff00:1", 255), US, none.options()).unwrap();
    let reply = reaction.reply.unwrap();
    // RFC4861-R18
    assert_eq!(reply.destination, ip("ff02::1"));
    let bytes: Vec<u8> = reply.header.iter().copied().chain(reply.slices.concat()).collect();
    // RFC4861-R18
    assert_eq!(bytes[4] & 0x60, 0x20, "override, but not solicited");
    let reaction = solicited_by(&place("::", "ff02::1:ff00:7", 255), "2001:db8::7", none.options()).unwrap();
    assert_eq!(reaction.duplicate, Some(ip("2001:db8::7")));
    let reaction = solicited_by(&place(THEM, "ff02::1:ff00:7", 255), "2001:db8::7", none.options()).unwrap();
    assert_eq!(reaction.duplicate, None, "a node that looks for the address does not have it");
}

#[test]
fn advertisements_are_checked_as_rfc_4861_7_1_2_says() {
    let theirs = options(&[NdpOption::TargetLinkLayer(THEIRS)]);
    let group = options(&[NdpOption::TargetLinkLayer(EthernetAddress::BROADCAST)]);
    // destination, hop limit, solicited, target, options; is something learned
    type Row<'a> = (&'a str, u8, bool, &'a str, NdpOptions<'a>, Result<bool, Discard>);
    let table: &[Row<'_>] = &[
        (US, 255, true, THEM, theirs.options(), Ok(true)),
        ("ff02::1", 255, false, THEM, theirs.options(), Ok(true)),
        ("ff02::1", 255, true, THEM, theirs.options(), Err(Discard::Invalid)),
        (US, 64, true, THEM, theirs.options(), Err(Discard::Invalid)),
        (US, 255, true, "ff02::2", theirs.options(), Err(Discard::Invalid)),
        (US, 255, true, THEM, group.options(), Err(Discard::Invalid)),
        (US, 255, true, US, theirs.options(), Err(Discard::Invalid)),
        ("ff02::1", 255, false, "2001:db8::7", theirs.options(), Ok(false)),
    ];
    for (destination, hop_limit, solicited, target, options, expected) in table {
        let message = NdpMessage::NeighborAdvertisement {
            router: true,
            solicited: *solicited,
            override_: true,
            target: ip(target),
            options: *options,
        };
        let reaction = handle(&message, &place(THEM, destination, *hop_limit), target_is);
        let learned = reaction.map(|reaction| reaction.learn.is_some());
        // RFC4861-R3
        assert_eq!(learned, *expected, "{destination} {hop_limit} {solicited} {target}");
    }
}
