//! That the table in the docs tells what these tests show.

use std::{env, fs, path::Path, process::Command};

use kafka_tests::compatibility::Results;

/// All tests of this program, as if they had passed.
fn all_passed() -> Results {
    let program = env::current_exe().expect("a test has a path");
    let list = Command::new(program)
        .args(["--list", "--format", "terse"])
        .output()
        .expect("a test program lists its tests");
    let list = String::from_utf8(list.stdout).expect("names of tests are text");
    let mut results = Results::default();
    for test in list.lines().filter_map(|line| line.strip_suffix(": test")) {
        results.add(test, true);
    }
    results
}

#[test]
fn each_story_on_a_release_belongs_to_a_row() {
    let (unlisted, untold) = all_passed().strangers();
    assert!(unlisted.is_empty(), "in no row: {unlisted:?}");
    assert!(untold.is_empty(), "not told: {untold:?}");
}

/// A run that saw a failure writes another table.
#[test]
fn the_table_in_the_docs_is_that_of_these_tests() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compatibility.md");
    let table = fs::read_to_string(file).expect("the table is in the docs");
    assert_eq!(
        table,
        all_passed().table(),
        "cargo run -p kafka-tests --bin compatibility writes it"
    );
}
