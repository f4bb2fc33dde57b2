//! Packet scripts: any text, read and run.

use fathom_drill::{Options, parse, run};

/// What is read runs to an end, twice in the same way; what cannot be read is told with its place.
pub(crate) fn drill(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match parse(&text) {
        Err(error) => {
            let (line, column) = (error.place.line as usize, error.place.column as usize);
            let lines: Vec<&str> = text.split('\n').collect();
            let told = lines.get(line.wrapping_sub(1)).unwrap_or_else(|| panic!("{error}: no line {line}"));
            assert!((1..=told.chars().count() + 1).contains(&column), "{error}: no column {column}");
            assert!(!error.message.is_empty());
        }
        Ok(script) => {
            let options = Options { strict: true, ..Options::default() };
            let outcome = run(&script, &options);
            assert_eq!(outcome, run(&script, &options), "the same script runs in another way");
            let is_in_order =
                |failure: &fathom_drill::Failure| failure.before.is_sorted_by_key(|line| line.at);
            assert!(outcome.failure.as_ref().is_none_or(is_in_order));
        }
    }
}
