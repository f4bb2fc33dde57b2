use super::*;

#[test]
fn urls_are_read_as_curl_reads_them() {
    for (text, expected) in [
        ("http://h", "http://h/"),
        ("h/x?y", "http://h/x?y"),
        ("h:8080", "http://h:8080/"),
        ("https://[2001:db8::1]:444/a/../b", "https://[2001:db8::1]:444/b"),
        ("http://H/%20", "http://h/%20"),
        ("http://h/ü", "http://h/%C3%BC"),
    ] {
        assert_eq!(url(text, &Via::Lab).unwrap().as_str(), expected, "{text}");
    }
}

#[test]
fn what_is_no_url_is_told_with_curls_code() {
    for (text, code) in [
        ("", 3),
        ("http://", 3),
        ("http:///x", 3),
        ("http://a b/", 3),
        ("http://h/a b", 3),
        ("http://h\n/", 3),
        ("http://[::1/", 3),
        ("http://h:99999/", 3),
        ("http://h:abc/", 3),
        ("http://:80/", 3),
        ("foo://x/", 1),
        ("ftp://x/", 1),
        ("file:///etc/passwd", 1),
    ] {
        let failure = url(text, &Via::Lab).unwrap_err();
        assert_eq!(failure.exit.code(), code, "{text}: {failure}");
        assert_eq!(failure.to_string().lines().count(), 1, "{text}");
    }
}

#[test]
fn a_file_of_authorities_that_is_none_is_told_with_curls_code() {
    assert_eq!(
        roots("/nonexistent").unwrap_err().to_string(),
        "(77) could not use the certificate file /nonexistent: No such file or directory; \
         name a file of certificates in PEM form"
    );
    let failure = roots("/dev/null").unwrap_err();
    assert_eq!(failure.exit, Exit::CaFile);
}
