//! Lines of text with a meaning to each part, before colours, character set or picture are chosen.

use fathom_record::Layer;

/// How text for people is to look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    /// Columns of the terminal. Below [`Style::MIN_WIDTH`] lines are as long as with that.
    pub width: usize,
    /// Whether escape sequences for colours may be used.
    pub colour: bool,
    /// Whether only ASCII characters may be used.
    pub ascii: bool,
}

impl Style {
    /// The fewest columns that output is laid out for.
    pub const MIN_WIDTH: usize = 60;

    /// Plain text of `width` columns.
    pub fn plain(width: usize) -> Self {
        Style { width, colour: false, ascii: false }
    }

    pub(crate) fn columns(self) -> usize {
        self.width.max(Self::MIN_WIDTH)
    }
}

/// What a piece of text means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Paint {
    Plain,
    Bold,
    Dim,
    /// Something of a layer, in its colour.
    Layer(Layer),
    /// Loss or failure.
    Bad,
}

/// One line.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Line(pub(crate) Vec<(Paint, String)>);

impl Line {
    pub(crate) fn push(&mut self, paint: Paint, text: impl Into<String>) {
        let text = text.into();
        match self.0.last_mut() {
            Some((last, before)) if *last == paint => *before += &text,
            _ if text.is_empty() => {}
            _ => self.0.push((paint, text)),
        }
    }

    /// Columns taken. Every character that is used takes one.
    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// Appends spaces up to a column.
    pub(crate) fn pad_to(&mut self, column: usize) {
        let missing = column.saturating_sub(self.width());
        self.push(Paint::Plain, " ".repeat(missing));
    }

    /// The line as text with a line feed, without spaces at its end.
    pub(crate) fn render(&self, style: Style) -> String {
        let mut out = String::new();
        for (paint, text) in &self.0 {
            let text: String = if style.ascii { text.chars().map(ascii).collect() } else { text.clone() };
            match paint.escape() {
                Some(escape) if style.colour => out += &format!("\x1b[{escape}m{text}\x1b[0m"),
                _ => out += &text,
            }
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
        out
    }
}

pub(crate) fn render(lines: &[Line], style: Style) -> String {
    lines.iter().map(|line| line.render(style)).collect()
}

impl Paint {
    fn escape(self) -> Option<&'static str> {
        Some(match self {
            Paint::Plain => return None,
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Layer(Layer::Link) => "33",
            Paint::Layer(Layer::Internet) => "36",
            Paint::Layer(Layer::Transport) => "32",
            Paint::Layer(Layer::Application) => "35",
            Paint::Bad => "1;31",
        })
    }
}

/// The character that stands for `c` where there is only ASCII.
fn ascii(c: char) -> char {
    match c {
        '→' => '>',
        '←' => '<',
        '└' => '\\',
        '▇' => '#',
        '▏' => '|',
        '░' => '.',
        '┄' => '~',
        '╳' | '✗' => 'x',
        '−' | '–' => '-',
        'µ' => 'u',
        '±' => '~',
        '·' => ',',
        '…' => '.',
        c if c.is_ascii() => c,
        _ => '?',
    }
}

/// Breaks text into lines of at most `width` characters between words; a longer word is cut.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut room = width;
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let started = lines.last().is_some_and(|line| !line.is_empty());
        if started && word.len() < room {
            room -= word.len() + 1;
            if let Some(line) = lines.last_mut() {
                line.push(' ');
                line.extend(word);
            }
            continue;
        }
        if started {
            lines.push(String::new());
        }
        while word.len() > width {
            let rest = word.split_off(width);
            if let Some(line) = lines.last_mut() {
                line.extend(word);
            }
            lines.push(String::new());
            word = rest;
        }
        room = width - word.len();
        if let Some(line) = lines.last_mut() {
            line.extend(word);
        }
    }
    lines
}

/// Joins items with dots between them and breaks the text at the dots, and inside of an item only if it
/// has no room on a line of its own.
pub(crate) fn wrap_items(items: &[String], width: usize) -> Vec<String> {
    const TIED: char = '\u{a0}';
    let last = items.len().saturating_sub(1);
    let items: Vec<String> = items
        .iter()
        .enumerate()
        .map(|(place, item)| {
            let item = if place == last { item.clone() } else { format!("{item} ·") };
            if item.chars().count() <= width { item.replace(' ', &TIED.to_string()) } else { item }
        })
        .collect();
    wrap(&items.join(" "), width).into_iter().map(|line| line.replace(TIED, " ")).collect()
}

#[cfg(test)]
mod tests;
