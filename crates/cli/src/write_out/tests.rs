use std::time::Duration;

use super::*;

fn facts() -> Facts {
    let mut facts = Facts::new("http://example.com", "GET");
    facts.url_effective = "http://example.com/".into();
    facts.scheme = Some("http".into());
    facts.version = Some("1.1");
    facts.status = 200;
    facts.headers = vec![
        ("Content-Type".into(), " text/html ".into()),
        ("Set-Cookie".into(), "a=1".into()),
        ("set-cookie".into(), "b=\"2\"".into()),
    ];
    facts.connects = 1;
    facts.local = Some("192.0.2.2:40000".parse().unwrap());
    facts.remote = Some("[2001:db8::1]:80".parse().unwrap());
    facts.downloaded = 1000;
    facts.times.total = Duration::from_micros(80_123);
    facts.times.connect = Duration::from_nanos(40_000_999);
    facts
}

/// What goes to one place, with everything else in brackets.
fn shown(format: &str, facts: &Facts) -> String {
    let mut text = String::new();
    for piece in Format::parse(format).pieces() {
        match piece {
            Piece::Text(plain) => text += plain,
            Piece::Variable(variable) => text += &variable.text(facts),
            Piece::Json => text += &variables::json(facts),
            Piece::HeaderJson => text += &variables::header_json(facts),
            Piece::Header(name) => text += facts.header(name).unwrap_or_default(),
            other => text += &format!("[{other:?}]"),
        }
    }
    text
}

#[test]
fn names_are_filled_in_with_curls_spelling_of_values() {
    for (format, expected) in [
        ("%{http_code}", "200"),
        ("%{response_code}\\n", "200\n"),
        ("%{http_version}", "1.1"),
        ("%{time_total}", "0.080123"),
        ("%{time_connect}", "0.040000"),
        ("%{time_appconnect}", "0.000000"),
        ("%{size_download}", "1000"),
        // 1000 bytes in 80.123 ms are 12480.8 bytes a second.
        ("%{speed_download}", "12480"),
        ("%{remote_ip} %{remote_port}", "2001:db8::1 80"),
        ("%{local_ip}:%{local_port}", "192.0.2.2:40000"),
        ("%{num_connects}/%{num_redirects}/%{num_headers}", "1/0/3"),
        ("%{url} %{url_effective}", "http://example.com http://example.com/"),
        ("%{content_type}", "text/html"),
        ("%{errormsg}|%{redirect_url}|%{exitcode}", "||0"),
        ("%{HTTP_CODE}", "200"),
        ("%header{content-type}", "text/html"),
        ("%header{SET-COOKIE}", "a=1"),
        ("%header{none}", ""),
    ] {
        assert_eq!(shown(format, &facts()), expected, "{format}");
    }
}

#[test]
fn nothing_reached_is_told_as_curl_tells_it() {
    let mut facts = Facts::new("http://nosuch/", "GET");
    facts.exit = Exit::ResolveHost;
    facts.error = Some("could not resolve nosuch".into());
    assert_eq!(
        shown("%{http_code} %{http_version} %{remote_ip}:%{remote_port} %{exitcode} %{errormsg}", &facts),
        "000 0 :0 6 could not resolve nosuch"
    );
}

#[test]
fn what_is_not_understood_is_text() {
    for (format, expected) in [
        ("", ""),
        ("100%", "100%"),
        ("100%%", "100%"),
        ("%d %{", "%d %{"),
        ("%{http_code", "%{http_code"),
        ("\\a\\", "\\a\\"),
        ("a\\tb\\r\\n", "a\tb\r\n"),
        ("é%{http_code}ü", "é200ü"),
        ("%header", "%header"),
        ("%%{http_code}", "%{http_code}"),
    ] {
        assert_eq!(shown(format, &facts()), expected, "{format}");
    }
}

#[test]
fn directions_are_recognized() {
    for (format, expected) in [
        ("%{stderr}x", "[Stderr]x"),
        ("%{stdout}", "[Stdout]"),
        ("%{onerror}", "[OnError]"),
        ("%{nosuch}", "[Unknown(\"nosuch\")]"),
        ("%output{f}", "[File { path: \"f\", append: false }]"),
        ("%output{>>f}", "[File { path: \"f\", append: true }]"),
    ] {
        assert_eq!(shown(format, &facts()), expected, "{format}");
    }
}

#[test]
fn all_variables_come_as_one_json_object() {
    let object: serde_json::Value = serde_json::from_str(&shown("%{json}", &facts())).unwrap();
    assert_eq!(object["http_code"], 200);
    assert_eq!(object["time_total"], 0.080123);
    assert_eq!(object["errormsg"], serde_json::Value::Null);
    assert_eq!(object["method"], "GET");
    assert_eq!(object["content_type"], "text/html");
}

#[test]
fn headers_of_one_name_are_grouped_in_json() {
    assert_eq!(
        shown("%{header_json}", &facts()),
        "{\"content-type\":[\"text/html\"],\n\"set-cookie\":[\"a=1\",\"b=\\\"2\\\"\"]\n}"
    );
}

#[test]
fn a_file_takes_the_rest() {
    let path = std::env::temp_dir().join(format!("fathom-write-out-{}", std::process::id()));
    let name = path.to_str().unwrap();
    for (arrow, expected) in [("", "200\n"), (">>", "200\n200\n"), ("", "200\n")] {
        let format = Format::parse(&format!("%output{{{arrow}{name}}}%{{http_code}}\\n"));
        write(&format, &facts()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    }
    std::fs::remove_file(&path).unwrap();
}
