//! Every scenario of `docs/scenarios.md` is shown by the tests that are named there.
//!
//! This reads the sources: a test says `/// Scenario 17: …` in its documentation.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Scenarios by number, with the names of their tests.
type Tests = BTreeMap<u32, Vec<String>>;

#[test]
fn every_scenario_is_shown_by_the_tests_that_are_named() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = Tests::new();
    for folder in ["src", "tests"] {
        collect(&root.join(folder), &mut tests);
    }
    tests.values_mut().for_each(|names| names.sort());
    let list = fs::read_to_string(root.join("docs/scenarios.md")).expect("there is a list");
    let mut complaints = Vec::new();
    for (number, names) in listed(&list) {
        let found = tests.remove(&number).unwrap_or_default();
        if found.is_empty() {
            complaints.push(format!("scenario {number} has no test"));
        } else if found != names {
            let found: Vec<_> = found.iter().map(|name| format!("`{name}`")).collect();
            complaints.push(format!(
                "scenario {number} is shown by {}",
                found.join(", ")
            ));
        }
    }
    let unlisted = tests
        .iter()
        .map(|(number, names)| format!("{names:?}: there is no scenario {number}"));
    complaints.extend(unlisted);
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// The rows of the table: number and tests.
fn listed(list: &str) -> Vec<(u32, Vec<String>)> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let number = cells.next()?.parse().ok()?;
        let tests = cells.nth(1)?.split('`').skip(1).step_by(2);
        Some((number, tests.map(str::to_owned).collect()))
    };
    let rows: Vec<_> = list.lines().filter_map(row).collect();
    assert!(rows.len() > 30, "the table is read wrongly: {rows:?}");
    rows
}

fn collect(folder: &Path, tests: &mut Tests) {
    let entries = fs::read_dir(folder).expect("the folder is there").flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, tests);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            read(&fs::read_to_string(&path).expect("sources are text"), tests);
        }
    }
}

/// The tests of one file: a scenario belongs to the next function.
fn read(source: &str, tests: &mut Tests) {
    let mut numbers = Vec::new();
    for line in source.lines().map(str::trim_start) {
        if let Some(rest) = line.strip_prefix("/// Scenario ") {
            let number = rest
                .split_once(':')
                .and_then(|(number, _)| number.parse().ok());
            numbers.extend::<Option<u32>>(number);
        } else if let Some(name) = function(line) {
            for number in numbers.drain(..) {
                tests.entry(number).or_default().push(name.to_owned());
            }
        }
    }
}

fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
    let rest = line.strip_prefix("fn ")?;
    rest.split_once('(').map(|(name, _)| name)
}
