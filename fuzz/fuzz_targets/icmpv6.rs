#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fathom_wire_fuzz::icmpv6(bytes));
