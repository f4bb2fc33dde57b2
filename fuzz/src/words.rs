//! Words of people: link conditions, and addresses with prefixes.

use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use fathom_impair::{
    BitsPerSecond, ByteCount, Directed, GilbertElliott, Probability, Reorder, TimeSpan, WordError,
};
use fathom_stack::IpCidr;

/// Every kind of quantity: what is understood is written so that it is understood the same.
pub(crate) fn words(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    read_again::<TimeSpan>(&text);
    read_again::<ByteCount>(&text);
    read_again::<BitsPerSecond>(&text);
    read_again::<Probability>(&text);
    read_again::<GilbertElliott>(&text);
    read_again::<Reorder>(&text);
    read_again::<Directed<TimeSpan>>(&text);
    if let Ok(TimeSpan(span)) = text.parse() {
        let number = number(text.trim());
        // Decimal digits and a binary fraction differ in the last of 15 digits.
        let unit = [1e-9, 1e-6, 1e-3, 1.0, 60.0];
        let close = |unit: f64| (span.as_secs_f64() - number * unit).abs() <= 1e-9 * span.as_secs_f64();
        assert!(unit.into_iter().any(close), "{text:?} is no {span:?}");
    }
    if let Ok(chance) = text.parse::<Probability>() {
        assert!((0.0..=1.0).contains(&chance.get()), "{text:?} is {}", chance.get());
    }
}

/// The number that a text begins with.
fn number(text: &str) -> f64 {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..end].parse().expect("it was read as a number")
}

fn read_again<T: FromStr<Err = WordError> + Display + PartialEq + std::fmt::Debug>(text: &str) {
    match text.parse::<T>() {
        Ok(value) => {
            let written = value.to_string();
            let again = written.parse::<T>();
            assert_eq!(again.as_ref(), Ok(&value), "{text:?} is written as {written:?}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// An address with a prefix length, and what is in its network.
pub(crate) fn cidr(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(cidr) = text.parse::<IpCidr>() {
        assert_eq!(cidr.to_string().parse(), Ok(cidr));
        contains_what_shares_its_bits(cidr, cidr.address());
    }
    // The same bytes as an address, a prefix length and another address.
    let Some((prefix_len, rest)) = bytes.split_first() else { return };
    let pairs = [
        rest.first_chunk::<8>().map(|_| (v4(&rest[..4]), v4(&rest[4..8]))),
        rest.first_chunk::<32>().map(|_| (v6(&rest[..16]), v6(&rest[16..32]))),
    ];
    for (address, other) in pairs.into_iter().flatten() {
        let len = if address.is_ipv4() { 32 } else { 128 };
        let made = IpCidr::new(address, *prefix_len);
        assert_eq!(made.is_some(), *prefix_len <= len);
        if let Some(cidr) = made {
            contains_what_shares_its_bits(cidr, other);
        }
    }
}

fn v4(bytes: &[u8]) -> IpAddr {
    IpAddr::from(<[u8; 4]>::try_from(bytes).expect("four bytes"))
}

fn v6(bytes: &[u8]) -> IpAddr {
    IpAddr::from(<[u8; 16]>::try_from(bytes).expect("sixteen bytes"))
}

/// The bits of an address, one by one.
fn bits(address: IpAddr) -> Vec<bool> {
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    octets.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1)).collect()
}

fn contains_what_shares_its_bits(cidr: IpCidr, other: IpAddr) {
    let len = usize::from(cidr.prefix_len());
    let (own, others) = (bits(cidr.address()), bits(other));
    assert_eq!(cidr.contains(other), own.len() == others.len() && own[..len] == others[..len]);
    let network = cidr.network();
    assert!(cidr.contains(network.address()) && network.contains(cidr.address()));
    assert!(bits(network.address())[len..].iter().all(|bit| !bit), "bits behind the prefix");
    if let Some(broadcast) = cidr.broadcast() {
        assert!(cidr.contains(broadcast.into()));
        assert!(bits(broadcast.into())[len..].iter().all(|bit| *bit), "no broadcast address");
    }
}
