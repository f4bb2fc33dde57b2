//! Tests that cross crates or talk to real programs.
