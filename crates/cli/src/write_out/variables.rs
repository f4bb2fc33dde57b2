//! The variables: curl's names and curl's meaning, as a table.

use std::fmt::Write;
use std::time::Duration;

use serde_json::json;

use super::Facts;

/// A variable's value.
pub(super) enum Value {
    /// Text; nothing when there is none.
    Text(Option<String>),
    /// A whole number.
    Number(u64),
    /// A status: three digits.
    Status(u16),
    /// Seconds with six decimal places.
    Seconds(Duration),
}

/// A variable.
pub(super) struct Variable {
    name: &'static str,
    value: fn(&Facts) -> Value,
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

use Value::{Number, Seconds, Status, Text};

/// All variables with a value, in the order of their names.
///
/// Those of features that a transfer of ours never uses (proxies, retries, FTP) say so as curl does.
const VARIABLES: &[Variable] = &[
    Variable { name: "conn_id", value: |f| Number(f.connects.saturating_sub(1)) },
    Variable { name: "content_type", value: |f| Text(f.header("content-type").map(str::to_owned)) },
    Variable { name: "errormsg", value: |f| Text(f.error.clone()) },
    Variable { name: "exitcode", value: |f| Number(f.exit.code().into()) },
    Variable { name: "filename_effective", value: |f| Text(f.file.clone()) },
    Variable { name: "ftp_entry_path", value: |_| Text(None) },
    Variable { name: "http_code", value: |f| Status(f.status) },
    Variable { name: "http_connect", value: |_| Status(0) },
    Variable { name: "http_version", value: |f| Text(Some(f.version.unwrap_or("0").into())) },
    Variable { name: "local_ip", value: |f| Text(f.local.map(|local| local.ip().to_string())) },
    Variable { name: "local_port", value: |f| Number(f.local.map_or(0, |local| local.port().into())) },
    Variable { name: "method", value: |f| Text(Some(f.method.clone())) },
    Variable { name: "num_certs", value: |f| Number(f.certificates) },
    Variable { name: "num_connects", value: |f| Number(f.connects) },
    Variable { name: "num_headers", value: |f| Number(f.headers.len() as u64) },
    Variable { name: "num_redirects", value: |f| Number(f.redirects) },
    Variable { name: "num_retries", value: |_| Number(0) },
    Variable { name: "proxy_ssl_verify_result", value: |_| Number(0) },
    Variable { name: "proxy_used", value: |_| Number(0) },
    Variable { name: "redirect_url", value: |f| Text(f.redirect_url.clone()) },
    Variable { name: "referer", value: |f| Text(f.referer.clone()) },
    Variable { name: "remote_ip", value: |f| Text(f.remote.map(|remote| remote.ip().to_string())) },
    Variable { name: "remote_port", value: |f| Number(f.remote.map_or(0, |remote| remote.port().into())) },
    Variable { name: "response_code", value: |f| Status(f.status) },
    Variable { name: "scheme", value: |f| Text(f.scheme.clone()) },
    Variable { name: "size_download", value: |f| Number(f.downloaded) },
    Variable { name: "size_header", value: |f| Number(f.header_bytes) },
    Variable { name: "size_request", value: |f| Number(f.request_bytes) },
    Variable { name: "size_upload", value: |f| Number(f.uploaded) },
    Variable { name: "speed_download", value: |f| Number(f.speed(f.downloaded)) },
    Variable { name: "speed_upload", value: |f| Number(f.speed(f.uploaded)) },
    Variable { name: "ssl_verify_result", value: |f| Number(f.verify_result) },
    Variable { name: "time_appconnect", value: |f| Seconds(f.times.appconnect) },
    Variable { name: "time_connect", value: |f| Seconds(f.times.connect) },
    Variable { name: "time_namelookup", value: |f| Seconds(f.times.namelookup) },
    Variable { name: "time_posttransfer", value: |f| Seconds(f.times.posttransfer) },
    Variable { name: "time_pretransfer", value: |f| Seconds(f.times.pretransfer) },
    Variable { name: "time_queue", value: |_| Seconds(Duration::ZERO) },
    Variable { name: "time_redirect", value: |f| Seconds(f.times.redirect) },
    Variable { name: "time_starttransfer", value: |f| Seconds(f.times.starttransfer) },
    Variable { name: "time_total", value: |f| Seconds(f.times.total) },
    Variable { name: "tls_earlydata", value: |_| Number(0) },
    Variable { name: "url", value: |f| Text(Some(f.url.clone())) },
    Variable { name: "url_effective", value: |f| Text(Some(f.url_effective.clone())) },
    Variable { name: "urlnum", value: |_| Number(0) },
    Variable { name: "xfer_id", value: |_| Number(0) },
];

impl Variable {
    /// The variable of that name, in any case as with curl.
    pub(super) fn by_name(name: &str) -> Option<&'static Variable> {
        VARIABLES.iter().find(|variable| variable.name.eq_ignore_ascii_case(name))
    }

    /// Its value as text.
    pub(super) fn text(&self, facts: &Facts) -> String {
        match (self.value)(facts) {
            Text(text) => text.unwrap_or_default(),
            Number(number) => number.to_string(),
            Status(status) => format!("{status:03}"),
            Seconds(time) => seconds(time),
        }
    }

    fn json(&self, facts: &Facts) -> String {
        match (self.value)(facts) {
            Text(text) => json!(text).to_string(),
            Number(number) => number.to_string(),
            Status(status) => status.to_string(),
            Seconds(time) => seconds(time),
        }
    }
}

/// As curl prints times: seconds and six digits of microseconds, rounded down.
fn seconds(time: Duration) -> String {
    format!("{}.{:06}", time.as_secs(), time.subsec_micros())
}

/// All variables as one JSON object on one line.
pub(super) fn json(facts: &Facts) -> String {
    let members: Vec<String> =
        VARIABLES.iter().map(|variable| format!("\"{}\":{}", variable.name, variable.json(facts))).collect();
    format!("{{{}}}", members.join(","))
}

/// The last response's headers as a JSON object: names in lower case, a list of values for each.
pub(super) fn header_json(facts: &Facts) -> String {
    let mut names: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, value) in &facts.headers {
        let name = name.to_ascii_lowercase();
        match names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value.trim()),
            None => names.push((name, vec![value.trim()])),
        }
    }
    let mut text = String::from("{");
    for (place, (name, values)) in names.iter().enumerate() {
        let comma = if place == 0 { "" } else { ",\n" };
        let _ = write!(text, "{comma}{}:{}", json!(name), json!(values));
    }
    text.push_str("\n}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_in_order_and_single() {
        let names: Vec<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
        assert!(names.is_sorted());
        assert_eq!(names.len(), names.iter().collect::<std::collections::BTreeSet<_>>().len());
    }
}
