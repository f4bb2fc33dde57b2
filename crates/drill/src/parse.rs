//! The language: text in, a [`Script`] out.
//!
//! The reference is the public documentation of packetdrill's language; docs/drill.md tells what is understood
//! and where this differs. Nothing is skipped: what is not understood is an error that says where and why.

use std::time::Duration;

use crate::error::ParseError;
use crate::script::{Action, Command, Direction, Event, Script, Time};
use crate::settings::{Defines, Settings};

mod call;
mod code;
mod cursor;
mod icmp;
mod options;
mod packet;
mod settings;

use cursor::{Cursor, Read};
pub(crate) use icmp::names;

/// Bytes that a script may have.
pub const MAX_LEN: usize = 1 << 20;

/// Reads a script.
///
/// # Errors
/// Where it cannot be understood, and what was expected there.
pub fn parse(text: &str) -> Result<Script, ParseError> {
    parse_with(text, &Defines::new())
}

/// Reads a script in which these names stand for these values, whatever the script itself defines.
///
/// # Errors
/// As [`parse`].
pub fn parse_with(text: &str, defines: &Defines) -> Result<Script, ParseError> {
    let mut cursor = Cursor::new(text, defines.clone());
    script(&mut cursor).map_err(|trouble| cursor.error(trouble))
}

fn script(cursor: &mut Cursor<'_>) -> Read<Script> {
    if cursor.rest().len() > MAX_LEN {
        return cursor.wrong(format!("a script has at most {MAX_LEN} bytes"));
    }
    let given = cursor.defines.clone();
    let mut script = Script { settings: Settings::default(), init: Vec::new(), events: Vec::new() };
    cursor.skip()?;
    while cursor.rest().starts_with("--") {
        settings::line(cursor, &mut script.settings, &given)?;
        cursor.skip()?;
    }
    settings::check(cursor, &script.settings)?;
    while cursor.peek() == Some('`') {
        script.init.push(command(cursor)?);
        cursor.skip()?;
    }
    let mut last = Duration::ZERO;
    while !cursor.is_at_end() {
        let begin = cursor.at();
        let event = event(cursor, &script.settings, &mut last)?;
        let is_command = |event: &Event| matches!(event.action, Action::Command(_));
        if is_command(&event) && !script.events.iter().all(is_command) {
            return cursor.wrong_at(
                begin,
                "settings hold from the start: this belongs before the first call or packet",
            );
        }
        script.events.push(event);
        cursor.skip()?;
    }
    Ok(script)
}

/// An event, to the end of its line. `last` is the latest absolute time so far.
fn event(cursor: &mut Cursor<'_>, settings: &Settings, last: &mut Duration) -> Read<Event> {
    let begin = cursor.at();
    let time = time(cursor)?;
    if let Time::Absolute(at) | Time::AbsoluteRange(at, _) = time {
        if at < *last {
            return cursor
                .wrong_at(begin, format!("time goes backwards: there was an event at {}", Seconds(*last)));
        }
        *last = at;
    }
    cursor.skip_blanks()?;
    let action = action(cursor, settings, time)?;
    let outbound = matches!(&action, Action::Packet(packet) if packet.direction == Direction::Outbound);
    match time {
        Time::Any if !outbound => {
            return cursor.wrong_at(begin, "the time * is for outbound packets only");
        }
        Time::AbsoluteRange(..) | Time::RelativeRange(..) if !outbound => {
            return cursor.wrong_at(begin, "a range of time is for outbound packets only");
        }
        _ => {}
    }
    let end = cursor.at();
    cursor.skip_blanks()?;
    if !cursor.is_at_end() && !cursor.eat("\n") {
        return cursor.expected("the end of the line behind this event");
    }
    let mut text = cursor.between(begin, end);
    if matches!(action, Action::Packet(_)) {
        // What is looked for behind a packet is looked for behind comments, too.
        text = text.find(['#', '/']).map_or(text, |comment| &text[..comment]);
    }
    Ok(Event { place: cursor.place(begin), text: one_line(text), time, action })
}

/// Text with each run of blanks as one blank.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn time(cursor: &mut Cursor<'_>) -> Read<Time> {
    if cursor.eat("*") {
        return Ok(Time::Any);
    }
    let relative = cursor.eat("+");
    if !relative && !cursor.rest().starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return cursor.expected("the time of an event: 0.1, +0.1, 0.1~0.2 or *");
    }
    let from = cursor.seconds()?;
    cursor.skip_blanks()?;
    if !cursor.eat("~") {
        return Ok(if relative { Time::Relative(from) } else { Time::Absolute(from) });
    }
    cursor.skip_blanks()?;
    let at = cursor.at();
    if cursor.eat("+") != relative {
        return cursor
            .wrong_at(at, "both ends of a range are absolute (0.1~0.2) or both are relative (+0.1~+0.2)");
    }
    let to = cursor.seconds()?;
    if to < from {
        return cursor.wrong_at(at, "this range of time ends before it begins");
    }
    Ok(if relative { Time::RelativeRange(from, to) } else { Time::AbsoluteRange(from, to) })
}

fn action(cursor: &mut Cursor<'_>, settings: &Settings, time: Time) -> Read<Action> {
    match cursor.peek() {
        Some('<' | '>') => packet::packet(cursor, settings).map(Action::Packet),
        Some('`') => command(cursor).map(Action::Command),
        Some('%') => code::block(cursor).map(Action::Code),
        Some(c) if c == '.' || c.is_ascii_alphabetic() || c == '_' => {
            call::call(cursor, settings, time).map(Action::Call)
        }
        _ => cursor.expected("< or > and a packet, a system call, a `command`, or %{ code }%"),
    }
}

/// A command in backquotes.
fn command(cursor: &mut Cursor<'_>) -> Read<Command> {
    let at = cursor.at();
    let place = cursor.place(at);
    cursor.expect("`")?;
    let Some(len) = cursor.rest().find('`') else {
        return cursor.wrong_at(at, "this command has no ` at its end");
    };
    let text = cursor.rest()[..len].trim().to_owned();
    cursor.back_to(at + 1 + len + 1);
    match crate::sysctl::read(&text) {
        Ok(settings) => Ok(Command { place, text, settings }),
        Err(message) => cursor.wrong_at(at, message),
    }
}

/// A time as it is shown: seconds with six decimals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seconds(pub(crate) Duration);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0.as_secs(), self.0.subsec_micros())
    }
}

#[cfg(test)]
mod tests;
