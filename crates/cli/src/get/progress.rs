//! How far a long download has come, for a terminal that has nothing else to show.

use std::io::{Write, stderr};

use fathom_impair::ByteCount;

/// Bytes between two updates of the line.
const STEP: u64 = 256 * 1024;

/// A line on standard error that is written over itself.
#[derive(Debug)]
pub(super) struct Progress {
    shown: bool,
    expected: Option<u64>,
    next: u64,
    drawn: bool,
}

impl Progress {
    /// Shows nothing unless `shown`. `expected` is the length of the whole, if it is known.
    pub(super) fn new(shown: bool, expected: Option<u64>) -> Self {
        Progress { shown, expected, next: STEP, drawn: false }
    }

    /// `received` bytes have come.
    pub(super) fn update(&mut self, received: u64) {
        if !self.shown || received < self.next {
            return;
        }
        self.next = received + STEP;
        self.drawn = true;
        // Nothing can be said about a broken standard error.
        let _ = write!(stderr(), "\r\x1b[K{}", text(received, self.expected));
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

fn text(received: u64, expected: Option<u64>) -> String {
    // Whole tenths of a megabyte, so that the line does not flicker.
    let rounded = |bytes: u64| ByteCount(bytes / 100_000 * 100_000);
    match expected {
        Some(expected) if expected >= received && expected > 0 => {
            let percent = u128::from(received) * 100 / u128::from(expected);
            format!("{percent:3} %  {} of {}", rounded(received), rounded(expected))
        }
        _ => rounded(received).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_told_where_the_length_is_known() {
        assert_eq!(text(1_048_576, Some(104_857_600)), "  1 %  1 MB of 104.8 MB");
        assert_eq!(text(5_000_000, None), "5 MB");
        assert_eq!(text(5_000_000, Some(10)), "5 MB");
    }
}
