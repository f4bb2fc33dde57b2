//! Structures and lists in calls.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use fathom_linux::consts::*;

use super::{Control, Data, Fit, MAX_BYTES, PollEntry, Unfit};
use crate::script::{Expression, Member, Value};
use crate::settings::{IpVersion, Settings};
use crate::tcp_info;

fn wrong<T>(expression: &Expression, expected: &str) -> Fit<T> {
    Err(Unfit { place: expression.place, message: format!("expected {expected}") })
}

/// No address of ours in particular, for `...` in `bind`.
pub(super) fn unspecified(settings: &Settings, port: u16) -> SocketAddr {
    let ip: IpAddr = if settings.ip_version.is_v6_socket() {
        Ipv6Addr::UNSPECIFIED.into()
    } else {
        Ipv4Addr::UNSPECIFIED.into()
    };
    SocketAddr::new(ip, port)
}

/// The peers' address, for `...` in `connect`.
pub(super) fn peer(settings: &Settings, port: u16) -> SocketAddr {
    let ip = match (settings.remote(), settings.ip_version) {
        (IpAddr::V4(ip), IpVersion::V4Mapped) => ip.to_ipv6_mapped().into(),
        (ip, _) => ip,
    };
    SocketAddr::new(ip, port)
}

/// A `struct sockaddr`: `default` for `...`, none for `AF_UNSPEC`.
pub(super) fn address(expression: &Expression, default: SocketAddr) -> Fit<Option<SocketAddr>> {
    const FORM: &str = "an address: ..., {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"192.0.2.1\")} \
                        or {sa_family=AF_INET6, sin6_port=htons(80), sin6_addr=inet_pton(AF_INET6, \"2001:db8::1\")}";
    let members = match &expression.value {
        Value::Any => return Ok(Some(default)),
        Value::Struct(members) => members,
        _ => return wrong(expression, FORM),
    };
    let known = [
        "sa_family",
        "sin_family",
        "sin6_family",
        "sin_port",
        "sin6_port",
        "sin_addr",
        "sin6_addr",
        "sin6_flowinfo",
        "sin6_scope_id",
        "addr",
    ];
    all_known(members, &known)?;
    let family = int(members, &["sa_family", "sin_family", "sin6_family"])?;
    if family == Some(AF_UNSPEC.into()) {
        return Ok(None);
    }
    let v6 = match family.map(i32::try_from) {
        Some(Ok(AF_INET)) => false,
        Some(Ok(AF_INET6)) => true,
        _ => return wrong(expression, FORM),
    };
    let port = int(members, &["sin_port", "sin6_port"])?.unwrap_or_default();
    let Ok(port) = u16::try_from(port) else { return wrong(expression, "a port up to 65535") };
    let ip = match find(members, &["sin_addr", "sin6_addr", "addr"]).map(|member| &member.value.value) {
        Some(Value::Address(ip)) => *ip,
        // INADDR_ANY
        Some(Value::Integer(0)) if !v6 => Ipv4Addr::UNSPECIFIED.into(),
        _ => return wrong(expression, FORM),
    };
    if ip.is_ipv6() != v6 {
        return wrong(expression, "an address of the structure's family");
    }
    let word = |names| int(members, names).map(|number| number.unwrap_or_default() as u32);
    Ok(Some(match ip {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), port),
        IpAddr::V6(ip) => {
            SocketAddrV6::new(ip, port, word(&["sin6_flowinfo"])?, word(&["sin6_scope_id"])?).into()
        }
    }))
}

fn find<'a>(members: &'a [Member], names: &[&str]) -> Option<&'a Member> {
    members.iter().find(|member| member.name.as_deref().is_some_and(|name| names.contains(&name)))
}

fn int(members: &[Member], names: &[&str]) -> Fit<Option<i64>> {
    match find(members, names) {
        None => Ok(None),
        Some(member) => match member.value.value {
            Value::Integer(number) => Ok(Some(number)),
            _ => wrong(&member.value, "a number"),
        },
    }
}

/// That each member has one of these names.
fn all_known(members: &[Member], names: &[&str]) -> Fit<()> {
    let unknown =
        members.iter().find(|member| !member.name.as_deref().is_some_and(|name| names.contains(&name)));
    match unknown {
        None => Ok(()),
        Some(member) => wrong(&member.value, &format!("one of the members {}", names.join(", "))),
    }
}

/// What `poll` is given.
pub(super) fn poll_entries(expression: &Expression) -> Fit<Vec<PollEntry>> {
    let Value::List(list) = &expression.value else {
        return wrong(expression, "[{fd=3, events=POLLIN, revents=POLLIN}]");
    };
    let one = |entry: &Expression| {
        let Value::Struct(members) = &entry.value else {
            return wrong(entry, "{fd=3, events=POLLIN, revents=POLLIN}");
        };
        all_known(members, &["fd", "events", "revents"])?;
        let bits = |name| match i16::try_from(int(members, &[name])?.unwrap_or_default()) {
            Ok(bits) => Ok(bits),
            Err(_) => wrong(entry, "bits of poll"),
        };
        let Some(fd) = int(members, &["fd"])? else { return wrong(entry, "a member fd") };
        Ok(PollEntry { fd, events: bits("events")?, revents: bits("revents")? })
    };
    list.iter().map(one).collect()
}

/// What a `struct msghdr` has.
pub(super) struct Message<'a> {
    pub(super) name: Option<&'a Expression>,
    pub(super) iov: &'a Expression,
    pub(super) flags: Option<i32>,
    pub(super) control: Option<Vec<Control>>,
}

pub(super) fn message(expression: &Expression) -> Fit<Message<'_>> {
    let Value::Struct(members) = &expression.value else {
        return wrong(expression, "{msg_name(...)=..., msg_iov(1)=[{..., 1000}], msg_flags=0}");
    };
    all_known(members, &["msg_name", "msg_iov", "msg_flags", "msg_control"])?;
    let Some(iov) = find(members, &["msg_iov"]) else { return wrong(expression, "a member msg_iov") };
    if let (Some(size), Value::List(list)) = (iov.size, &iov.value.value)
        && size != list.len() as i64
    {
        return wrong(&iov.value, &format!("msg_iov({}), the number of its elements,", list.len()));
    }
    let flags = int(members, &["msg_flags"])?.map(|flags| flags as i32);
    let control = match find(members, &["msg_control"]).map(|member| &member.value) {
        None | Some(Expression { value: Value::Any, .. }) => None,
        Some(value) => Some(control(value)?),
    };
    Ok(Message {
        name: find(members, &["msg_name"]).map(|member| &member.value),
        iov: &iov.value,
        flags,
        control,
    })
}

/// `[{cmsg_level=SOL_IP, cmsg_type=IP_TTL, cmsg_data=64}]`
fn control(expression: &Expression) -> Fit<Vec<Control>> {
    const FORM: &str = "[{cmsg_level=SOL_IP, cmsg_type=IP_TTL, cmsg_data=64}]";
    let Value::List(list) = &expression.value else { return wrong(expression, FORM) };
    let one = |element: &Expression| {
        let Value::Struct(members) = &element.value else { return wrong(element, FORM) };
        all_known(members, &["cmsg_level", "cmsg_type", "cmsg_data"])?;
        let (Some(level), Some(kind)) = (int(members, &["cmsg_level"])?, int(members, &["cmsg_type"])?)
        else {
            return wrong(element, FORM);
        };
        let data = match find(members, &["cmsg_data"]).map(|member| &member.value) {
            None | Some(Expression { value: Value::Any, .. }) => None,
            Some(value) => Some(control_data(value)?),
        };
        Ok(Control { level: level as i32, kind: kind as i32, data })
    };
    list.iter().map(one).collect()
}

/// The data of a control message: a number, a list of them, or `struct sock_extended_err`.
fn control_data(expression: &Expression) -> Fit<Vec<u8>> {
    let Value::Struct(members) = &expression.value else {
        return Ok(option(expression)?.bytes);
    };
    all_known(members, &["ee_errno", "ee_origin", "ee_type", "ee_code", "ee_info", "ee_data"])?;
    let field = |name| int(members, &[name]).map(Option::unwrap_or_default);
    let mut bytes = (field("ee_errno")? as u32).to_le_bytes().to_vec();
    bytes.extend([field("ee_origin")? as u8, field("ee_type")? as u8, field("ee_code")? as u8, 0]);
    bytes.extend((field("ee_info")? as u32).to_le_bytes());
    bytes.extend((field("ee_data")? as u32).to_le_bytes());
    Ok(bytes)
}

/// The data of `[{..., 1000}, {"text", 4}]`, and the number of elements.
pub(super) fn gather(expression: &Expression) -> Fit<(Data, i32)> {
    const FORM: &str = "[{..., 1000}] or [{\"text\", 4}]";
    let Value::List(list) = &expression.value else { return wrong(expression, FORM) };
    let mut made_up = 0;
    let mut bytes = Vec::new();
    for element in list {
        let Value::Struct(members) = &element.value else { return wrong(element, FORM) };
        let [base, len] = members.as_slice() else { return wrong(element, FORM) };
        let Value::Integer(len) = len.value.value else { return wrong(element, FORM) };
        if !(0..=MAX_BYTES).contains(&len) {
            return wrong(element, "a number of bytes");
        }
        match &base.value.value {
            Value::Any => made_up += len as usize,
            Value::Text(text) if len as usize <= text.len() => bytes.extend(&text[..len as usize]),
            _ => return wrong(element, FORM),
        }
    }
    match (made_up, bytes.is_empty()) {
        (made_up, true) => Ok((Data::MadeUp(made_up), list.len() as i32)),
        (0, false) => Ok((Data::Bytes(bytes), list.len() as i32)),
        _ => wrong(expression, "elements that are all ... or all \"text\""),
    }
}

/// The value of a socket option, in Linux's layout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OptionValue {
    pub(crate) bytes: Vec<u8>,
    /// How it is shown.
    shape: Shape,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    Ints,
    Linger,
    Time,
    Text,
    Address,
}

/// What `getsockopt` must give.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Expected {
    /// Anything.
    Any,
    /// This.
    Value(OptionValue),
    /// These fields of `tcp_info`.
    Info(BTreeMap<String, u64>),
}

impl Expected {
    /// Bytes that it needs.
    pub(crate) fn room(&self) -> usize {
        match self {
            Expected::Any => 4,
            Expected::Value(value) => value.bytes.len(),
            Expected::Info(_) => tcp_info::LEN,
        }
    }

    /// Whether it may be shorter than the room for it.
    pub(crate) fn is_variable(&self) -> bool {
        match self {
            Expected::Any => true,
            Expected::Value(value) => value.shape == Shape::Text,
            Expected::Info(_) => true,
        }
    }

    /// What differs in `came`: what was expected, and what came.
    pub(crate) fn difference(&self, came: &[u8]) -> Option<(String, String)> {
        match self {
            Expected::Any => None,
            Expected::Value(value) => {
                let expected = &value.bytes[..value.bytes.len().min(came.len().max(1))];
                // A text may end with zeros that the script does not write.
                let trimmed = if value.shape == Shape::Text { trim(came) } else { came };
                let wanted = if value.shape == Shape::Text { &value.bytes } else { expected };
                (wanted != trimmed).then(|| (show(value.shape, &value.bytes), show(value.shape, came)))
            }
            Expected::Info(fields) => {
                let all = tcp_info::fields(came);
                fields.iter().find_map(|(name, expected)| {
                    let came = all.get(name.as_str());
                    (came != Some(expected)).then(|| {
                        let came = came.map_or("nothing".to_owned(), u64::to_string);
                        (format!("{name}={expected}"), format!("{name}={came}"))
                    })
                })
            }
        }
    }
}

fn trim(bytes: &[u8]) -> &[u8] {
    let len = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..len]
}

fn show(shape: Shape, bytes: &[u8]) -> String {
    let ints: Vec<i64> = bytes.as_chunks::<4>().0.iter().map(|int| i32::from_le_bytes(*int).into()).collect();
    let longs: Vec<i64> = bytes.as_chunks::<8>().0.iter().map(|long| i64::from_le_bytes(*long)).collect();
    match (shape, ints.as_slice(), longs.as_slice()) {
        (Shape::Linger, [on, linger], _) => format!("{{onoff={on}, linger={linger}}}"),
        (Shape::Time, _, [seconds, micros]) => format!("{{tv_sec={seconds}, tv_usec={micros}}}"),
        (Shape::Text, ..) => format!("\"{}\"", String::from_utf8_lossy(trim(bytes)).escape_debug()),
        (Shape::Address, ..) if bytes.len() == 4 => {
            format!("{}", Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]))
        }
        (_, ints, _) if !ints.is_empty() && bytes.len().is_multiple_of(4) => format!("{ints:?}"),
        _ => format!("{bytes:?} (bytes)"),
    }
}

/// The value of an option: `[1]`, `1`, `{onoff=1, linger=5}`, `{tv_sec=1, tv_usec=0}`, `"cubic"`.
pub(super) fn option(expression: &Expression) -> Fit<OptionValue> {
    const FORM: &str =
        "the value of an option: [1], 1, {onoff=1, linger=5}, {tv_sec=1, tv_usec=0} or \"text\"";
    let (shape, bytes) = match &expression.value {
        Value::Integer(number) => (Shape::Ints, word(expression, *number)?),
        Value::Text(text) => (Shape::Text, text.clone()),
        Value::Address(IpAddr::V4(ip)) => (Shape::Address, ip.octets().to_vec()),
        Value::Address(IpAddr::V6(ip)) => (Shape::Address, ip.octets().to_vec()),
        Value::List(list) => {
            let mut bytes = Vec::new();
            for element in list {
                match element.value {
                    Value::Integer(number) => bytes.extend(word(element, number)?),
                    _ => return wrong(element, "a number"),
                }
            }
            (Shape::Ints, bytes)
        }
        Value::Struct(members) if find(members, &["onoff", "l_onoff"]).is_some() => {
            all_known(members, &["onoff", "l_onoff", "linger", "l_linger"])?;
            let field = |names| int(members, names).map(|number| number.unwrap_or_default() as i32);
            let pair = [field(&["onoff", "l_onoff"])?, field(&["linger", "l_linger"])?];
            (Shape::Linger, pair.iter().flat_map(|number| number.to_le_bytes()).collect())
        }
        Value::Struct(members) if find(members, &["tv_sec", "tv_usec"]).is_some() => {
            all_known(members, &["tv_sec", "tv_usec"])?;
            let field = |name| int(members, &[name]).map(Option::unwrap_or_default);
            let pair = [field("tv_sec")?, field("tv_usec")?];
            (Shape::Time, pair.iter().flat_map(|number| number.to_le_bytes()).collect())
        }
        _ => return wrong(expression, FORM),
    };
    Ok(OptionValue { bytes, shape })
}

/// An `int` of 4 bytes, be it written as signed or unsigned.
fn word(expression: &Expression, number: i64) -> Fit<Vec<u8>> {
    let narrow = i32::try_from(number).or_else(|_| u32::try_from(number).map(|number| number as i32));
    match narrow {
        Ok(number) => Ok(number.to_le_bytes().to_vec()),
        Err(_) => wrong(expression, "a number of 32 bits"),
    }
}

/// What `getsockopt` must give: as [`option`], `...`, or fields of `tcp_info`.
pub(super) fn expected(expression: &Expression) -> Fit<Expected> {
    match &expression.value {
        Value::Any => Ok(Expected::Any),
        Value::List(list) if matches!(list.as_slice(), [Expression { value: Value::Any, .. }]) => {
            Ok(Expected::Any)
        }
        Value::Struct(members)
            if members
                .iter()
                .any(|member| member.name.as_deref().is_some_and(|name| name.starts_with("tcpi_"))) =>
        {
            let mut fields = BTreeMap::new();
            for member in members {
                let name = member.name.clone().unwrap_or_default();
                if !tcp_info::is_field(&name) {
                    return wrong(&member.value, "fields of tcp_info");
                }
                match member.value.value {
                    Value::Any => {}
                    Value::Integer(number) if number >= 0 => {
                        fields.insert(name, number as u64);
                    }
                    _ => return wrong(&member.value, "a number"),
                }
            }
            Ok(Expected::Info(fields))
        }
        _ => option(expression).map(Expected::Value),
    }
}
