//! From the path of a URL to names in a folder (RFC 3986 3.3, 5.2.4).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use http::StatusCode;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};

/// What is encoded in a path segment (RFC 3986 3.3: neither unreserved nor a sub-delimiter, `:` or `@`).
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The one name with a dot in front that is for the public (RFC 8615).
const WELL_KNOWN: &str = ".well-known";

/// What a request is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Target {
    /// Names from the root of the folder on.
    pub(super) names: Vec<OsString>,
    /// The path ended with a slash: only a folder may be meant.
    pub(super) folder: bool,
}

impl Target {
    /// Reads the path of a request. The error is the status to answer with.
    pub(super) fn parse(path: &str, dotfiles: bool) -> Result<Target, StatusCode> {
        let Some(path) = path.strip_prefix('/') else { return Err(StatusCode::BAD_REQUEST) };
        let mut names: Vec<OsString> = Vec::new();
        let mut folder = true;
        for segment in path.split('/') {
            let name: Vec<u8> = percent_decode_str(segment).collect();
            folder = true;
            match &name[..] {
                b"" | b"." => {}
                b".." => {
                    names.pop().ok_or(StatusCode::BAD_REQUEST)?;
                }
                // No name of a file has these, whatever stands around them.
                name if name.contains(&b'/') || name.contains(&0) => return Err(StatusCode::NOT_FOUND),
                _ => {
                    folder = false;
                    names.push(OsString::from_vec(name));
                }
            }
        }
        if !dotfiles && names.iter().any(|name| is_hidden(name)) {
            return Err(StatusCode::NOT_FOUND);
        }
        Ok(Target { names, folder })
    }

    /// The last name; empty for the root.
    pub(super) fn name(&self) -> &OsStr {
        self.names.last().map_or(OsStr::new(""), OsString::as_os_str)
    }

    /// The place in the folder; `.` for its root.
    pub(super) fn path(&self) -> PathBuf {
        if self.names.is_empty() { PathBuf::from(".") } else { self.names.iter().collect() }
    }

    /// The path of the URL, encoded again, with a slash at the end for a folder. Never begins with two slashes,
    /// which would name another host.
    pub(super) fn url(&self, folder: bool) -> String {
        let mut url: String = self.names.iter().flat_map(|name| ["/".to_owned(), encode(name)]).collect();
        if folder || url.is_empty() {
            url.push('/');
        }
        url
    }
}

/// Whether a name is kept from the public.
pub(super) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().first() == Some(&b'.') && name != WELL_KNOWN
}

/// A name as a segment of a URL's path.
pub(super) fn encode(name: &OsStr) -> String {
    percent_encode(name.as_encoded_bytes(), SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_place_below_the_root() {
        for (path, names, folder) in [
            ("/", &[][..], true),
            ("/a", &["a"], false),
            ("/a/", &["a"], true),
            ("//a///b.txt", &["a", "b.txt"], false),
            ("/a/./b", &["a", "b"], false),
            ("/a/../b", &["b"], false),
            ("/a/b/..", &["a"], true),
            ("/a/%2e%2e/b", &["b"], false),
            ("/a%20b/%C3%BC", &["a b", "ü"], false),
            ("/100%", &["100%"], false),
            ("/.well-known/x", &[".well-known", "x"], false),
            ("/a..b/c.", &["a..b", "c."], false),
        ] {
            let target = Target::parse(path, false).unwrap();
            assert_eq!(target.names, names, "{path}");
            assert_eq!(target.folder, folder, "{path}");
        }
    }

    #[test]
    fn a_path_that_leads_out_or_to_what_is_hidden_is_refused() {
        for (path, status) in [
            ("/..", 400),
            ("/../etc/passwd", 400),
            ("/a/../../etc/passwd", 400),
            ("/%2e%2e/etc/passwd", 400),
            ("*", 400),
            ("/..%2fetc%2fpasswd", 404),
            ("/a%2fb", 404),
            ("/a%00b", 404),
            ("/.git/config", 404),
            ("/a/.htaccess", 404),
            ("/...", 404),
        ] {
            assert_eq!(Target::parse(path, false).unwrap_err().as_u16(), status, "{path}");
        }
        assert!(Target::parse("/.git/config", true).is_ok());
    }

    #[test]
    fn a_url_made_of_a_place_leads_back_to_it_and_names_no_host() {
        for path in ["/", "/a b/ü", "/a%25b/%23x%3Fy", "//evil.example/x", "/%5c%5cevil.example"] {
            let target = Target::parse(path, false).unwrap();
            let url = target.url(true);
            assert!(!url.starts_with("//") && url.is_ascii(), "{url}");
            assert_eq!(Target::parse(&url, false).unwrap().names, target.names, "{path}");
        }
    }
}
