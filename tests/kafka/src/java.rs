//! Records written by the Java client of a release.

use std::{ffi::OsString, fs, path::Path};

use crate::{
    cluster::{Cluster, PATIENCE},
    distribution::Distribution,
    process::Process,
    producer::Codec,
    scratch::Scratch,
};

/// Has the client of the cluster's own release write to partition 0 of a topic, so many records with each
/// codec, one codec after the other. Gives their values.
///
/// # Panics
/// If it does not succeed.
pub fn write_by_java(
    cluster: &Cluster,
    topic: &str,
    codecs: &[Codec],
    count: usize,
) -> Vec<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("java/Writer.java");
    let scratch = Scratch::new();
    let mut command = Distribution::of(cluster.release()).java(source, scratch.path());
    let (brokers, count_given) = (cluster.bootstrap().join(","), count.to_string());
    command.extend([brokers.as_str(), topic, &count_given].map(OsString::from));
    command.extend(codecs.iter().map(|codec| OsString::from(codec.name())));

    let log = scratch.path().join("log");
    let status = Process::spawn(&command, &log, |_| ()).wait(PATIENCE);
    assert!(
        status.is_some_and(|status| status.success()),
        "Java has not written to {topic}: {}",
        fs::read_to_string(log).unwrap_or_default()
    );
    let values = |codec: &Codec| {
        let name = codec.name();
        (0..count).map(move |n| format!("{name} {n} {}", "again and ".repeat(50)))
    };
    codecs.iter().flat_map(values).collect()
}
