//! The lines of -v to -vvvv on standard error, with curl's marks.

use std::io::{Write, stderr};

use fathom_net::Instant;

/// What to tell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Level {
    /// Nothing.
    Off,
    /// What happens, and heads (-v).
    Heads,
    /// With the time and the layer of each line (-vv).
    Times,
    /// With the data of the bodies (-vvv).
    Data,
    /// With each frame (-vvvv).
    Frames,
}

impl Level {
    /// The level of so many `-v`; more than four is four.
    pub(super) fn of(count: u8) -> Self {
        match count {
            0 => Level::Off,
            1 => Level::Heads,
            2 => Level::Times,
            3 => Level::Data,
            _ => Level::Frames,
        }
    }
}

/// Writes what is asked for to standard error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verbose {
    level: Level,
    start: Instant,
}

impl Verbose {
    /// Writes up to `level`, with times since `start`.
    pub(super) fn new(level: Level, start: Instant) -> Self {
        Verbose { level, start }
    }

    /// Something happened, on the layer with this letter.
    pub(super) fn note(&self, at: Instant, layer: char, text: &str) {
        self.line(Level::Heads, at, layer, '*', text.as_bytes());
    }

    /// A head was sent (`>`) or received (`<`).
    pub(super) fn head(&self, at: Instant, mark: char, head: &[u8]) {
        for line in head.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r\n").unwrap_or(line);
            self.line(Level::Heads, at, 'A', mark, line);
        }
    }

    /// A part of the request's body was sent.
    pub(super) fn sent(&self, at: Instant, bytes: usize) {
        self.line(Level::Data, at, 'A', '}', format!("[{bytes} bytes data]").as_bytes());
    }

    /// A part of the response's body came.
    pub(super) fn received(&self, at: Instant, bytes: usize) {
        self.line(Level::Data, at, 'A', '{', format!("[{bytes} bytes data]").as_bytes());
    }

    /// Whether frames are shown.
    pub(super) fn shows_frames(&self) -> bool {
        self.level >= Level::Frames
    }

    /// A frame, drawn already.
    pub(super) fn frame(&self, drawn: &str) {
        if self.shows_frames() {
            write(format!("{}\n", drawn.trim_end_matches('\n')).as_bytes());
        }
    }

    fn line(&self, level: Level, at: Instant, layer: char, mark: char, text: &[u8]) {
        if self.level < level {
            return;
        }
        let mut line = Vec::new();
        if self.level >= Level::Times {
            let since = at.saturating_duration_since(self.start);
            line = format!("{}.{:06} [{layer}] ", since.as_secs(), since.subsec_micros()).into_bytes();
        }
        line.extend_from_slice(format!("{mark} ").as_bytes());
        line.extend_from_slice(text);
        line.push(b'\n');
        write(&line);
    }
}

/// Nothing can be said about a broken standard error.
fn write(line: &[u8]) {
    let _ = stderr().lock().write_all(line);
}
