//! Looks for what a broker needs to run. libtest decides at compile time what it ignores, so the answer is a `cfg`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn main() {
    println!("cargo::rustc-check-cfg=cfg(no_kafka)");
    println!("cargo::rustc-check-cfg=cfg(external_kafka)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PATH");
    println!("cargo::rerun-if-env-changed=KAFKA_BROKERS");
    println!("cargo::rustc-env=KAFKA_DIST={}", downloads().display());

    if env::var_os("KAFKA_BROKERS").is_some() {
        println!("cargo::rustc-cfg=external_kafka");
    } else if !(runs("java", "-version") && runs("mvn", "-version")) {
        println!("cargo::rustc-cfg=no_kafka");
        println!("cargo::warning=Java or Maven is missing: the tests on real Kafka are ignored");
    }
}

fn runs(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A folder beside `target/debug`: `OUT_DIR` is `target/debug/build/<package>/out`.
fn downloads() -> PathBuf {
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it for build scripts"));
    out_dir
        .ancestors()
        .nth(4)
        .unwrap_or(Path::new("."))
        .join("kafka-dist")
}
