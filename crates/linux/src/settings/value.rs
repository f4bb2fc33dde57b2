//! Values of settings, from their text.

use std::net::IpAddr;
use std::time::Duration;

use fathom_stack::{IpCidr, Seed};
use fathom_wire::EthernetAddress;

/// Why a value was not taken.
pub(super) enum Refusal {
    /// It is none for the setting.
    Bad,
    /// The engine has not what it asks for.
    NotThere(&'static str),
}

pub(super) type Taken = Result<(), Refusal>;

pub(super) fn number(text: &str, least: u64, most: u64) -> Result<u64, Refusal> {
    let number: u64 = text.parse().map_err(|_| Refusal::Bad)?;
    if (least..=most).contains(&number) { Ok(number) } else { Err(Refusal::Bad) }
}

pub(super) fn size(text: &str, least: usize, most: usize) -> Result<usize, Refusal> {
    Ok(number(text, least as u64, most as u64)? as usize)
}

pub(super) fn switch(text: &str) -> Result<bool, Refusal> {
    Ok(number(text, 0, 1)? == 1)
}

pub(super) fn seconds(text: &str) -> Result<Duration, Refusal> {
    Ok(Duration::from_secs(number(text, 1, 1 << 24)?))
}

pub(super) fn millis(text: &str) -> Result<Duration, Refusal> {
    Ok(Duration::from_millis(number(text, 1, 1 << 34)?))
}

pub(super) fn micros(text: &str) -> Result<Duration, Refusal> {
    Ok(Duration::from_micros(number(text, 1, 1 << 44)?))
}

/// As many numbers as `N`, between blanks, none smaller than the one before.
pub(super) fn rising<const N: usize>(text: &str, least: usize, most: usize) -> Result<[usize; N], Refusal> {
    let numbers = text.split_whitespace().map(|word| size(word, least, most));
    let numbers = numbers.collect::<Result<Vec<usize>, Refusal>>()?;
    if !numbers.is_sorted() {
        return Err(Refusal::Bad);
    }
    numbers.try_into().map_err(|_| Refusal::Bad)
}

pub(super) fn network(text: &str) -> Result<IpCidr, Refusal> {
    text.parse().map_err(|_| Refusal::Bad)
}

pub(super) fn address(text: &str) -> Result<IpAddr, Refusal> {
    text.parse().map_err(|_| Refusal::Bad)
}

/// `NETWORK`, or `NETWORK via ROUTER`.
pub(super) fn route(text: &str) -> Result<(IpCidr, Option<IpAddr>), Refusal> {
    let mut words = text.split_whitespace();
    let destination = network(words.next().ok_or(Refusal::Bad)?)?;
    let gateway = match (words.next(), words.next(), words.next()) {
        (None, ..) => None,
        (Some("via"), Some(router), None) => Some(address(router)?),
        _ => return Err(Refusal::Bad),
    };
    Ok((destination, gateway))
}

/// `02:00:00:00:00:01`.
pub(super) fn ethernet(text: &str) -> Result<EthernetAddress, Refusal> {
    let parts: Vec<&str> = text.split(':').collect();
    let mut address = [0; 6];
    if parts.len() != address.len() {
        return Err(Refusal::Bad);
    }
    for (byte, part) in address.iter_mut().zip(parts) {
        *byte = u8::from_str_radix(part, 16).map_err(|_| Refusal::Bad)?;
    }
    let address = EthernetAddress(address);
    if address.is_unicast() && address != EthernetAddress::UNSPECIFIED {
        Ok(address)
    } else {
        Err(Refusal::Bad)
    }
}

/// A number, or 64 hexadecimal digits.
pub(super) fn seed(text: &str) -> Result<Seed, Refusal> {
    if let Ok(number) = text.parse() {
        return Ok(Seed::from_u64(number));
    }
    if text.len() != 64 || !text.is_ascii() {
        return Err(Refusal::Bad);
    }
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).map_err(|_| Refusal::Bad)?;
    }
    Ok(Seed(bytes))
}
