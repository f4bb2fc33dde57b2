//! The list of what is in a folder.

use std::fmt::Write;

use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, HeaderValue};

use super::answer::typed;
use super::path::{Target, encode};
use super::tree::Entry;
use crate::http::server::{Response, body};

/// Names are the folder's, so nothing in the page may act.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em}\
    table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.1em 1em .1em 0}\
    td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\
    @media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}}";

/// The page for a folder: folders first, each kind by name.
pub(super) fn page(target: &Target, mut entries: Vec<Entry>, more: bool, uploads: bool) -> String {
    entries.sort_by(|a, b| b.folder.cmp(&a.folder).then_with(|| a.name.cmp(&b.name)));
    let names: String = target.names.iter().flat_map(|name| [name.to_string_lossy(), "/".into()]).collect();
    let title = escape(&format!("/{names}"));
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n\
         <table><tr><th>Name</th><th class=\"n\">Bytes</th><th class=\"n\">Changed (UTC)</th></tr>\n"
    );
    if !target.names.is_empty() {
        page.push_str("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    }
    for Entry { name, folder, facts } in &entries {
        let slash = if *folder { "/" } else { "" };
        let size = if *folder { String::new() } else { facts.len.to_string() };
        let changed = changed(facts.modified);
        // The dot keeps a name with a colon from being a scheme.
        let (href, text) = (escape(&encode(name)), escape(&name.to_string_lossy()));
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "<tr><td><a href=\"./{href}{slash}\">{text}{slash}</a></td><td class=\"n\">{size}</td>\
             <td class=\"n\">{changed}</td></tr>"
        );
    }
    page.push_str("</table>\n");
    if more {
        let _ = writeln!(page, "<p>There is more than these {} entries.</p>", entries.len());
    }
    if uploads {
        page.push_str("<p>Send a file here: <code>curl -T FILE</code> and this page's address.</p>\n");
    }
    page.push_str("</body></html>\n");
    page
}

/// The page as an answer.
pub(super) fn response(page: String) -> Response {
    let mut response = typed(StatusCode::OK, "text/html; charset=utf-8", body(page));
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// `2026-11-25 11:40`
fn changed(time: std::time::SystemTime) -> String {
    let since = time.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    crate::http::date::iso_minutes(since)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // A line break in a name, or worse.
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::http::server::files::tree::Facts;

    fn entry(name: &str, folder: bool) -> Entry {
        Entry { name: name.into(), folder, facts: Facts::for_test(7, SystemTime::UNIX_EPOCH) }
    }

    #[test]
    fn a_name_is_text_and_a_link_whatever_is_in_it() {
        let target = Target::parse("/%3Cb%3E/", false).unwrap();
        let name = "<script>alert(\"1\")</script>&'\n.txt";
        let page = page(&target, vec![entry(name, false), entry("javascript:x", false)], false, false);
        assert!(
            !page.contains("<script") && !page.contains("<b>") && !page.contains("alert(\"1\")"),
            "{page}"
        );
        assert!(page.contains("<title>/&lt;b&gt;/</title>"), "{page}");
        assert!(
            page.contains("href=\"./%3Cscript%3Ealert(%221%22)%3C%2Fscript%3E&amp;&#39;%0A.txt\""),
            "{page}"
        );
        assert!(page.contains("href=\"./javascript:x\""), "{page}");
    }

    #[test]
    fn folders_come_first_and_the_root_has_no_parent() {
        let root = Target::parse("/", false).unwrap();
        let page = page(&root, vec![entry("a", false), entry("z", true), entry("b", false)], true, false);
        let places: Vec<usize> = ["./z/", "./a\"", "./b\"", "more than these 3"]
            .iter()
            .map(|text| page.find(text).unwrap())
            .collect();
        assert!(places.is_sorted(), "{page}");
        assert!(!page.contains("../"), "{page}");
    }
}
