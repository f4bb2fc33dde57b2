//! What goes where: body, heads, reports.

use std::path::{Path, PathBuf};

use url::Url;

use crate::args::GetArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Destination, Sink};

/// The destinations of one transfer.
#[derive(Debug)]
pub(super) struct Outputs {
    /// The body, and with -i or -I the heads before it.
    pub(super) body: Sink,
    /// The beginning of the body, as far as it was shown and the picture wants it.
    beginning: Vec<u8>,
    /// The name of the body's file.
    pub(super) file: Option<String>,
    /// The heads (-D).
    pub(super) heads: Option<Sink>,
    /// The capture.
    pub(super) capture: Option<Destination>,
    /// The report for programs.
    pub(super) json: Option<Destination>,
    /// The picture.
    pub(super) svg: Option<Destination>,
}

impl Outputs {
    /// What the options say for `url`.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`] when several things would mix on standard output or in a file, [`Exit::Write`] when -O finds no
    /// name in the URL.
    pub(super) fn new(args: &GetArgs, url: &Url) -> Result<Self, Failure> {
        let body = match &args.output {
            Some(name) => Destination::new(name),
            None if args.remote_name => Destination::File(remote_name(url)?),
            None => Destination::Stdout,
        };
        let reports =
            [("--write", &args.network.write), ("--json-report", &args.json_report), ("--svg", &args.svg)];
        let on_stdout: Vec<&str> = reports
            .iter()
            .filter(|(_, name)| name.as_deref() == Some("-"))
            .map(|(option, _)| *option)
            .chain((body == Destination::Stdout).then_some("the body"))
            .collect();
        if let [first, second, ..] = on_stdout[..] {
            return Err(Failure::new(
                Exit::Usage,
                format!("{first} and {second} would mix on standard output"),
            )
            .hint("send one to a file (-o FILE for the body)"));
        }
        let mut files = Vec::new();
        let named = reports.iter().map(|(option, name)| (*option, name.as_deref()));
        let body_file = match &body {
            Destination::File(name) => Some(name.as_str()),
            Destination::Stdout => None,
        };
        let all = [("the body", body_file), ("-D", args.dump_header.as_deref())];
        for (what, name) in all.into_iter().chain(named) {
            let Some(path) = name.filter(|name| *name != "-").and_then(identity) else { continue };
            if let Some((other, _)) = files.iter().find(|(_, known)| *known == path) {
                let name = name.unwrap_or_default();
                return Err(Failure::new(
                    Exit::Usage,
                    format!("{other} and {what} would overwrite each other in {name}"),
                )
                .hint("name a file for each"));
            }
            files.push((what, path));
        }
        let file = match &body {
            Destination::File(name) => Some(name.clone()),
            Destination::Stdout => None,
        };
        let mut body = Sink::new(body);
        if args.output.is_none() {
            body = body.guard_terminal();
        }
        let destination = |name: &Option<String>| name.as_deref().map(Destination::new);
        Ok(Outputs {
            body,
            beginning: Vec::new(),
            file,
            heads: destination(&args.dump_header).map(Sink::new),
            capture: destination(&args.network.write),
            json: destination(&args.json_report),
            svg: destination(&args.svg),
        })
    }
}

/// Bytes of the body that a picture looks at.
const BEGINNING: usize = 4096;
/// Lines of the body that a picture shows.
const LINES: usize = 6;

impl Outputs {
    /// Writes a part of the body.
    ///
    /// # Errors
    ///
    /// [`Exit::Write`], naming the file.
    pub(super) fn put(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        if self.svg.is_some() && self.file.is_none() {
            let room = BEGINNING.saturating_sub(self.beginning.len());
            self.beginning.extend(chunk.iter().take(room));
        }
        self.body.put(chunk)
    }

    /// The first lines that were on standard output, for the picture; nothing when they are no text.
    pub(super) fn first_lines(&self) -> String {
        let Ok(text) = std::str::from_utf8(&self.beginning) else { return String::new() };
        if text.contains(|c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t')) {
            return String::new();
        }
        let mut lines: Vec<&str> = text.lines().take(LINES).collect();
        if text.lines().count() > LINES {
            lines.push("…");
        }
        lines.join("\n")
    }
}

/// What makes the file `name` the same as another: its path without links and detours. `None` for what
/// several can write to, such as /dev/null.
fn identity(name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    if let Ok(meta) = path.metadata() {
        return if meta.is_file() { path.canonicalize().ok() } else { None };
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    Some(directory.canonicalize().unwrap_or_else(|_| directory.to_owned()).join(path.file_name()?))
}

/// The last part of the URL's path.
fn remote_name(url: &Url) -> Result<String, Failure> {
    let name = url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    if name.is_empty() {
        return Err(
            Failure::new(Exit::Write, "the URL has no file name for -O").hint("name the file with -o FILE")
        );
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn outputs(url: &str, arguments: &str) -> Result<Outputs, Failure> {
        let line = ["fathom", "get", url].into_iter().chain(arguments.split_whitespace());
        let Command::Get(args) = Cli::try_parse_from(line).unwrap().command else { unreachable!() };
        Outputs::new(&args, &Url::parse(url).unwrap())
    }

    #[test]
    fn the_remote_name_is_the_last_part_of_the_path() {
        let name = |url: &str| outputs(url, "-O").map(|outputs| outputs.file.unwrap());
        assert_eq!(name("http://h/a/b.html?q=1#f").unwrap(), "b.html");
        assert_eq!(name("http://h/a%20b").unwrap(), "a%20b");
        assert_eq!(
            name("http://h/").unwrap_err().to_string(),
            "(23) the URL has no file name for -O; name the file with -o FILE"
        );
    }

    #[test]
    fn a_picture_shows_the_first_lines_that_were_shown() {
        let shown = |arguments: &str, body: &[u8]| {
            let mut outputs = outputs("http://h/x", arguments).unwrap();
            outputs.body = Sink::new(Destination::new("/dev/null"));
            outputs.put(body).unwrap();
            outputs.first_lines()
        };
        assert_eq!(shown("--svg p", b"1\n2\n"), "1\n2");
        assert_eq!(shown("--svg p", b"1\n2\n3\n4\n5\n6\n7\n8\n"), "1\n2\n3\n4\n5\n6\n…");
        for (arguments, body) in
            [("", &b"1\n"[..]), ("--svg p -o /dev/null", b"1\n"), ("--svg p", b"\x1b[31m")]
        {
            assert_eq!(shown(arguments, body), "", "{arguments}");
        }
    }

    #[test]
    fn only_one_thing_goes_to_standard_output() {
        for fine in ["", "-o - --json-report r", "-o x --json-report -", "-O --write -", "-D -"] {
            assert!(outputs("http://h/x", fine).is_ok(), "{fine}");
        }
        for (mixed, expected) in [
            ("--json-report -", "(2) --json-report and the body would mix on standard output; "),
            ("-o - --write -", "(2) --write and the body would mix on standard output; "),
            ("-o x --write - --svg -", "(2) --write and --svg would mix on standard output; "),
        ] {
            let failure = outputs("http://h/x", mixed).unwrap_err().to_string();
            assert!(failure.starts_with(expected), "{mixed}: {failure}");
        }
    }

    #[test]
    fn no_two_things_go_to_the_same_file() {
        let scratch = std::env::temp_dir().join(format!("fathom-outputs-{}", std::process::id()));
        std::fs::create_dir_all(&scratch).unwrap();
        let there = scratch.join("there");
        std::fs::write(&there, "").unwrap();
        std::os::unix::fs::symlink(&there, scratch.join("link")).unwrap();
        let scratch_name = scratch.to_str().unwrap();
        for (words, first, second) in [
            ("-o S/x --write S/x", "the body", "--write"),
            ("-o S/x --json-report S/./x", "the body", "--json-report"),
            ("-o S/there -D S/link", "the body", "-D"),
            ("--svg S/nosuch/x --write S/nosuch/x -o S/y", "--write", "--svg"),
            ("-O -D ./p", "the body", "-D"),
        ] {
            let failure = outputs("http://h/p", &words.replace('S', scratch_name)).unwrap_err().to_string();
            let expected = format!("(2) {first} and {second} would overwrite each other in ");
            assert!(failure.starts_with(&expected), "{words}: {failure}");
        }
        for fine in ["-o /dev/null --write /dev/null", "-o S/x -D S/y --write S/there", "-D - --write S/x"] {
            assert!(outputs("http://h/p", &fine.replace('S', scratch_name)).is_ok(), "{fine}");
        }
        std::fs::remove_dir_all(&scratch).unwrap();
    }
}
