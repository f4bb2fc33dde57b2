//! Options of a segment: `<mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>`.

use super::cursor::{Cursor, Read};
use crate::script::{Direction, Options, TcpOption};

const EXPECTED: &str = "an option: mss N, wscale N, sackOK, sack A:B …, TS val N ecr N, nop, eol, FO cookie, \
                        FOEXP cookie, ECN e0b N ceb N e1b N, md5 digest or opt KIND data";

/// The options behind the opening `<`.
pub(super) fn list(cursor: &mut Cursor<'_>, direction: Direction) -> Read<Options> {
    let begin = cursor.at();
    cursor.skip_blanks()?;
    if cursor.eat("...") {
        cursor.expect(">")?;
        return match direction {
            Direction::Outbound => Ok(Options::Any),
            Direction::Inbound => cursor.wrong_at(begin, "a segment that arrives needs its options, not any"),
        };
    }
    let mut options = Vec::new();
    loop {
        cursor.skip_blanks()?;
        if options.is_empty() && cursor.eat(">") {
            break;
        }
        options.push(option(cursor, direction)?);
        cursor.skip_blanks()?;
        if cursor.eat(">") {
            break;
        }
        if !cursor.eat(",") {
            return cursor.expected("',' or '>' behind an option");
        }
    }
    let len = options.iter().map(encoded_len).sum::<usize>();
    if len > 40 {
        return cursor
            .wrong_at(begin, format!("these options take {len} bytes, and a header has room for 40"));
    }
    // What follows the end of the list is padding already.
    if len % 4 != 0 && options.last() != Some(&TcpOption::End) {
        return cursor
            .wrong_at(begin, format!("these options take {len} bytes, no multiple of 4: pad them with nop"));
    }
    Ok(Options::These(options))
}

/// Bytes on the wire.
pub(crate) fn encoded_len(option: &TcpOption) -> usize {
    match option {
        TcpOption::End | TcpOption::Nop => 1,
        TcpOption::SackPermitted => 2,
        TcpOption::WindowScale(_) => 3,
        TcpOption::Mss(_) => 4,
        TcpOption::Timestamps(..) => 10,
        TcpOption::Sack(blocks) => 2 + 8 * blocks.len(),
        TcpOption::FastOpen(data) | TcpOption::Md5(data) | TcpOption::Other(_, data) => 2 + data.len(),
        TcpOption::FastOpenExperimental(data) => 4 + data.len(),
        TcpOption::AccEcn { counters, .. } => 2 + 3 * counters.len(),
    }
}

fn option(cursor: &mut Cursor<'_>, direction: Direction) -> Read<TcpOption> {
    let at = cursor.at();
    let option = match cursor.word() {
        "eol" => TcpOption::End,
        "nop" => TcpOption::Nop,
        "mss" => TcpOption::Mss(cursor.number("a segment size", 65_535)? as u16),
        "wscale" => TcpOption::WindowScale(cursor.number("a shift", 255)? as u8),
        "sackOK" => TcpOption::SackPermitted,
        "sack" => TcpOption::Sack(blocks(cursor)?),
        "TS" => timestamps(cursor, direction)?,
        "FO" => TcpOption::FastOpen(bytes(cursor)?),
        "FOEXP" => TcpOption::FastOpenExperimental(bytes(cursor)?),
        "md5" => TcpOption::Md5(bytes(cursor)?),
        "ECN" => accurate_ecn(cursor)?,
        "opt" => {
            let kind = cursor.number("the kind of an option", 255)? as u8;
            if kind < 2 {
                return cursor.wrong_at(at, "the kinds 0 and 1 are eol and nop, without data");
            }
            TcpOption::Other(kind, bytes(cursor)?)
        }
        _ => {
            cursor.back_to(at);
            return cursor.expected(EXPECTED);
        }
    };
    Ok(option)
}

fn blocks(cursor: &mut Cursor<'_>) -> Read<Vec<(u32, u32)>> {
    let mut blocks = Vec::new();
    loop {
        let left = cursor.number("a block as 1001:2001", u32::MAX.into())? as u32;
        cursor.expect(":")?;
        let right = cursor.number("the sequence number behind the block", u32::MAX.into())? as u32;
        blocks.push((left, right));
        cursor.skip_blanks()?;
        if !cursor.peek().is_some_and(|c| c.is_ascii_alphanumeric()) {
            return Ok(blocks);
        }
    }
}

fn timestamps(cursor: &mut Cursor<'_>, direction: Direction) -> Read<TcpOption> {
    let mut values = [None; 2];
    for (name, value) in ["val", "ecr"].into_iter().zip(&mut values) {
        cursor.expect(name)?;
        cursor.skip_blanks()?;
        let at = cursor.at();
        *value = if cursor.eat("...") {
            if direction == Direction::Inbound {
                return cursor.wrong_at(at, "a segment that arrives needs its timestamps, not any");
            }
            None
        } else {
            Some(cursor.number("a timestamp", u32::MAX.into())? as u32)
        };
    }
    Ok(TcpOption::Timestamps(values[0], values[1]))
}

/// `ECN e0b 1 ceb 0 e1b 1`, or from e1b to e0b; trailing counters may be missing.
fn accurate_ecn(cursor: &mut Cursor<'_>) -> Read<TcpOption> {
    cursor.skip_blanks()?;
    let at = cursor.at();
    let order = match cursor.peek_word() {
        "e1b" => ["e1b", "ceb", "e0b"],
        _ => ["e0b", "ceb", "e1b"],
    };
    let mut counters = Vec::new();
    for name in order {
        cursor.skip_blanks()?;
        if cursor.peek_word() != name {
            break;
        }
        cursor.word();
        counters.push(cursor.number("a counter", 0xff_ffff)? as u32);
    }
    cursor.skip_blanks()?;
    if !matches!(cursor.peek(), Some(',' | '>')) {
        return cursor.wrong_at(at, "expected e0b N, ceb N and e1b N, in this order or from e1b to e0b");
    }
    Ok(TcpOption::AccEcn { ect0_first: order[0] == "e0b", counters })
}

/// Bytes in hexadecimal digits; perhaps none.
fn bytes(cursor: &mut Cursor<'_>) -> Read<Vec<u8>> {
    cursor.skip_blanks()?;
    let at = cursor.at();
    let word = cursor.word();
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok()
    };
    let bytes: Option<Vec<u8>> =
        word.as_bytes().chunks(2).map(|digits| (digits.len() == 2).then(|| pair(digits))?).collect();
    match bytes {
        Some(bytes) if bytes.len() <= 38 => Ok(bytes),
        _ => cursor.wrong_at(at, format!("expected bytes as pairs of hexadecimal digits, found '{word}'")),
    }
}
