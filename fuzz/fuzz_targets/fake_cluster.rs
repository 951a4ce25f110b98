#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile_tests::run("fake_cluster", data));
