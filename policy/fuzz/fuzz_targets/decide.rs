//! Runs the property of the same name.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::decide::hold(data));
