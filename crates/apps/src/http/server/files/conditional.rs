//! Requests that depend on the state of what they are for (RFC 9110 13).

use std::time::{Duration, SystemTime};

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName, Method, StatusCode};

use super::tree::Facts;

/// A file that was changed less long ago may be changed again within the same time stamp, so that its tag
/// says only that it is probably the same (RFC 9110 8.8.1: a weak validator).
const SETTLED: Duration = Duration::from_secs(2);

/// What tells one state of a file from another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Validators {
    tag: String,
    weak: bool,
    modified: SystemTime,
}

impl Validators {
    /// Those of a file at the time `now`.
    pub(super) fn new(facts: &Facts, now: SystemTime) -> Validators {
        let weak = now.duration_since(facts.modified).is_ok_and(|age| age < SETTLED);
        Validators { tag: format!("\"{}\"", facts.tag()), weak, modified: facts.modified }
    }

    /// As `ETag` has it.
    pub(super) fn etag(&self) -> String {
        if self.weak { format!("W/{}", self.tag) } else { self.tag.clone() }
    }

    /// As `Last-Modified` has it: never in the future (RFC 9110 8.8.2.1).
    pub(super) fn last_modified(&self, now: SystemTime) -> String {
        httpdate::fmt_http_date(self.modified.min(now))
    }

    fn is_strong(&self, tag: &str) -> bool {
        !self.weak && tag == self.tag
    }

    fn is_alike(&self, tag: &str) -> bool {
        tag.strip_prefix("W/").unwrap_or(tag) == self.tag
    }

    /// Whether the file was changed after `date`, of which whole seconds count.
    fn is_newer_than(&self, date: SystemTime) -> bool {
        seconds(self.modified) > seconds(date)
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Evaluates the conditions of a request in the order of RFC 9110 13.2.2. The answer is the status that it
/// gets instead of what it asked for; `current` is `None` where there is nothing yet.
pub(super) fn evaluate(
    method: &Method,
    headers: &HeaderMap,
    current: Option<&Validators>,
) -> Option<StatusCode> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if headers.contains_key(IF_MATCH) {
        let matches = |tag: &str| current.is_some_and(|current| tag == "*" || current.is_strong(tag));
        if !any(headers, IF_MATCH, matches) {
            return Some(StatusCode::PRECONDITION_FAILED);
        }
    } else if let Some(date) = date(headers, IF_UNMODIFIED_SINCE)
        && current.is_some_and(|current| current.is_newer_than(date))
    {
        return Some(StatusCode::PRECONDITION_FAILED);
    }
    if headers.contains_key(IF_NONE_MATCH) {
        let matches = |tag: &str| current.is_some_and(|current| tag == "*" || current.is_alike(tag));
        if any(headers, IF_NONE_MATCH, matches) {
            return Some(if reads { StatusCode::NOT_MODIFIED } else { StatusCode::PRECONDITION_FAILED });
        }
    } else if reads
        && let Some(date) = date(headers, IF_MODIFIED_SINCE)
        && current.is_some_and(|current| !current.is_newer_than(date))
    {
        return Some(StatusCode::NOT_MODIFIED);
    }
    None
}

/// Whether a `Range` counts: there is no `If-Range`, or it names this very state (RFC 9110 13.1.5).
pub(super) fn range_applies(headers: &HeaderMap, current: &Validators) -> bool {
    let Some(value) = headers.get(IF_RANGE) else { return true };
    let Ok(value) = value.to_str().map(str::trim) else { return false };
    if value.starts_with('"') || value.starts_with("W/") {
        return current.is_strong(value);
    }
    // A date is as good as a strong tag when the file has not been changed for a while (RFC 9110 8.8.2.2).
    let same = |date| seconds(current.modified) == seconds(date);
    !current.weak && httpdate::parse_http_date(value).is_ok_and(same)
}

/// Whether any tag of a field holds.
fn any(headers: &HeaderMap, name: HeaderName, holds: impl Fn(&str) -> bool) -> bool {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).any(|list| tags(list).any(&holds))
}

/// The entity tags of a list. What is none ends it.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if let Some(after) = rest.strip_prefix('*') {
            let star = &rest[..1];
            rest = after;
            return Some(star);
        }
        let opaque = rest.strip_prefix("W/").unwrap_or(rest);
        let inner = opaque.strip_prefix('"')?;
        let len = (rest.len() - inner.len()) + inner.find('"')? + 1;
        let (tag, after) = rest.split_at(len);
        rest = after;
        Some(tag)
    })
}

/// A date that can be read; one that cannot is ignored (RFC 9110 13.1.3).
fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    let mut values = headers.get_all(name).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changed at second 784111777 (Sun, 06 Nov 1994 08:49:37 GMT) and a half.
    fn validators(weak: bool) -> Validators {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_500);
        Validators { tag: "\"a\"".into(), weak, modified }
    }

    fn headers(fields: &[(HeaderName, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sunday, 06-Nov-94 08:49:38 GMT";

    #[test]
    fn conditions_decide_in_the_order_of_the_rfc() {
        let none: &[(HeaderName, &str)] = &[];
        for (fields, weak, expected) in [
            (none, false, None),
            (&[(IF_NONE_MATCH, "\"a\"")], false, Some(304)),
            (&[(IF_NONE_MATCH, "W/\"a\"")], false, Some(304)),
            (&[(IF_NONE_MATCH, "\"a\"")], true, Some(304)),
            (&[(IF_NONE_MATCH, "\"b\", \"a\"")], false, Some(304)),
            (&[(IF_NONE_MATCH, "*")], false, Some(304)),
            (&[(IF_NONE_MATCH, "\"b\"")], false, None),
            (&[(IF_MODIFIED_SINCE, SAME)], false, Some(304)),
            (&[(IF_MODIFIED_SINCE, AFTER)], false, Some(304)),
            (&[(IF_MODIFIED_SINCE, BEFORE)], false, None),
            (&[(IF_MODIFIED_SINCE, "yesterday")], false, None),
            // A tag is better than a date.
            (&[(IF_NONE_MATCH, "\"b\""), (IF_MODIFIED_SINCE, AFTER)], false, None),
            (&[(IF_MATCH, "\"a\"")], false, None),
            (&[(IF_MATCH, "*")], true, None),
            (&[(IF_MATCH, "\"a\"")], true, Some(412)),
            (&[(IF_MATCH, "\"b\"")], false, Some(412)),
            (&[(IF_UNMODIFIED_SINCE, BEFORE)], false, Some(412)),
            (&[(IF_UNMODIFIED_SINCE, SAME)], false, None),
            (&[(IF_MATCH, "\"a\""), (IF_UNMODIFIED_SINCE, BEFORE)], false, None),
            (&[(IF_MATCH, "\"b\""), (IF_NONE_MATCH, "\"a\"")], false, Some(412)),
        ] {
            let status = evaluate(&Method::GET, &headers(fields), Some(&validators(weak)));
            assert_eq!(status.map(|status| status.as_u16()), expected, "{fields:?} {weak}");
        }
    }

    #[test]
    fn what_is_to_be_written_may_be_required_to_be_new_or_known() {
        let there = validators(false);
        for (field, value, current, expected) in [
            (IF_NONE_MATCH, "*", None, None),
            (IF_NONE_MATCH, "*", Some(&there), Some(412)),
            (IF_MATCH, "*", None, Some(412)),
            (IF_MATCH, "\"a\"", Some(&there), None),
            (IF_MATCH, "\"b\"", Some(&there), Some(412)),
        ] {
            let status = evaluate(&Method::PUT, &headers(&[(field.clone(), value)]), current);
            assert_eq!(status.map(|status| status.as_u16()), expected, "{field}: {value}");
        }
    }

    #[test]
    fn a_range_counts_only_for_the_state_it_was_asked_of() {
        for (value, weak, expected) in [
            ("\"a\"", false, true),
            ("\"a\"", true, false),
            ("W/\"a\"", false, false),
            ("\"b\"", false, false),
            (SAME, false, true),
            (SAME, true, false),
            (AFTER, false, false),
            ("nonsense", false, false),
        ] {
            let applies = range_applies(&headers(&[(IF_RANGE, value)]), &validators(weak));
            assert_eq!(applies, expected, "{value} {weak}");
        }
        assert!(range_applies(&HeaderMap::new(), &validators(true)));
    }

    #[test]
    fn a_file_that_has_just_been_changed_has_a_weak_tag() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let stat = |age: u64| {
            let modified = now - Duration::from_secs(age);
            Validators::new(&Facts::for_test(5, modified), now)
        };
        assert!(stat(1).etag().starts_with("W/\""));
        assert!(stat(60).etag().starts_with('"'));
    }
}
