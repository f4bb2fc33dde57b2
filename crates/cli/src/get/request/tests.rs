use clap::Parser;

use super::*;
use crate::args::{Cli, Command};

fn request(arguments: &[&str]) -> Result<Request, Failure> {
    let line = ["fathom", "get"].iter().chain(arguments);
    let Command::Get(args) = Cli::try_parse_from(line).unwrap().command else { unreachable!() };
    let url = Url::parse(&args.url).unwrap();
    Request::new(&args, url)
}

/// Method, URL, headers and body on lines.
fn shown(arguments: &[&str]) -> String {
    match request(arguments) {
        Err(failure) => failure.to_string(),
        Ok(request) => {
            let mut text = format!("{} {}", request.method, request.url);
            for (name, value) in &request.headers {
                text += &format!("\n{name}: {}", String::from_utf8_lossy(value.as_bytes()));
            }
            for name in &request.omit {
                text += &format!("\nno {name}");
            }
            if let Some(body) = &request.body {
                text += &format!("\n\n{}", String::from_utf8_lossy(body));
            }
            text
        }
    }
}

const U: &str = "http://h/p?q";

#[test]
fn the_method_follows_from_the_options() {
    for (arguments, method) in [
        (&[U][..], "GET"),
        (&[U, "-d", ""], "POST"),
        (&[U, "-I"], "HEAD"),
        (&[U, "-I", "-G", "-d", "x"], "HEAD"),
        (&[U, "-G", "-d", "x"], "GET"),
        (&[U, "-X", "PUT", "-d", "x"], "PUT"),
        (&[U, "-XPATCH"], "PATCH"),
        (&[U, "--json", "1"], "POST"),
    ] {
        assert_eq!(request(arguments).unwrap().method.as_str(), method, "{arguments:?}");
    }
    assert!(request(&[U, "-XPUT"]).unwrap().keep_method);
    assert!(!request(&[U, "-d", "x"]).unwrap().keep_method);
}

#[test]
fn data_options_join_in_their_order() {
    let form = "content-type: application/x-www-form-urlencoded";
    let json = "content-type: application/json\naccept: application/json";
    for (arguments, kind, body) in [
        (&["-d", "a=1", "-d", "b=2"][..], form, "a=1&b=2"),
        (&["--data-raw", "@x", "--data-binary", "a\nb", "-d", "c"], form, "@x&a\nb&c"),
        (&["-d", "c", "--data-raw", "a"], form, "c&a"),
        (&["--json", "{\"a\":", "--json", "1}"], json, "{\"a\":1}"),
        (&["--data-urlencode", "a b&c"], form, "a+b%26c"),
        (&["--data-urlencode", "=a=b"], form, "a%3Db"),
        (&["--data-urlencode", "n=a/b-._~"], form, "n=a%2Fb-._~"),
        (&["-d", "-x"], form, "-x"),
    ] {
        let arguments = [&[U], arguments].concat();
        assert_eq!(
            shown(&arguments),
            format!("POST {U}\ncontent-length: {}\n{kind}\n\n{body}", body.len()),
            "{arguments:?}"
        );
    }
}

#[test]
fn files_are_sent_as_their_option_says() {
    let path = std::env::temp_dir().join(format!("fathom-request-{}", std::process::id()));
    std::fs::write(&path, b"a\r\nb\n\0c&").unwrap();
    let name = path.to_str().unwrap();
    for (option, argument, expected) in [
        ("-d", format!("@{name}"), &b"abc&"[..]),
        ("--data-binary", format!("@{name}"), b"a\r\nb\n\0c&"),
        ("--json", format!("@{name}"), b"a\r\nb\n\0c&"),
        ("--data-urlencode", format!("n@{name}"), b"n=a%0D%0Ab%0A%00c%26"),
    ] {
        assert_eq!(&request(&[U, option, &argument]).unwrap().body.unwrap()[..], expected, "{option}");
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        shown(&[U, "-d", "@/nonexistent"]),
        "(26) could not read /nonexistent: No such file or directory; \
         name a file that exists and that you may read"
    );
}

#[test]
fn data_goes_into_the_url_with_get() {
    assert_eq!(shown(&[U, "-G", "-d", "a=1", "-d", "b"]), "GET http://h/p?q&a=1&b");
    assert_eq!(shown(&["http://h/p", "-G", "-d", "a=1"]), "GET http://h/p?a=1");
}

#[test]
fn headers_are_added_replaced_emptied_and_removed() {
    for (arguments, expected) in [
        (&["-H", "X-A: b", "-H", "X-A: c"][..], "\nx-a: b\nx-a: c"),
        (&["-H", "X-A;"], "\nx-a: "),
        (&["-H", "Accept:"], "\nno accept"),
        (&["-A", "me"], "\nuser-agent: me"),
        (&["-A", ""], "\nno user-agent"),
        (&["-A", "me", "-H", "User-Agent: you"], "\nuser-agent: you"),
        (&["-A", "me", "-H", "User-Agent:"], "\nno user-agent"),
        (&["-e", "http://r/"], "\nreferer: http://r/"),
        (&["-u", "me:pw"], "\nauthorization: Basic bWU6cHc="),
        (&["-r", "0-99"], "\nrange: bytes=0-99"),
        (&["-r", "5"], "\nrange: bytes=5-"),
        (&["-r", "-5,7-"], "\nrange: bytes=-5,7-"),
        (&["-H", "X: ü"], "\nx: ü"),
    ] {
        let arguments = [&[U], arguments].concat();
        assert_eq!(shown(&arguments), format!("GET {U}{expected}"), "{arguments:?}");
    }
    assert_eq!(
        shown(&[U, "-d", "x", "-H", "content-type: text/plain"]),
        format!("POST {U}\ncontent-length: 1\ncontent-type: text/plain\n\nx")
    );
}

#[test]
fn credentials_of_the_url_become_a_header() {
    assert_eq!(shown(&["http://me:p%40w@h/"]), "GET http://h/\nauthorization: Basic bWU6cEB3");
    assert_eq!(shown(&["http://me@h/", "-u", "you:x"]), "GET http://h/\nauthorization: Basic eW91Ong=");
}

#[test]
fn what_cannot_be_sent_is_refused_with_advice() {
    for (arguments, expected) in [
        (&["-I", "-d", "x"][..], "(2) -I asks without a body, -d sends one; "),
        (&["-X", "a b"], "(2) 'a b' cannot be a request method; "),
        (&["-H", "nocolon"], "(2) 'nocolon' is no header; "),
        (&["-H", "a b: c"], "(2) 'a b' cannot be a header's name; "),
        (&["-H", "a: b\x01c"], "(2) 'b c' cannot be a header's value; "),
        (&["-u", "me"], "(2) -u me has no password, and fathom does not ask for one; "),
        (&["-r", "x"], "(2) 'x' is no range of bytes; "),
        (&["-r", "-"], "(2) '-' is no range of bytes; "),
    ] {
        let arguments = [&[U], arguments].concat();
        let text = shown(&arguments);
        assert!(text.starts_with(expected), "{arguments:?}: {text}");
    }
}
