//! libFuzzer around the checks of fathom-fuzz: `FATHOM_FUZZ_TARGET` names the target. `cargo xtask fuzz` builds
//! it with coverage and runs it.
#![no_main]

use std::sync::OnceLock;

use fathom_fuzz::{Input, Target, actions};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fn target() -> &'static Target {
    static TARGET: OnceLock<&'static Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name = std::env::var("FATHOM_FUZZ_TARGET").unwrap_or_default();
        fathom_fuzz::find(&name).unwrap_or_else(|| {
            let names: Vec<&str> = fathom_fuzz::TARGETS.iter().map(|target| target.name).collect();
            eprintln!("FATHOM_FUZZ_TARGET names no target; it may be one of {}", names.join(", "));
            std::process::exit(2);
        })
    })
}

fuzz_target!(|bytes: &[u8]| {
    let Target { check, max_len, .. } = target();
    check(&bytes[..bytes.len().min(*max_len)]);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let max_size = max_size.min(target().max_len);
    let size = size.min(max_size);
    match target().input {
        Input::Bytes | Input::Text => fuzzer_mutate(data, size, max_size),
        // Now and then libFuzzer's own way, which knows what the program compared with.
        Input::Actions if seed.is_multiple_of(4) => fuzzer_mutate(data, size, max_size),
        Input::Actions => actions::mutate(data, size, max_size, seed),
    }
});
