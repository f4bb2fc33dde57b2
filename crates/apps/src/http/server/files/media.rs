//! What kind of thing a file is, by its name.

use std::ffi::OsStr;
use std::path::Path;

/// The content type for a file of this name. Text is taken for UTF-8.
pub(super) fn content_type(name: &OsStr) -> String {
    let Some(kind) = mime_guess::from_path(Path::new(name)).first_raw() else {
        return "application/octet-stream".into();
    };
    // RFC 9239 6: the other name is obsolete.
    let kind = if kind == "application/javascript" { "text/javascript" } else { kind };
    if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_types_that_browsers_expect() {
        for (name, kind) in [
            ("index.html", "text/html; charset=utf-8"),
            ("A.HTML", "text/html; charset=utf-8"),
            ("x.css", "text/css; charset=utf-8"),
            ("x.js", "text/javascript; charset=utf-8"),
            ("x.mjs", "text/javascript; charset=utf-8"),
            ("x.json", "application/json"),
            ("x.svg", "image/svg+xml"),
            ("x.png", "image/png"),
            ("x.wasm", "application/wasm"),
            ("x.pdf", "application/pdf"),
            ("x.tar.gz", "application/gzip"),
            ("x.mp4", "video/mp4"),
            ("x.md", "text/markdown; charset=utf-8"),
            ("Makefile", "application/octet-stream"),
            ("x.unheard-of", "application/octet-stream"),
        ] {
            assert_eq!(content_type(OsStr::new(name)), kind, "{name}");
        }
    }
}
