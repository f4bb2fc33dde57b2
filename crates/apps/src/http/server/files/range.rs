//! Byte ranges (RFC 9110 14).

/// Ranges that one request may ask for; with more it gets all of the file (RFC 9110 14.2: "a server MAY ignore
/// the Range header field", as many small ranges cost more than they save).
const MAX_RANGES: usize = 32;

/// A part of a file: from the first byte on, up to and without the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Part {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Part {
    pub(super) fn len(self) -> u64 {
        self.end - self.start
    }

    /// As `Content-Range` has it.
    pub(super) fn of(self, len: u64) -> String {
        format!("bytes {}-{}/{len}", self.start, self.end - 1)
    }
}

/// What a `Range` asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// All of it: the field makes no sense, or asks for too much.
    Whole,
    /// These parts, at least one, none of them empty.
    Parts(Vec<Part>),
    /// Nothing that there is (416).
    Nothing,
}

/// Reads the value of `Range` for a file of `len` bytes.
pub(super) fn parse(value: &str, len: u64) -> Asked {
    let Some((unit, set)) = value.split_once('=') else { return Asked::Whole };
    // RFC 9110 14.1: a unit that is not known is ignored; names of units have no case.
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Asked::Whole;
    }
    let mut parts = Vec::new();
    let mut count = 0;
    // RFC 9110 5.6.1.2: a list may have empty elements.
    for spec in set.split(',').map(str::trim).filter(|spec| !spec.is_empty()) {
        count += 1;
        let Some(part) = one(spec, len) else { return Asked::Whole };
        parts.extend(part);
    }
    if count == 0 || count > MAX_RANGES {
        return Asked::Whole;
    }
    if parts.is_empty() {
        return Asked::Nothing;
    }
    coalesce(&mut parts);
    if parts.len() > 1 && parts.iter().map(|part| part.len()).sum::<u64>() >= len {
        return Asked::Whole;
    }
    Asked::Parts(parts)
}

/// One range: `None` when it is none, `Some(None)` when the file has nothing of it.
fn one(spec: &str, len: u64) -> Option<Option<Part>> {
    let (first, last) = spec.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    if first.is_empty() {
        // The last so many bytes.
        let suffix = number(last)?.min(len);
        return Some((suffix > 0).then_some(Part { start: len - suffix, end: len }));
    }
    let start = number(first)?;
    let end = if last.is_empty() { u64::MAX } else { number(last)? };
    if end < start {
        return None;
    }
    Some((start < len).then(|| Part { start, end: end.min(len - 1) + 1 }))
}

/// Digits, however many: what exceeds 64 bits is beyond every file.
fn number(digits: &str) -> Option<u64> {
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Joins what overlaps or touches (RFC 9110 15.3.7.2), and keeps the order in which it was asked for
/// otherwise.
fn coalesce(parts: &mut Vec<Part>) {
    let mut joined: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts.drain(..) {
        let mut part = part;
        let mut place = joined.len();
        let mut index = 0;
        while index < joined.len() {
            let other = joined[index];
            if part.start <= other.end && other.start <= part.end {
                part = Part { start: part.start.min(other.start), end: part.end.max(other.end) };
                place = place.min(index);
                joined.remove(index);
            } else {
                index += 1;
            }
        }
        joined.insert(place.min(joined.len()), part);
    }
    *parts = joined;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(list: &[(u64, u64)]) -> Asked {
        Asked::Parts(list.iter().map(|&(start, end)| Part { start, end }).collect())
    }

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        for (value, len, expected) in [
            ("bytes=0-499", 10_000, parts(&[(0, 500)])),
            ("bytes=500-999", 10_000, parts(&[(500, 1000)])),
            ("bytes=-500", 10_000, parts(&[(9500, 10_000)])),
            ("bytes=9500-", 10_000, parts(&[(9500, 10_000)])),
            ("bytes=0-0,-1", 10_000, parts(&[(0, 1), (9999, 10_000)])),
            ("Bytes = 0-4 , 6-7", 10, parts(&[(0, 5), (6, 8)])),
            ("bytes=,0-4,,", 10, parts(&[(0, 5)])),
            ("bytes=5-99999999999999999999999", 10, parts(&[(5, 10)])),
            ("bytes=-99999999999999999999999", 10, parts(&[(0, 10)])),
            // Overlapping and touching ones become one.
            ("bytes=500-600,601-999", 10_000, parts(&[(500, 1000)])),
            ("bytes=500-700,601-999", 10_000, parts(&[(500, 1000)])),
            ("bytes=0-1,8-9,1-3", 100, parts(&[(0, 4), (8, 10)])),
            // What is partly beyond the end counts with the rest.
            ("bytes=0-4,20-", 10, parts(&[(0, 5)])),
            ("bytes=10-", 10, Asked::Nothing),
            ("bytes=-0", 10, Asked::Nothing),
            ("bytes=0-0", 0, Asked::Nothing),
            ("bytes=-1", 0, Asked::Nothing),
            // Nonsense and other units are as if not asked.
            ("bytes=5-4", 10, Asked::Whole),
            ("bytes=a-b", 10, Asked::Whole),
            ("bytes=", 10, Asked::Whole),
            ("bytes", 10, Asked::Whole),
            ("bytes=+1-2", 10, Asked::Whole),
            ("bytes=-", 10, Asked::Whole),
            ("lines=1-2", 10, Asked::Whole),
        ] {
            assert_eq!(parse(value, len), expected, "{value} of {len}");
        }
    }

    #[test]
    fn too_many_ranges_or_more_than_the_file_is_all_of_it() {
        let many: Vec<String> = (0..=MAX_RANGES).map(|n| format!("{0}-{0}", 2 * n)).collect();
        assert_eq!(parse(&format!("bytes={}", many.join(",")), 1000), Asked::Whole);
        assert!(matches!(parse(&format!("bytes={}", many[1..].join(",")), 1000), Asked::Parts(_)));
        // The whole and more, in overlapping pieces, is one piece.
        assert_eq!(parse("bytes=0-9,0-9,0-9", 10), parts(&[(0, 10)]));
    }
}
