//! From options to the request, by curl's rules.

use std::io::Read;

use bytes::Bytes;
use data_encoding::BASE64;
use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use url::Url;

use crate::args::{Data, GetArgs, Part};
use crate::exit::Exit;
use crate::failure::{Failure, reason};

/// A request, ready to be sent.
#[derive(Debug)]
pub(crate) struct Request {
    /// The method.
    pub(crate) method: Method,
    /// The URL, without user and password.
    pub(crate) url: Url,
    /// The headers, in the order that curl sends them in.
    pub(crate) headers: HeaderMap,
    /// Headers that must not be added.
    pub(crate) omit: Vec<HeaderName>,
    /// The body, if the request has one.
    pub(crate) body: Option<Bytes>,
    /// Whether redirects keep the method, since it was chosen by name.
    pub(crate) keep_method: bool,
}

/// What RFC 3986 2.3 leaves as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Request {
    /// The request that the options describe. Reads the files they name.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`] for options that contradict each other or the rules of HTTP, [`Exit::Read`] for
    /// files that cannot be read.
    pub(crate) fn new(args: &GetArgs, mut url: Url) -> Result<Self, Failure> {
        let data = body(&args.data)?;
        let has_data = data.is_some();
        if args.head && has_data && !args.get {
            return Err(Failure::new(Exit::Usage, "-I asks without a body, -d sends one")
                .hint("leave one of them out, or send the data in the URL with -G"));
        }
        let (query, body) = if args.get { (data, None) } else { (None, data) };
        if let Some(query) = query {
            append_query(&mut url, &query)?;
        }
        let implied = match () {
            () if args.head => Method::HEAD,
            () if body.is_some() => Method::POST,
            () => Method::GET,
        };
        let method = match &args.request {
            None => implied,
            Some(name) => Method::from_bytes(name.as_bytes()).map_err(|_| {
                Failure::new(Exit::Usage, format!("'{name}' cannot be a request method"))
                    .hint("a method is one word, such as PUT")
            })?,
        };
        let mut headers = Headers::default();
        headers.own(args, &mut url, body.as_ref())?;
        for line in &args.header {
            headers.custom(line)?;
        }
        let Headers { map, omit, .. } = headers;
        Ok(Request { method, url, headers: map, omit, body, keep_method: args.request.is_some() })
    }
}

/// Puts data behind the URL's query, as -G does.
fn append_query(url: &mut Url, data: &[u8]) -> Result<(), Failure> {
    let data = std::str::from_utf8(data).map_err(|_| {
        Failure::new(Exit::Usage, "data for the URL (-G) must be text").hint("use --data-urlencode")
    })?;
    let query = match url.query() {
        Some(query) if !query.is_empty() => format!("{query}&{data}"),
        _ => data.to_owned(),
    };
    url.set_query(Some(&query));
    Ok(())
}

/// The body that the data options make together; `None` without any.
fn body(data: &Data) -> Result<Option<Bytes>, Failure> {
    let mut body: Option<Vec<u8>> = None;
    for part in &data.parts {
        let bytes = content(part)?;
        match &mut body {
            None => body = Some(bytes),
            Some(body) => {
                if !matches!(part, Part::Json(_)) {
                    body.push(b'&');
                }
                body.extend_from_slice(&bytes);
            }
        }
    }
    Ok(body.map(Bytes::from))
}

fn content(part: &Part) -> Result<Vec<u8>, Failure> {
    let or_file = |text: &str| match text.strip_prefix('@') {
        Some(name) => file(name),
        None => Ok(text.as_bytes().to_vec()),
    };
    match part {
        Part::Raw(text) => Ok(text.as_bytes().to_vec()),
        Part::Binary(text) | Part::Json(text) => or_file(text),
        Part::Text(text) => {
            let mut bytes = or_file(text)?;
            if text.starts_with('@') {
                bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
            }
            Ok(bytes)
        }
        Part::UrlEncode(text) => url_encode(text),
    }
}

/// `CONTENT`, `=CONTENT`, `NAME=CONTENT`, `@FILE`, `NAME@FILE`.
fn url_encode(text: &str) -> Result<Vec<u8>, Failure> {
    let (name, content) = match text.find(['=', '@']) {
        None => ("", text.as_bytes().to_vec()),
        Some(at) => {
            let (name, content) = (&text[..at], &text[at + 1..]);
            let is_file = text.as_bytes()[at] == b'@';
            (name, if is_file { file(content)? } else { content.as_bytes().to_vec() })
        }
    };
    // As forms do it, and as curl does.
    let encoded = percent_encode(&content, RESERVED).to_string().replace("%20", "+");
    Ok(if name.is_empty() { encoded } else { format!("{name}={encoded}") }.into_bytes())
}

/// A file's content; `-` is standard input.
pub(super) fn file(name: &str) -> Result<Vec<u8>, Failure> {
    let read = match name {
        "-" => {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        }
        path => std::fs::read(path),
    };
    read.map_err(|error| {
        let name = if name == "-" { "standard input" } else { name };
        Failure::new(Exit::Read, format!("could not read {name}: {}", reason(&error)))
            .hint("name a file that exists and that you may read")
    })
}

/// Headers under construction.
#[derive(Default)]
struct Headers {
    map: HeaderMap,
    omit: Vec<HeaderName>,
    /// Names that options of their own have set and -H may still replace.
    replaceable: Vec<HeaderName>,
}

impl Headers {
    /// The headers that options other than -H bring, in curl's order.
    fn own(&mut self, args: &GetArgs, url: &mut Url, body: Option<&Bytes>) -> Result<(), Failure> {
        let credentials = args.user.clone().map_or_else(
            || Ok(credentials_of(url)),
            |user| {
                if user.contains(':') {
                    return Ok(Some(user.into_bytes()));
                }
                Err(Failure::new(
                    Exit::Usage,
                    format!("-u {user} has no password, and fathom does not ask for one"),
                )
                .hint("write -u USER:PASSWORD ('-u USER:' for an empty one)"))
            },
        )?;
        remove_credentials(url);
        if let Some(credentials) = credentials {
            self.set(header::AUTHORIZATION, &format!("Basic {}", BASE64.encode(&credentials)))?;
        }
        if let Some(range) = &args.range {
            self.set(header::RANGE, &format!("bytes={}", byte_range(range)?))?;
        }
        match args.user_agent.as_deref() {
            None => {}
            Some("") => self.omit.push(header::USER_AGENT),
            Some(name) => self.set(header::USER_AGENT, name)?,
        }
        if let Some(referer) = args.referer.as_deref().filter(|referer| !referer.is_empty()) {
            self.set(header::REFERER, referer)?;
        }
        let Some(body) = body else { return Ok(()) };
        self.set(header::CONTENT_LENGTH, &body.len().to_string())?;
        if args.data.is_json() {
            self.set(header::CONTENT_TYPE, "application/json")?;
            self.set(header::ACCEPT, "application/json")
        } else {
            self.set(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        }
    }

    fn set(&mut self, name: HeaderName, text: &str) -> Result<(), Failure> {
        self.map.append(&name, value(text)?);
        self.replaceable.push(name);
        Ok(())
    }

    /// A line of -H: `Name: value`, `Name;` (empty), `Name:` (remove) or `@FILE` of such lines.
    fn custom(&mut self, line: &str) -> Result<(), Failure> {
        if let Some(name) = line.strip_prefix('@') {
            let text = file(name)?;
            let text = String::from_utf8_lossy(&text);
            return text
                .lines()
                .map(str::trim_end)
                .filter(|line| !line.is_empty())
                .try_for_each(|line| self.one(line));
        }
        self.one(line)
    }

    fn one(&mut self, line: &str) -> Result<(), Failure> {
        let (name, text) = match (line.split_once(':'), line.trim_end().strip_suffix(';')) {
            (Some((name, text)), _) => (name, Some(text.trim()).filter(|text| !text.is_empty())),
            (None, Some(name)) => (name, Some("")),
            (None, None) => {
                return Err(Failure::new(Exit::Usage, format!("'{line}' is no header"))
                    .hint("write 'Name: value', 'Name;' for an empty one, 'Name:' to remove one"));
            }
        };
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| {
            Failure::new(Exit::Usage, format!("'{name}' cannot be a header's name"))
                .hint("write 'Name: value'")
        })?;
        if let Some(place) = self.replaceable.iter().position(|own| *own == name) {
            self.replaceable.remove(place);
            self.map.remove(&name);
        }
        match text {
            Some(text) => {
                self.map.append(name, value(text)?);
            }
            None => self.omit.push(name),
        }
        Ok(())
    }
}

fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        Failure::new(Exit::Usage, format!("'{text}' cannot be a header's value"))
            .hint("leave out line ends and control characters")
    })
}

/// User and password of the URL itself.
fn credentials_of(url: &Url) -> Option<Vec<u8>> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut credentials: Vec<u8> = percent_decode_str(url.username()).collect();
    credentials.push(b':');
    credentials.extend(percent_decode_str(url.password().unwrap_or_default()));
    Some(credentials)
}

/// A URL of http or https can always go without user and password.
fn remove_credentials(url: &mut Url) {
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

/// The ranges of -r: `0-99`, `100-`, `-100`, with commas between. A single number is the start, as with curl.
fn byte_range(text: &str) -> Result<String, Failure> {
    let range = if text.contains('-') { text.to_owned() } else { format!("{text}-") };
    let valid = range.split(',').all(|part| {
        part.split_once('-').is_some_and(|(first, last)| {
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            digits(first) && digits(last) && !(first.is_empty() && last.is_empty())
        })
    });
    if valid {
        return Ok(range);
    }
    Err(Failure::new(Exit::Usage, format!("'{text}' is no range of bytes")).hint("write 0-99, 100- or -100"))
}

#[cfg(test)]
mod tests;
