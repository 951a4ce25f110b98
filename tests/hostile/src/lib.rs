//! What the fuzz targets do with their bytes.
//!
//! Each target is a function that must return, whatever it is given: in bounded time and memory, and with
//! its assertions held. `fuzz/` feeds them with libFuzzer, and the tests here replay what it has found
//! worth keeping (`fuzz/corpus`), with a compiler that everybody has.

mod answers;
mod batches;
mod blobs;
mod codecs;
mod connection;
mod fake_cluster;
mod frames;
mod input;
mod messages;
pub mod seeds;
mod versions;

/// Is given bytes, and returns.
pub type Target = fn(&[u8]);

/// All targets, by the names that `cargo fuzz` knows them by.
pub const TARGETS: &[(&str, Target)] = &[
    ("frames", frames::frames),
    ("responses", messages::responses),
    ("requests", messages::requests),
    ("answers", answers::answers),
    ("fetch_answers", answers::fetch_answers),
    ("batches", batches::batches),
    ("message_sets", batches::message_sets),
    ("gzip", codecs::gzip),
    ("snappy", codecs::snappy),
    ("lz4", codecs::lz4),
    ("zstd", codecs::zstd),
    ("subscriptions", blobs::subscriptions),
    ("assignments", blobs::assignments),
    ("versions", versions::versions),
    ("connection", connection::connection),
    ("fake_cluster", fake_cluster::fake_cluster),
];

/// Runs one target.
///
/// # Panics
/// If there is no target of that name, or if the target has found a bug.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS
        .iter()
        .find(|(listed, _)| *listed == name)
        .unwrap_or_else(|| panic!("there is no target {name}"));
    target(data);
}
