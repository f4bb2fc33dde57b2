//! Lines of options: `--name=value`.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::cursor::{Cursor, Read, integer};
use crate::settings::{Defines, IpVersion, Settings};

/// Reads one option. `given` are the names that were defined from outside, which the script cannot change.
pub(super) fn line(cursor: &mut Cursor<'_>, settings: &mut Settings, given: &Defines) -> Read<()> {
    let at = cursor.at();
    cursor.expect("--")?;
    let name = name(cursor);
    let value = if cursor.eat("=") { Some(value(cursor)?) } else { None };
    let option = Given { at, name, value };
    match name {
        "ip_version" => {
            settings.ip_version = match option.value(cursor)? {
                "ipv4" => IpVersion::V4,
                "ipv6" => IpVersion::V6,
                "ipv4-mapped-ipv6" => IpVersion::V4Mapped,
                _ => return option.wrong(cursor, "ipv4, ipv6 or ipv4-mapped-ipv6"),
            }
        }
        "tolerance_usecs" => {
            settings.tolerance = Duration::from_micros(option.number(cursor, 0, 1_000_000_000)?);
        }
        "tolerance_percent" => {
            settings.tolerance_percent = match option.value(cursor)?.parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => percent,
                _ => return option.wrong(cursor, "a number from 0 to 100"),
            }
        }
        "mtu" => settings.mtu = option.number(cursor, 68, 65_535)? as u16,
        "bind_port" => settings.bind_port = option.number(cursor, 1, 65_535)? as u16,
        "connect_port" => settings.connect_port = option.number(cursor, 1, 65_535)? as u16,
        "local_ip" => settings.local = Some(option.address(cursor)?),
        "remote_ip" => settings.remote = Some(option.address(cursor)?),
        "gateway_ip" => settings.gateway = Some(option.address(cursor)?),
        "netmask_ip" => {
            let mask = option.value(cursor)?.parse::<Ipv4Addr>().ok().map(Ipv4Addr::to_bits);
            settings.prefix = match mask {
                Some(mask) if mask.leading_ones() + mask.trailing_zeros() >= 32 => {
                    Some(mask.leading_ones() as u8)
                }
                _ => return option.wrong(cursor, "a mask as 255.255.0.0"),
            }
        }
        "prefix_len" => settings.prefix = Some(option.number(cursor, 0, 128)? as u8),
        "tcp_ts_tick_usecs" => {
            settings.timestamp_tick = Some(Duration::from_micros(option.number(cursor, 1, 1_000_000)?));
        }
        "define" => define(cursor, settings, given, &option)?,
        _ => return unknown(cursor, &option),
    }
    Ok(())
}

fn define(cursor: &mut Cursor<'_>, settings: &mut Settings, given: &Defines, option: &Given<'_>) -> Read<()> {
    let Some((name, value)) = option.value(cursor)?.split_once('=') else {
        return option.wrong(cursor, "NAME=value");
    };
    if !is_name(name) {
        return option.wrong(cursor, "NAME=value, with letters, digits and _ in the name");
    }
    let value = given.get(name).cloned().unwrap_or_else(|| value.to_owned());
    cursor.defines.insert(name.to_owned(), value.clone());
    settings.defines.insert(name.to_owned(), value);
    Ok(())
}

/// Whether a name may be defined.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What cannot be set, with the reason.
fn unknown<T>(cursor: &Cursor<'_>, option: &Given<'_>) -> Read<T> {
    let why = match option.name {
        "wire_client" | "wire_server" | "wire_server_at" | "wire_server_ip" | "wire_server_port"
        | "wire_client_dev" | "wire_server_dev" => {
            "the stack and the script are one process, with no wire between two"
        }
        "so_filename" | "so_flags" => "the stack is always fathom's own",
        "init_scripts" => "no command is ever run; write sysctl settings in the script",
        "speed" | "local_linux_interface" | "is_anyip" | "send_omit_free" | "udp_encaps" => {
            "it concerns interfaces of Linux, and there is none"
        }
        "non_fatal" | "dry_run" | "verbose" | "code_command" | "code_format" | "code_sockopt" => {
            "it concerns the program packetdrill"
        }
        _ => {
            let known = "ip_version, tolerance_usecs, tolerance_percent, mtu, bind_port, connect_port, local_ip, \
                         remote_ip, gateway_ip, netmask_ip, prefix_len, tcp_ts_tick_usecs, define";
            return cursor.wrong_at(
                option.at,
                format!("there is no option --{}: expected one of {known}", option.name),
            );
        }
    };
    cursor.wrong_at(option.at, format!("the option --{} is not supported: {why}", option.name))
}

/// What no single option can say.
pub(super) fn check(cursor: &Cursor<'_>, settings: &Settings) -> Read<()> {
    let v6 = settings.ip_version.is_v6_on_wire();
    let addresses = [
        ("local_ip", settings.local()),
        ("remote_ip", settings.remote()),
        ("gateway_ip", settings.gateway()),
    ];
    for (name, address) in addresses {
        if address.is_ipv6() != v6 {
            let version = if v6 { "IPv6" } else { "IPv4" };
            return cursor
                .wrong_at(0, format!("--{name}={address} is not of the script's version, {version}"));
        }
    }
    if settings.prefix() > if v6 { 128 } else { 32 } {
        return cursor.wrong_at(0, format!("--prefix_len={} is too long for IPv4", settings.prefix()));
    }
    if v6 && settings.mtu < 1280 {
        return cursor.wrong_at(0, format!("--mtu={} is below the 1280 bytes that IPv6 needs", settings.mtu));
    }
    Ok(())
}

/// An option as it stands.
struct Given<'a> {
    at: usize,
    name: &'a str,
    value: Option<&'a str>,
}

impl<'a> Given<'a> {
    fn wrong<T>(&self, cursor: &Cursor<'_>, expected: &str) -> Read<T> {
        cursor.wrong_at(
            self.at,
            format!("--{}={}: expected {expected}", self.name, self.value.unwrap_or_default()),
        )
    }

    fn value(&self, cursor: &Cursor<'_>) -> Read<&'a str> {
        match self.value {
            Some(value) if !value.is_empty() => Ok(value),
            _ => cursor.wrong_at(self.at, format!("--{} needs a value: --{}=value", self.name, self.name)),
        }
    }

    fn number(&self, cursor: &Cursor<'_>, min: u64, max: u64) -> Read<u64> {
        match integer(self.value(cursor)?) {
            Some(number) if (min..=max).contains(&number) => Ok(number),
            _ => self.wrong(cursor, &format!("a number from {min} to {max}")),
        }
    }

    fn address(&self, cursor: &Cursor<'_>) -> Read<IpAddr> {
        match self.value(cursor)?.parse() {
            Ok(address) => Ok(address),
            Err(_) => self.wrong(cursor, "an IP address"),
        }
    }
}

fn name<'a>(cursor: &mut Cursor<'a>) -> &'a str {
    let from = cursor.at();
    while !cursor.word().is_empty() || cursor.eat("-") {}
    cursor.between(from, cursor.at())
}

/// To the next blank, or what stands between quotation marks.
fn value<'a>(cursor: &mut Cursor<'a>) -> Read<&'a str> {
    let from = cursor.at();
    if cursor.eat("\"") {
        let Some(len) = cursor.rest().find(['"', '\n']).filter(|len| cursor.rest()[*len..].starts_with('"'))
        else {
            return cursor.wrong_at(from, "this value has no \" at its end");
        };
        let value = cursor.between(from + 1, from + 1 + len);
        cursor.back_to(from + len + 2);
        return Ok(value);
    }
    while cursor.peek().is_some_and(|c| !c.is_whitespace()) {
        cursor.next();
    }
    Ok(cursor.between(from, cursor.at()))
}
