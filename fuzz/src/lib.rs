//! What each fuzz target checks. The same checks run over the committed corpus as plain tests of
//! fathom-wire (`crates/wire/tests/corpus.rs`), which need neither a nightly compiler nor cargo-fuzz.
//!
//! `cargo +nightly fuzz run tcp` fuzzes one protocol; `cargo run --example seed_corpus` (in this folder)
//! writes the corpus anew.

mod checks;

pub use checks::*;
