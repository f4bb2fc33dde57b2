//! The format's grammar.

use super::variables::Variable;

/// A format, taken apart.
#[derive(Debug)]
pub(crate) struct Format {
    pieces: Vec<Piece>,
}

/// A part of a format.
#[derive(Debug)]
pub(super) enum Piece {
    /// Text as it is.
    Text(String),
    /// `%{name}`.
    Variable(&'static Variable),
    /// `%{json}`: all variables as one object.
    Json,
    /// `%{header_json}`: the response's headers as one object.
    HeaderJson,
    /// `%header{name}`.
    Header(String),
    /// `%{onerror}`: the rest only when the transfer failed.
    OnError,
    /// `%{stderr}`: the rest to standard error.
    Stderr,
    /// `%{stdout}`: the rest to standard output.
    Stdout,
    /// `%output{file}`, `%output{>>file}`: the rest to a file.
    File { path: String, append: bool },
    /// A name that is no variable.
    Unknown(String),
}

impl Format {
    /// Takes `text` apart. There is no wrong format: what is not understood is text.
    pub(crate) fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(['%', '\\']) {
            plain.push_str(&rest[..start]);
            rest = &rest[start..];
            let (piece, used) = special(rest);
            match piece {
                Special::Text(text) => plain.push_str(text),
                Special::Piece(piece) => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(piece);
                }
            }
            rest = &rest[used..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Format { pieces }
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }
}

enum Special<'a> {
    Text(&'a str),
    Piece(Piece),
}

/// Reads what starts with `%` or `\`; also tells how many bytes it takes.
fn special(text: &str) -> (Special<'_>, usize) {
    for (escape, meaning) in [("\\n", "\n"), ("\\r", "\r"), ("\\t", "\t"), ("%%", "%")] {
        if text.starts_with(escape) {
            return (Special::Text(meaning), escape.len());
        }
    }
    for (opening, make) in [
        ("%{", variable as fn(&str) -> Piece),
        ("%header{", |name| Piece::Header(name.into())),
        ("%output{", |name| match name.strip_prefix(">>") {
            Some(path) => Piece::File { path: path.into(), append: true },
            None => Piece::File { path: name.into(), append: false },
        }),
    ] {
        let inside = text.strip_prefix(opening).and_then(|rest| rest.split_once('}'));
        if let Some((name, _)) = inside {
            return (Special::Piece(make(name)), opening.len() + name.len() + 1);
        }
    }
    (Special::Text(&text[..1]), 1)
}

fn variable(name: &str) -> Piece {
    match name {
        "json" => Piece::Json,
        "header_json" => Piece::HeaderJson,
        "onerror" => Piece::OnError,
        "stderr" => Piece::Stderr,
        "stdout" => Piece::Stdout,
        name => Variable::by_name(name).map_or_else(|| Piece::Unknown(name.into()), Piece::Variable),
    }
}
