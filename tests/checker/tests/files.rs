//! Logs as files: what is written can be read, files are merged, and fifty million deliveries are no burden.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Command},
    time::Duration,
};

use checker::{Checker, Claim, Event, Rules, check_files, text::Names};

/// A folder that is gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("checker-{}-{name}", process::id()));
        fs::create_dir(&path).expect("the name is new");
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("the folder is ours");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const EVERY_EVENT: &str = "\
1 produced t 0 0-9,12
2 removed t 0 10
3 log-start t 0 1
4 truncated t 0 13
5 started a
6 died b
7 suspended a
8 resumed a
9 excused a 99
10 granted t 0 a 3
11 claimed a 1 t 0 1 assigned 3
12 claimed a 2 t 0 1 out-of-range
13 claimed a 3 t 0 1 reoffered
14 claimed a 4 t 0 1 untold
15 ended a 1 t 0
16 delivered a 4 t 0 1-3
17 garbled a 4 t 0 1
18 marked a 4 t 0 1
19 acked a 4 t 0 3,2
20 reset a 4 t 0 1
21 sent a 1 t 0 2
22 answered a 1 t 0 accepted
23 answered a 1 t 0 refused
24 answered a 1 t 0 unanswered
25 committed t 0 3 a
26 committed t 0 3 *
27 committed t 0 3 !";

#[test]
fn what_is_read_is_what_is_written() {
    let mut checker = Checker::new(Rules::default());
    for line in EVERY_EVENT.lines() {
        checker.read(line).expect("it is an event");
    }
    // Findings quote what was read.
    let around = &checker.findings()[0].around;
    let quoted: Vec<_> = around
        .iter()
        .map(|(at, event)| checker.names().write(*at, event))
        .collect();
    let lines: Vec<_> = EVERY_EVENT.lines().collect();
    for line in quoted {
        let (time, first_of_several) = line.split_once(' ').expect("words");
        let is_it = |known: &&&str| known.split(' ').next() == Some(time);
        let known = lines.iter().find(is_it).expect("it was read");
        let alike = known.ends_with(first_of_several) || known.contains(',');
        assert!(alike, "{line} and {known}");
    }
}

#[test]
fn several_ranges_make_one_line() {
    let mut names = Names::default();
    let (member, place) = (names.member("a"), names.place("t", 0));
    let claim = Claim {
        member,
        place,
        number: 4,
    };
    let event = Event::Acked {
        claim,
        offsets: 0..=0,
    };
    let line = names.write_ranges(Duration::from_nanos(9), &event, &[3..=3, 1..=2]);
    assert_eq!(line, "9 acked a 4 t 0 3,1-2");
}

#[test]
fn lines_that_are_no_events_are_refused() {
    for line in [
        "",
        "x",
        "1",
        "1 slept a",
        "1 produced t 0",
        "1 produced t x 1",
        "1 produced t 0 5-4",
        "1 produced t 0 -5",
        "1 produced t 0 9223372036854775807",
        "1 marked a 1 t 0 1 2",
        "1 claimed a 1 t 0 1 because",
        "1 answered a 1 t 0 maybe",
        "1  started a",
    ] {
        let mut checker = Checker::new(Rules::default());
        checker.read(line).expect_err(line);
    }
}

#[test]
fn files_are_merged_by_their_times() {
    let folder = Folder::new("merge");
    let log = folder.file("log", "# who wrote what\n1 produced t 0 0-9\n");
    let one = folder.file(
        "a",
        "2 started a\n3 claimed a 1 t 0 0 assigned\n4 delivered a 1 t 0 0-4\n5 marked a 1 t 0 4\n\
         30 delivered a 1 t 0 5\n",
    );
    let other = folder.file(
        "b",
        "2 started b\n20 claimed b 1 t 0 5 assigned\n21 delivered b 1 t 0 5-9\n22 marked b 1 t 0 9\n",
    );
    let commits = folder.file("commits", "6 committed t 0 5 a\n23 committed t 0 10 b\n");
    let run = |files: &[&Path]| {
        let output = Command::new(env!("CARGO_BIN_EXE_checker"))
            .args(files)
            .output();
        let output = output.expect("it was built");
        let text = String::from_utf8(output.stdout).expect("text");
        (output.status.success(), text)
    };
    let (success, text) = run(&[&commits, &one, &other, &log]);
    assert!(!success);
    assert!(
        text.starts_with("Generation at 0.00000003 s, t/0: 5..=5"),
        "{text}"
    );

    // The one that was killed has not finished its last line.
    let killed = fs::read_to_string(&one).expect("it is there");
    let one = folder.file("a", killed.trim_end());
    let (success, text) = run(&[&commits, &one, &other, &log]);
    assert!(success, "{text}");
    assert!(
        text.contains("10 records acknowledged, 10 delivered, 0 of them again"),
        "{text}"
    );
    let (success, _) = run(&[&commits, &one, &log]);
    assert!(!success, "b is missing");
}

#[test]
fn a_log_whose_time_goes_back_is_refused() {
    let folder = Folder::new("back");
    let log = folder.file("log", "2 started a\n1 started b\n");
    let mut checker = Checker::new(Rules::default());
    let error = check_files(&mut checker, &[log]).expect_err("it is no log");
    assert!(
        error
            .to_string()
            .contains("log, line 2: the time goes back"),
        "{error}"
    );
}

/// Fifty million deliveries, marked one run at a time, by members that take turns; the checker keeps ranges.
#[test]
fn fifty_million_deliveries_are_no_burden() {
    const RUN: i64 = 250;
    const RUNS: i64 = 200_000;
    let mut checker = Checker::new(Rules::default());
    let place = checker.place("t", 0);
    let mut at = Duration::ZERO;
    let mut claim = Claim {
        member: checker::Member(0),
        place,
        number: 0,
    };
    for run in 0..RUNS {
        let (first, last) = (run * RUN, run * RUN + RUN - 1);
        at += Duration::from_millis(1);
        checker.see(
            at,
            Event::Produced {
                place,
                offsets: first..=last,
            },
        );
        if run % 1_000 == 0 {
            claim.member.0 += 1;
            let (generation, cause) = (None, checker::Cause::Assigned);
            checker.see(
                at,
                Event::Claimed {
                    claim,
                    generation,
                    start: first,
                    cause,
                },
            );
        }
        checker.see(
            at,
            Event::Delivered {
                claim,
                offsets: first..=last,
            },
        );
        checker.see(
            at,
            Event::Marked {
                claim,
                offset: last,
            },
        );
        let by = checker::By::Member(claim.member);
        checker.see(
            at,
            Event::Committed {
                place,
                offset: last + 1,
                by,
            },
        );
    }
    assert!(checker.is_done());
    checker.conclude(at);
    assert_eq!(checker.findings(), []);
    assert_eq!(checker.figures().deliveries, 50_000_000);
}
