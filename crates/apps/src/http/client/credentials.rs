//! User and password of a URL (RFC 3986 3.2.1) as Basic authentication (RFC 7617).

use url::Url;

/// The value of the `Authorization` header; `None` when the URL names no user.
pub(super) fn basic(url: &Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair = percent_decoded(url.username());
    pair.push(b':');
    pair.extend(percent_decoded(url.password().unwrap_or_default()));
    Some(format!("Basic {}", base64(&pair)))
}

/// The URL without user and password, for showing it.
pub(super) fn without(url: &Url) -> Url {
    let mut shown = url.clone();
    // These fail only for URLs without a host, which have no credentials either.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown
}

/// RFC 3986 2.1; a percent sign without two digits behind it stays.
fn percent_decoded(text: &str) -> Vec<u8> {
    let hex = |digits: &[u8]| {
        let value = |digit: &u8| char::from(*digit).to_digit(16);
        digits.iter().try_fold(0, |byte, digit| Some(byte << 4 | value(digit)? as u8))
    };
    let mut rest = text.as_bytes();
    let mut out = Vec::with_capacity(rest.len());
    while let [first, behind @ ..] = rest {
        rest = behind;
        match (first, behind.get(..2).and_then(hex)) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                rest = &behind[2..];
            }
            _ => out.push(*first),
        }
    }
    out
}

/// RFC 4648 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            text.push(match place <= chunk.len() {
                true => char::from(ALPHABET[(group >> (18 - 6 * place) & 63) as usize]),
                false => '=',
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_the_examples_of_the_rfc() {
        let table = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in table {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn leaves_stray_percent_signs_alone() {
        assert_eq!(percent_decoded("a%41%4%+4%zz%"), b"aA%4%+4%zz%");
    }
}
