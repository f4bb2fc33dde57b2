//! System calls: `setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0`.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use fathom_linux::{Errno as LinuxErrno, consts};

use super::cursor::{Cursor, Read, integer};
use crate::call::{CALLS, request};
use crate::script::{Call, Errno, Expression, Member, Time, Value};
use crate::settings::Settings;

/// How deep lists and structures may stand in each other.
const MAX_DEPTH: u32 = 16;
/// How many arguments, elements or members there may be in one place.
const MAX_MEMBERS: usize = 256;

/// A call, from its name or the `...` before it on. `time` is that of its event.
pub(super) fn call(cursor: &mut Cursor<'_>, settings: &Settings, time: Time) -> Read<Call> {
    let end = if cursor.eat("...") { Some(end(cursor, time)?) } else { None };
    cursor.skip_blanks()?;
    let at = cursor.at();
    let place = cursor.place(at);
    let name = cursor.word().to_owned();
    if !CALLS.contains(&name.as_str()) {
        cursor.back_to(at);
        return cursor.expected(&format!("a system call ({})", CALLS.join(", ")));
    }
    cursor.expect("(")?;
    let arguments = expressions(cursor, ")", 0)?;
    cursor.skip()?;
    cursor.expect("=")?;
    cursor.skip_blanks()?;
    let returns = expression(cursor, 0)?;
    if !matches!(returns.value, Value::Any | Value::Integer(_)) {
        return cursor.wrong(format!("{name} returns a number"));
    }
    let behind = cursor.at();
    cursor.skip_blanks()?;
    let errno = errno(cursor)?;
    if errno.is_some() && returns.value != Value::Integer(-1) {
        return cursor.wrong("a call that fails with an error returns -1");
    }
    // A remark, as strace writes one behind flags.
    if errno.is_none() && note(cursor)?.is_none() {
        cursor.back_to(behind);
    }
    let call = Call { end, name, place, arguments, returns, errno };
    match request(&call, settings) {
        Ok(_) => Ok(call),
        Err(unfit) => cursor.wrong_at_place(unfit.place, unfit.message),
    }
}

/// The time at which a call that blocks returns.
fn end(cursor: &mut Cursor<'_>, time: Time) -> Read<Duration> {
    let at = cursor.at();
    // Of a relative event it is relative as well, with or without its sign.
    cursor.eat("+");
    let end = cursor.seconds()?;
    let begin = match time {
        Time::Absolute(begin) | Time::Relative(begin) => begin,
        _ => return cursor.wrong_at(at, "a call that blocks begins at a time as 0.1 or +0.1"),
    };
    if end < begin {
        return cursor.wrong_at(at, "this call returns before it begins");
    }
    Ok(end)
}

/// `EAGAIN (Resource temporarily unavailable)`
fn errno(cursor: &mut Cursor<'_>) -> Read<Option<Errno>> {
    let at = cursor.at();
    let name = cursor.word().to_owned();
    if name.is_empty() {
        return Ok(None);
    }
    let Some(number) = LinuxErrno::from_name(&name).map(LinuxErrno::raw) else {
        return cursor.wrong_at(at, format!("{name} is no error that a socket call of Linux sets"));
    };
    let behind = cursor.at();
    cursor.skip_blanks()?;
    let text = note(cursor)?;
    if text.is_none() {
        cursor.back_to(behind);
    }
    Ok(Some(Errno { name, number, text }))
}

/// What stands in parentheses.
fn note(cursor: &mut Cursor<'_>) -> Read<Option<String>> {
    let at = cursor.at();
    if !cursor.eat("(") {
        return Ok(None);
    }
    let from = cursor.at();
    while !matches!(cursor.peek(), None | Some(')' | '\n')) {
        cursor.next();
    }
    let text = cursor.between(from, cursor.at()).trim().to_owned();
    if !cursor.eat(")") {
        return cursor.wrong_at(at, "this remark has no ) at its end");
    }
    Ok(Some(text))
}

/// Expressions with commas between them, up to `close`. They may stand on several lines.
fn expressions(cursor: &mut Cursor<'_>, close: &str, depth: u32) -> Read<Vec<Expression>> {
    let mut expressions = Vec::new();
    cursor.skip()?;
    if cursor.eat(close) {
        return Ok(expressions);
    }
    loop {
        if expressions.len() == MAX_MEMBERS {
            return cursor.wrong(format!("there are more than {MAX_MEMBERS} values here"));
        }
        cursor.skip()?;
        expressions.push(expression(cursor, depth)?);
        cursor.skip()?;
        if cursor.eat(close) {
            return Ok(expressions);
        }
        if !cursor.eat(",") {
            return cursor.expected(&format!("',' or '{close}'"));
        }
    }
}

/// An expression: terms with `|` between them.
fn expression(cursor: &mut Cursor<'_>, depth: u32) -> Read<Expression> {
    let mut first = term(cursor, depth)?;
    loop {
        let behind = cursor.at();
        cursor.skip_blanks()?;
        if !cursor.eat("|") {
            cursor.back_to(behind);
            return Ok(first);
        }
        cursor.skip()?;
        let at = cursor.at();
        let next = term(cursor, depth)?;
        match (&mut first.value, next.value) {
            (Value::Integer(left), Value::Integer(right)) => *left |= right,
            _ => return cursor.wrong_at(at, "only numbers can be joined by |"),
        }
    }
}

fn term(cursor: &mut Cursor<'_>, depth: u32) -> Read<Expression> {
    if depth > MAX_DEPTH {
        return cursor.wrong("lists and structures stand too deep in each other");
    }
    let at = cursor.at();
    let place = cursor.place(at);
    let value = match cursor.peek() {
        Some('.') => {
            cursor.expect("...")?;
            Value::Any
        }
        Some('"') => Value::Text(text(cursor)?),
        Some('[') => {
            cursor.next();
            Value::List(expressions(cursor, "]", depth + 1)?)
        }
        Some('{') => {
            cursor.next();
            Value::Struct(members(cursor, depth + 1)?)
        }
        Some('(') => {
            cursor.next();
            cursor.skip()?;
            let inner = expression(cursor, depth + 1)?;
            cursor.skip()?;
            cursor.expect(")")?;
            inner.value
        }
        Some(sign @ ('-' | '~')) => {
            cursor.next();
            match term(cursor, depth + 1)?.value {
                Value::Integer(number) if sign == '-' => Value::Integer(number.wrapping_neg()),
                Value::Integer(number) => Value::Integer(!number),
                _ => return cursor.wrong_at(at, format!("'{sign}' stands before numbers only")),
            }
        }
        Some(c) if c.is_ascii_digit() => Value::Integer(number(cursor)?),
        Some(c) if c.is_ascii_alphabetic() || c == '_' => named(cursor, depth)?,
        _ => return cursor.expected("a value: a number, a constant, \"text\", ..., [list] or {structure}"),
    };
    Ok(Expression { place, value })
}

fn number(cursor: &mut Cursor<'_>) -> Read<i64> {
    let at = cursor.at();
    let word = cursor.word();
    match integer(word).and_then(|number| i64::try_from(number).ok()) {
        Some(number) => Ok(number),
        None => cursor.wrong_at(at, format!("'{word}' is no number, or too large")),
    }
}

/// A constant, a defined name, or a function of a constant.
fn named(cursor: &mut Cursor<'_>, depth: u32) -> Read<Value> {
    let at = cursor.at();
    let name = cursor.word();
    if cursor.peek() == Some('(') {
        cursor.next();
        let arguments = expressions(cursor, ")", depth + 1)?;
        return function(cursor, at, name, &arguments);
    }
    if let Some(defined) = cursor.defines.get(name).cloned() {
        return match constant(&defined).or_else(|| consts::by_name(&defined)) {
            Some(number) => Ok(Value::Integer(number)),
            None => Ok(Value::Text(defined.into_bytes())),
        };
    }
    let errno = || LinuxErrno::from_name(name).map(|errno| errno.raw().into());
    match consts::by_name(name).or_else(errno) {
        Some(number) => Ok(Value::Integer(number)),
        None => cursor.wrong_at(at, format!("there is no constant {name}, and no --define of it")),
    }
}

/// A number with a sign, as a definition may have it.
fn constant(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let number = i64::try_from(integer(digits)?).ok()?;
    Some(if negative { -number } else { number })
}

fn function(cursor: &Cursor<'_>, at: usize, name: &str, arguments: &[Expression]) -> Read<Value> {
    let values: Vec<&Value> = arguments.iter().map(|argument| &argument.value).collect();
    let bad = |expected: &str| cursor.wrong_at(at, format!("expected {expected}"));
    match (name, values.as_slice()) {
        // Structures hold ports in the host's order here; the bytes are swapped where they are laid out.
        ("htons" | "ntohs", [Value::Integer(number)]) if (0..=0xffff).contains(number) => {
            Ok(Value::Integer(*number))
        }
        ("htonl" | "ntohl", [Value::Integer(number)]) if (0..=0xffff_ffff).contains(number) => {
            Ok(Value::Address(IpAddr::V4(Ipv4Addr::from_bits(*number as u32))))
        }
        ("htons" | "ntohs" | "htonl" | "ntohl", _) => bad(&format!("{name}(number)")),
        ("inet_addr", [Value::Text(text)]) => match parse_address(text) {
            Some(address @ IpAddr::V4(_)) => Ok(Value::Address(address)),
            _ => bad("inet_addr(\"192.0.2.1\")"),
        },
        ("inet_addr", _) => bad("inet_addr(\"192.0.2.1\")"),
        ("inet_pton", [Value::Integer(family), Value::Text(text)]) => match parse_address(text) {
            Some(address) if i64::from(family_of(address)) == *family => Ok(Value::Address(address)),
            _ => bad("inet_pton(AF_INET6, \"2001:db8::1\") with an address of the family"),
        },
        ("inet_pton", _) => bad("inet_pton(AF_INET6, \"2001:db8::1\")"),
        _ => cursor.wrong_at(
            at,
            format!("there is no function {name}: expected htons, htonl, inet_addr or inet_pton"),
        ),
    }
}

fn family_of(address: IpAddr) -> i32 {
    if address.is_ipv4() { consts::AF_INET } else { consts::AF_INET6 }
}

fn parse_address(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The members of a structure, up to its brace.
fn members(cursor: &mut Cursor<'_>, depth: u32) -> Read<Vec<Member>> {
    let mut members: Vec<Member> = Vec::new();
    loop {
        cursor.skip()?;
        if members.is_empty() && cursor.eat("}") {
            return Ok(members);
        }
        if members.len() == MAX_MEMBERS {
            return cursor.wrong(format!("there are more than {MAX_MEMBERS} values here"));
        }
        let at = cursor.at();
        let (name, size) = member_name(cursor)?;
        if name.is_some() && members.iter().any(|member| member.name == name) {
            return cursor.wrong_at(at, "this member was given before");
        }
        let value = expression(cursor, depth)?;
        members.push(Member { name, size, value });
        cursor.skip()?;
        if cursor.eat("}") {
            return Ok(members);
        }
        if !cursor.eat(",") {
            return cursor.expected("',' or '}'");
        }
    }
}

/// `name=` or `name(size)=`, if the member has one.
fn member_name(cursor: &mut Cursor<'_>) -> Read<(Option<String>, Option<i64>)> {
    let at = cursor.at();
    let name = cursor.word();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        cursor.back_to(at);
        return Ok((None, None));
    }
    let mut size = None;
    if cursor.eat("(") {
        cursor.skip_blanks()?;
        if cursor.eat("...") {
            // The size of what stands there.
        } else if cursor.peek().is_some_and(|c| c.is_ascii_digit()) {
            size = Some(number(cursor)?);
        }
        cursor.skip_blanks()?;
        if !cursor.eat(")") {
            cursor.back_to(at);
            return Ok((None, None));
        }
    }
    cursor.skip_blanks()?;
    if cursor.eat("=") {
        cursor.skip()?;
        return Ok((Some(name.to_owned()), size));
    }
    cursor.back_to(at);
    Ok((None, None))
}

/// A string in quotation marks, with the escapes of C.
fn text(cursor: &mut Cursor<'_>) -> Read<Vec<u8>> {
    let begin = cursor.at();
    cursor.expect("\"")?;
    let mut bytes = Vec::new();
    loop {
        let at = cursor.at();
        match cursor.next() {
            None | Some('\n') => return cursor.wrong_at(begin, "this string has no \" at its end"),
            Some('"') => return Ok(bytes),
            Some('\\') => match cursor.next() {
                Some('n') => bytes.push(b'\n'),
                Some('r') => bytes.push(b'\r'),
                Some('t') => bytes.push(b'\t'),
                Some('0') => bytes.push(0),
                Some(c @ ('\\' | '"')) => bytes.push(c as u8),
                Some('x') => match hexadecimal(cursor.rest()) {
                    Some(byte) => {
                        bytes.push(byte);
                        cursor.next();
                        cursor.next();
                    }
                    None => return cursor.wrong_at(at, "expected two hexadecimal digits behind \\x"),
                },
                _ => return cursor.wrong_at(at, "expected one of \\n \\r \\t \\0 \\\\ \\\" \\xNN"),
            },
            Some(c) => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
}

/// The byte that two hexadecimal digits stand for.
fn hexadecimal(text: &str) -> Option<u8> {
    let digits = text.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}
