//! Heads of requests and responses as text.

use http::{HeaderMap, Method, StatusCode, Version};

/// What ends a head.
const END: &[u8] = b"\r\n\r\n";

/// A version as the first line of a message spells it: `HTTP/1.1`, `HTTP/2`.
pub(super) fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/2",
    }
}

/// A version as `-w '%{http_version}'` spells it.
pub(super) fn number(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_3 => "3",
        _ => "2",
    }
}

/// The head of a response. HTTP/2 has no reason phrase, and none is made up.
pub(super) fn response(
    spoken: Version,
    status: StatusCode,
    reason: Option<&str>,
    headers: &HeaderMap,
) -> Vec<u8> {
    let standard = || if spoken < Version::HTTP_2 { status.canonical_reason() } else { None };
    let reason = reason.or_else(standard).unwrap_or_default();
    let mut text = format!("{} {} {reason}\r\n", version(spoken), status.as_u16()).into_bytes();
    lines(&mut text, headers, spelling(spoken));
    text
}

/// The last of several heads as they came one after the other.
pub(super) fn last(heads: &[u8]) -> &[u8] {
    let before = heads.len().saturating_sub(END.len());
    let end = heads[..before].windows(END.len()).rposition(|window| window == END);
    end.map_or(heads, |end| &heads[end + END.len()..])
}

/// The head of a request. HTTP/2 names the host outside of the headers; as with curl it is shown as one.
pub(super) fn request(
    spoken: Version,
    method: &Method,
    target: &str,
    authority: Option<&str>,
    headers: &HeaderMap,
) -> Vec<u8> {
    let mut text = format!("{method} {target} {}\r\n", version(spoken)).into_bytes();
    let spelled = spelling(spoken);
    if let Some(authority) = authority {
        text.extend_from_slice(format!("{}: {authority}\r\n", spelled("host")).as_bytes());
    }
    lines(&mut text, headers, spelled);
    text
}

/// How names are spelled on the wire: each word with a capital letter until HTTP/2, which has small letters
/// only (RFC 9113 8.2.1).
fn spelling(spoken: Version) -> fn(&str) -> String {
    if spoken >= Version::HTTP_2 {
        return str::to_owned;
    }
    |name| {
        let words = name.split('-').map(|word| {
            let (first, rest) = word.split_at(usize::from(!word.is_empty()));
            first.to_ascii_uppercase() + rest
        });
        words.collect::<Vec<_>>().join("-")
    }
}

fn lines(text: &mut Vec<u8>, headers: &HeaderMap, spelled: fn(&str) -> String) {
    for (name, value) in headers {
        text.extend_from_slice(spelled(name.as_str()).as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_last_of_several_heads_is_the_final_one() {
        let (early, end) =
            ("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", "HTTP/1.1 200 OK\r\nServer: y\r\n\r\n");
        assert_eq!(last(format!("{early}{early}{end}").as_bytes()), end.as_bytes());
        assert_eq!(last(end.as_bytes()), end.as_bytes());
        assert_eq!(last(b""), b"");
    }

    #[test]
    fn a_head_is_what_curl_shows() {
        let mut headers = HeaderMap::new();
        headers.insert("x-a", HeaderValue::from_static("b"));
        let head = |version, reason| {
            String::from_utf8(response(version, StatusCode::NOT_FOUND, reason, &headers)).unwrap()
        };
        assert_eq!(head(Version::HTTP_2, None), "HTTP/2 404 \r\nx-a: b\r\n\r\n");
        assert_eq!(head(Version::HTTP_11, None), "HTTP/1.1 404 Not Found\r\nX-A: b\r\n\r\n");
        assert_eq!(
            head(Version::HTTP_11, Some("Gone fishing")),
            "HTTP/1.1 404 Gone fishing\r\nX-A: b\r\n\r\n"
        );
        assert_eq!(
            request(Version::HTTP_2, &Method::GET, "/p?q", Some("h:1"), &headers),
            b"GET /p?q HTTP/2\r\nhost: h:1\r\nx-a: b\r\n\r\n"
        );
    }
}
