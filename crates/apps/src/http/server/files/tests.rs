use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use fathom_net::{TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::http::server::{Config, serve};
use crate::testing::{Bench, SERVER_V4, ip};

/// A folder to serve, and one beside it that is not served; removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("fathom-files-{}-{number}", std::process::id()));
        fs::create_dir_all(path.join("site")).unwrap();
        fs::write(path.join("secret"), "secret").unwrap();
        Folder(path)
    }

    fn site(&self) -> PathBuf {
        self.0.join("site")
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.site().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        // Long ago, so that its tag is a strong one.
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(784_111_777))
            .unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An answer as it came over the wire.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(": ")?;
            field.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Sends each request on a connection of its own, which ends after it.
fn ask_with(folder: &Path, options: Options, requests: &[&[u8]]) -> Vec<Answer> {
    let mut bench = Bench::new();
    let (server, client) = (bench.server.clone(), bench.client.clone());
    let files = Arc::new(Files::open(folder, options).unwrap());
    let at = SocketAddr::new(ip(SERVER_V4), 80);
    bench.run(async move {
        let listener = TcpListener::bind(&server, at).await.unwrap();
        serve(&server, listener, Config::default(), files).unwrap();
        let mut answers = Vec::new();
        for request in requests {
            let mut stream = TcpStream::connect(&client, at).await.unwrap();
            stream.write_all(request).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            answers.push(parse(&bytes));
        }
        answers
    })
}

fn parse(bytes: &[u8]) -> Answer {
    let mut bytes = bytes;
    loop {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("a head in {:?}", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).unwrap().to_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        bytes = &bytes[end + 4..];
        if status >= 200 {
            return Answer { status, head, body: bytes.to_vec() };
        }
    }
}

fn ask(folder: &Folder, requests: &[&str]) -> Vec<Answer> {
    let requests: Vec<&[u8]> = requests.iter().map(|request| request.as_bytes()).collect();
    ask_with(&folder.site(), Options::new(Disk::inline()), &requests)
}

fn get(folder: &Folder, path: &str, fields: &str) -> Answer {
    ask(folder, &[&format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{fields}\r\n")]).remove(0)
}

fn uploads(max_bytes: u64) -> Options {
    Options { uploads: Some(Uploads { max_bytes }), ..Options::new(Disk::inline()) }
}

#[test]
fn a_file_comes_with_what_a_cache_needs_to_know() {
    let folder = Folder::new();
    folder.write("a b.txt", "hello");
    let answer = get(&folder, "/a%20b.txt", "");
    assert_eq!((answer.status, answer.text()), (200, "hello"));
    assert_eq!(answer.field("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.field("content-length"), Some("5"));
    assert_eq!(answer.field("last-modified"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_eq!(answer.field("accept-ranges"), Some("bytes"));
    assert!(answer.field("etag").unwrap().starts_with('"'), "{}", answer.head);

    let again = get(&folder, "/a%20b.txt", &format!("If-None-Match: {}\r\n", answer.field("etag").unwrap()));
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.field("etag"), answer.field("etag"));
    assert_eq!(get(&folder, "/a%20b.txt", "If-Match: \"other\"\r\n").status, 412);
}

#[test]
fn a_head_says_what_get_would_and_sends_nothing() {
    let folder = Folder::new();
    folder.write("big", vec![7; 200_000]);
    folder.write("dir/x", "");
    let head = |path: &str| {
        ask(&folder, &[&format!("HEAD {path} HTTP/1.1\r\nHost: h\r\nRange: bytes=0-4\r\n\r\n")]).remove(0)
    };
    let answer = head("/big");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.field("content-length"), Some("200000"));
    let answer = head("/dir/");
    let listed = get(&folder, "/dir/", "");
    assert_eq!(answer.field("content-length"), listed.field("content-length"));
}

#[test]
fn ranges_come_alone_or_together() {
    let folder = Folder::new();
    let content: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    folder.write("f.bin", &content);
    let one = get(&folder, "/f.bin", "Range: bytes=100-150099\r\n");
    assert_eq!((one.status, one.field("content-range")), (206, Some("bytes 100-150099/200000")));
    assert_eq!(one.body, content[100..150_100]);

    let two = get(&folder, "/f.bin", "Range: bytes=0-9,-5\r\n");
    let kind = two.field("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let mut expected = Vec::new();
    for (range, part) in [("0-9", &content[..10]), ("199995-199999", &content[199_995..])] {
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {range}/200000\r\n\r\n"
        );
        expected.extend_from_slice(head.as_bytes());
        expected.extend_from_slice(part);
    }
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert_eq!((two.status, two.body == expected), (206, true));
    assert_eq!(two.field("content-length"), Some(expected.len().to_string().as_str()));

    let none = get(&folder, "/f.bin", "Range: bytes=200000-\r\n");
    assert_eq!((none.status, none.field("content-range")), (416, Some("bytes */200000")));
    let stale = get(&folder, "/f.bin", "Range: bytes=0-9\r\nIf-Range: \"other\"\r\n");
    assert_eq!((stale.status, stale.body.len()), (200, 200_000));
}

#[test]
fn a_folder_shows_its_page_or_its_list_under_a_path_with_a_slash() {
    let folder = Folder::new();
    folder.write("site/index.html", "<h1>page</h1>");
    folder.write("plain/<x>.txt", "x");
    folder.write("plain/.hidden", "x");
    let moved = get(&folder, "/site?q=1", "");
    assert_eq!((moved.status, moved.field("location")), (301, Some("/site/?q=1")));
    let page = get(&folder, "/site/", "");
    assert_eq!(
        (page.text(), page.field("content-type")),
        ("<h1>page</h1>", Some("text/html; charset=utf-8"))
    );
    let list = get(&folder, "/plain/", "");
    assert!(list.text().contains("&lt;x&gt;.txt") && !list.text().contains("hidden"), "{}", list.text());
    assert_eq!(get(&folder, "/site/index.html/", "").status, 404);

    let options = Options { listing: false, ..Options::new(Disk::inline()) };
    let request = b"GET /plain/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert_eq!(ask_with(&folder.site(), options, &[request])[0].status, 403);
}

#[test]
fn nothing_outside_of_the_folder_is_reached() {
    let folder = Folder::new();
    folder.write("in/file", "inside");
    symlink("../secret", folder.site().join("out")).unwrap();
    symlink("..", folder.site().join("up")).unwrap();
    symlink(folder.0.join("secret"), folder.site().join("absolute")).unwrap();
    symlink("in/file", folder.site().join("link")).unwrap();
    symlink("loop", folder.site().join("loop")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.site().join("pipe"), rustix::fs::Mode::RUSR).unwrap();
    for (path, status) in [
        ("/../secret", 400),
        ("/in/../../secret", 400),
        ("/%2e%2e/secret", 400),
        ("/..%2fsecret", 404),
        ("/out", 403),
        ("/up/secret", 403),
        ("/absolute", 403),
        ("/loop", 403),
        ("/pipe", 403),
        ("/in/file/x", 404),
        ("/nothing", 404),
        ("/link", 200),
    ] {
        assert_eq!(get(&folder, path, "").status, status, "{path}");
    }
    let list = get(&folder, "/", "");
    for hidden in ["out", "up", "absolute", "loop", "pipe"] {
        assert!(!list.text().contains(&format!("./{hidden}")), "{hidden}");
    }
    assert!(list.text().contains("./link"), "{}", list.text());

    let options = Options { follow_links: true, ..Options::new(Disk::inline()) };
    let request = b"GET /out HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert_eq!(ask_with(&folder.site(), options, &[request])[0].text(), "secret");
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let folder = Folder::new();
    folder.write("f", "x");
    for (request, status) in [
        ("GET /f HTTP/1.1\r\n\r\n", 400),
        ("GET /f HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET /f HTTP/1.0\r\n\r\n", 200),
        ("GET http://h/f HTTP/1.1\r\nHost: h\r\n\r\n", 200),
        ("PUT /f HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", 405),
        ("DELETE /f HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        ("BREW /f HTTP/1.1\r\nHost: h\r\n\r\n", 501),
        ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 204),
        ("GET /f HTTP/9.9\r\nHost: h\r\n\r\n", 400),
        ("GET /f HTTP/1.1\r\nHo st: h\r\n\r\n", 400),
        ("nonsense\r\n\r\n", 400),
    ] {
        let answer = ask(&folder, &[request]).remove(0);
        assert_eq!(answer.status, status, "{request}");
    }
    let refused = ask(&folder, &["DELETE /f HTTP/1.1\r\nHost: h\r\n\r\n"]).remove(0);
    assert_eq!(refused.field("allow"), Some("GET, HEAD, OPTIONS"));
}

#[test]
fn an_upload_makes_a_file_or_takes_its_place() {
    let folder = Folder::new();
    fs::create_dir(folder.site().join("dir")).unwrap();
    let put = |path: &str, fields: &str, body: &str| {
        let len = body.len();
        let request =
            format!("PUT {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {len}\r\n{fields}\r\n{body}");
        ask_with(&folder.site(), uploads(10), &[request.as_bytes()]).remove(0)
    };
    let made = put("/dir/a%20b", "", "first");
    assert_eq!((made.status, made.field("location")), (201, Some("/dir/a%20b")));
    assert_eq!(put("/dir/a%20b", "", "second").status, 204);
    assert_eq!(fs::read_to_string(folder.site().join("dir/a b")).unwrap(), "second");
    for (path, fields, body, status) in [
        ("/dir/a%20b", "If-None-Match: *\r\n", "x", 412),
        ("/dir/new", "If-Match: *\r\n", "x", 412),
        ("/large", "", "12345678901", 413),
        ("/part", "Content-Range: bytes 0-0/2\r\n", "x", 400),
        ("/form", "Content-Type: multipart/form-data; boundary=x\r\n", "x", 415),
        ("/zip", "Content-Encoding: gzip\r\n", "x", 415),
        ("/dir", "", "x", 409),
        ("/dir/", "", "x", 409),
        ("/nowhere/x", "", "x", 409),
        ("/../x", "", "x", 400),
        ("/.profile", "", "x", 404),
    ] {
        assert_eq!(put(path, fields, body).status, status, "{path} {fields}");
    }
    let names: Vec<_> =
        fs::read_dir(folder.site()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["dir"], "what is refused leaves nothing");
}

#[test]
fn an_upload_that_is_too_long_or_breaks_off_leaves_nothing() {
    let folder = Folder::new();
    folder.write("kept", "kept");
    let chunked =
        b"PUT /kept HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n";
    let answers = ask_with(&folder.site(), uploads(10), &[chunked]);
    assert_eq!(answers[0].status, 413);
    let mut bench = Bench::new();
    let (server, client) = (bench.server.clone(), bench.client.clone());
    let files = Arc::new(Files::open(folder.site(), uploads(1000)).unwrap());
    let at = SocketAddr::new(ip(SERVER_V4), 80);
    bench.run(async move {
        let listener = TcpListener::bind(&server, at).await.unwrap();
        serve(&server, listener, Config::default(), files).unwrap();
        let mut stream = TcpStream::connect(&client, at).await.unwrap();
        stream.write_all(b"PUT /kept HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf").await.unwrap();
        client.sleep(std::time::Duration::from_secs(1)).await;
        stream.abort();
        client.sleep(std::time::Duration::from_secs(1)).await;
    });
    let names: Vec<_> =
        fs::read_dir(folder.site()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["kept"]);
    assert_eq!(fs::read_to_string(folder.site().join("kept")).unwrap(), "kept");
}

#[test]
fn what_is_too_large_is_refused_before_it_is_sent() {
    let folder = Folder::new();
    let request = b"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n";
    let answers = ask_with(&folder.site(), uploads(10), &[request]);
    assert_eq!(answers[0].status, 413, "and no 100 before it");
}

#[test]
fn a_file_that_shrinks_on_the_way_breaks_the_connection() {
    let folder = Folder::new();
    folder.write("f", vec![1; 4_000_000]);
    let path = folder.site().join("f");
    let mut bench = Bench::new();
    let (server, client) = (bench.server.clone(), bench.client.clone());
    let files = Arc::new(Files::open(folder.site(), Options::new(Disk::inline())).unwrap());
    let at = SocketAddr::new(ip(SERVER_V4), 80);
    let got = bench.run(async move {
        let listener = TcpListener::bind(&server, at).await.unwrap();
        serve(&server, listener, Config::default(), files).unwrap();
        let mut stream = TcpStream::connect(&client, at).await.unwrap();
        stream.write_all(b"GET /f HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        let mut first = vec![0; 1000];
        stream.read_exact(&mut first).await.unwrap();
        fs::write(&path, "short").unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        rest.len()
    });
    assert!(got < 4_000_000, "{got}");
}
