//! Runs all stories on all releases and writes `docs/compatibility.md`.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use kafka_tests::{
    Release,
    compatibility::{Results, module},
};

fn main() -> Result<(), String> {
    let mut results = Results::default();
    // One release after the other, so that there is one broker at a time.
    for &release in Release::ALL {
        println!("== {release}");
        run(&format!("::{}::", module(release)), &mut results)?;
    }
    println!("== Upgrades");
    run("upgrades::", &mut results)?;

    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compatibility.md");
    fs::write(&table, results.table()).map_err(|error| format!("{}: {error}", table.display()))
}

/// Runs the tests with `filter` in their names; those that fail are results, too.
fn run(filter: &str, results: &mut Results) -> Result<(), String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut tests = Command::new(cargo)
        .args([
            "test",
            "--quiet",
            "--package",
            "kafka-tests",
            "--test",
            "real",
        ])
        .args(["--", "--include-ignored", "--format", "pretty", filter])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cargo: {error}"))?;
    let output = tests.stdout.take().expect("it was asked for");
    let mut count = 0;
    for line in BufReader::new(output).lines() {
        let line = line.map_err(|error| error.to_string())?;
        println!("{line}");
        let outcome = line
            .strip_prefix("test ")
            .and_then(|rest| rest.split_once(" ... "));
        match outcome {
            Some((test, "ok")) => results.add(test, true),
            Some((test, "FAILED")) => results.add(test, false),
            _ => continue,
        }
        count += 1;
    }
    tests.wait().map_err(|error| error.to_string())?;
    match count {
        0 => Err(format!("no test {filter} has run")),
        _ => Ok(()),
    }
}
