//! Where a redirect leads, and with what (RFC 9110 15.4; the choices are curl's).

use http::header::{self, HeaderName};
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::connection::Origin;
use super::error::FetchError;
use super::options::Redirects;

/// Headers that are only for the one they were meant for.
const CREDENTIALS: [HeaderName; 3] = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];
/// Headers about a body that is not sent again.
const ABOUT_BODY: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::TRANSFER_ENCODING];

/// The target of a redirect; `None` when the response is none.
pub(super) fn target(from: &Url, status: StatusCode, headers: &HeaderMap) -> Option<Result<Url, FetchError>> {
    if !matches!(status.as_u16(), 300 | 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = String::from_utf8_lossy(headers.get(header::LOCATION)?.as_bytes()).trim().to_owned();
    if location.is_empty() {
        return None;
    }
    Some(match from.join(&location) {
        Ok(to) if !matches!(to.scheme(), "http" | "https") => {
            Err(FetchError::UnsupportedScheme { scheme: to.scheme().into() })
        }
        Ok(mut to) => {
            // RFC 9110 10.2.2: the fragment is inherited.
            if to.fragment().is_none() {
                to.set_fragment(from.fragment());
            }
            Ok(to)
        }
        Err(error) => Err(FetchError::BadRedirect { location, why: error.to_string() }),
    })
}

/// The method after a redirect, and whether the body goes along.
pub(super) fn method(method: &Method, status: StatusCode, rules: &Redirects) -> (Method, bool) {
    let becomes_get = match status.as_u16() {
        301 | 302 => *method == Method::POST,
        303 => *method != Method::HEAD && *method != Method::GET,
        _ => false,
    };
    match (becomes_get, rules.keep_method) {
        (false, _) => (method.clone(), true),
        (true, true) => (method.clone(), false),
        (true, false) => (Method::GET, false),
    }
}

/// Takes out of `headers` what must not go along.
pub(super) fn strip(headers: &mut HeaderMap, from: &Url, to: &Url, keeps_body: bool) {
    if Origin::of(from) != Origin::of(to) {
        CREDENTIALS.iter().for_each(|name| drop(headers.remove(name)));
        // A Host header of the user's own was for the first server.
        headers.remove(header::HOST);
    }
    if !keeps_body {
        ABOUT_BODY.iter().for_each(|name| drop(headers.remove(name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_of_the_server_is_followed_and_an_empty_location_is_not() {
        let from: Url = "http://h/a".parse().unwrap();
        let leads_to = |status: u16, location: &'static str| {
            let headers = HeaderMap::from_iter([(header::LOCATION, location.parse().unwrap())]);
            target(&from, StatusCode::from_u16(status).unwrap(), &headers).map(|to| to.unwrap().to_string())
        };
        assert_eq!(leads_to(300, "/b").as_deref(), Some("http://h/b"));
        assert_eq!(leads_to(302, ""), None);
        assert_eq!(leads_to(302, " "), None);
        assert_eq!(leads_to(304, "/b"), None);
    }

    #[test]
    fn methods_change_as_curl_changes_them() {
        let rules = Redirects::default();
        // before, status, after, whether the body goes along
        let table = [
            ("POST", 301, "GET", false),
            ("POST", 302, "GET", false),
            ("POST", 303, "GET", false),
            ("POST", 307, "POST", true),
            ("POST", 308, "POST", true),
            ("PUT", 302, "PUT", true),
            ("PUT", 303, "GET", false),
            ("HEAD", 303, "HEAD", true),
            ("GET", 301, "GET", true),
        ];
        for (before, status, after, keeps_body) in table {
            let before: Method = before.parse().unwrap();
            let (method, kept) = method(&before, StatusCode::from_u16(status).unwrap(), &rules);
            assert_eq!((method.as_str(), kept), (after, keeps_body), "{before} {status}");
        }
    }
}
