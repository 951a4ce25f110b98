//! Proves that the simulation finds mistakes: `mutations [--seeds N] [--only NAME]`.
//!
//! Each mutation is a mistake that a client could make. It is made in a copy of the sources, and that copy
//! is simulated until a law is broken. One that no seed finds out is a failure, and so is one whose place
//! in the sources is not there any more.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

/// A mistake: what stands in a file, and what is put there instead.
struct Mutation {
    name: &'static str,
    edits: &'static [(&'static str, &'static str, &'static str)],
}

const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "commits-what-was-delivered",
        edits: &[(
            "src/core/marks.rs",
            "(self.next.min(self.limit).max(self.floor), &self.metadata)",
            "(self.runs.last_offset().map_or(self.start, |last| last + 1), &self.metadata)",
        )],
    },
    Mutation {
        name: "takes-from-the-users-channel",
        edits: &[(
            "src/consumer/outlet.rs",
            "                    self.messages.send(message);\n",
            "                    if first_seq % 5 == 4 && self.messages.receiver.len() > 0 {\n                        drop(self.messages.receiver.try_recv());\n                    }\n                    self.messages.send(message);\n",
        )],
    },
    Mutation {
        name: "starts-one-too-far",
        edits: &[(
            "src/core/engine/claims.rs",
            "(claim.partition, start)",
            "(claim.partition, start + i64::from(start > 0))",
        )],
    },
    Mutation {
        name: "goes-on-one-too-far",
        edits: &[(
            "src/call/fetch.rs",
            "partition.offset = *end;",
            "partition.offset = *end + 1;",
        )],
    },
    Mutation {
        name: "believes-the-first-word",
        edits: &[(
            "src/core/fetch/answer.rs",
            "if reading.doubt.is_some_and(|doubt| doubt.is_settled()) {",
            "if true {",
        )],
    },
    Mutation {
        name: "starts-one-too-early",
        edits: &[(
            "src/core/engine/claims.rs",
            "self.open(now, id, offset, metadata, false);",
            "self.open(now, id, (offset - 1).max(0), metadata, false);",
        )],
    },
    Mutation {
        name: "has-no-fence",
        edits: &[
            (
                "src/core/group/drive.rs",
                "membership.pulse.alive_at + self.settings.session_timeout;",
                "membership.pulse.alive_at + self.settings.session_timeout * 1000;",
            ),
            (
                "src/core/group/drive.rs",
                "session.min(calm_at + self.settings.rebalance_time(version))",
                "session.max(calm_at + self.settings.rebalance_time(version))",
            ),
        ],
    },
    Mutation {
        name: "delivers-after-the-end-of-a-claim",
        edits: &[(
            "src/consumer/claim.rs",
            "self.state.load(SeqCst) == LIVE",
            "self.state.load(SeqCst) <= ENDED",
        )],
    },
    Mutation {
        name: "loses-a-batch-that-cannot-be-decoded",
        edits: &[(
            "src/core/fetch/deliver.rs",
            "reading.aim = Aim::Read(reading.delivered_to);\n            reading.stuck_at",
            "reading.stuck_at",
        )],
    },
    Mutation {
        name: "counts-acks",
        edits: &[(
            "src/core/marks/acks.rs",
            "        if seq == self.end {",
            "        if seq != self.end {\n            self.end += 1;\n        } else {",
        )],
    },
    Mutation {
        name: "offers-again-from-the-start",
        edits: &[(
            "src/core/engine/claims.rs",
            "let start = next.max(start);",
            "let start = next.min(start);",
        )],
    },
    Mutation {
        name: "delivers-what-was-aborted",
        edits: &[(
            "src/core/fetch/answer.rs",
            "!(self.settings.read_committed && aborted.hides(&batch))",
            "!(aborted.hides(&batch) && batch.base_offset() < 0)",
        )],
    },
    Mutation {
        name: "takes-a-topic-for-its-forerunner",
        edits: &[(
            "src/core/engine/recreated.rs",
            "if *claim.topic_id.get_or_insert(present) != present {",
            "if *claim.topic_id.insert(present) != present {",
        )],
    },
    Mutation {
        name: "drains-the-channel-at-a-release",
        edits: &[(
            "src/consumer/outlet.rs",
            "        claim.begin_release();\n        self.look();\n",
            "        let drained: Vec<_> = self.messages.receiver.try_iter().collect();\n        for message in &drained {\n            message.claim().mark(message.offset(), \"\");\n        }\n        claim.begin_release();\n        self.look();\n",
        )],
    },
    // As one does that finds the claim by the topic and the partition.
    Mutation {
        name: "a-late-mark-touches-the-next-claim",
        edits: &[
            (
                "src/consumer/user_side.rs",
                "pub struct UserSide {\n",
                "pub struct UserSide {\n    pub(super) latest: Mutex<BTreeMap<(String, i32), std::sync::Weak<Claim>>>,\n",
            ),
            (
                "src/consumer/user_side.rs",
                "        Arc::new(Self {\n",
                "        Arc::new(Self {\n            latest: Mutex::default(),\n",
            ),
            (
                "src/consumer/claim.rs",
                "        Arc::new(Self {\n",
                "        let claim = Arc::new(Self {\n",
            ),
            (
                "src/consumer/claim.rs",
                "            live_blocks: AtomicUsize::new(0),\n        })\n",
                "            live_blocks: AtomicUsize::new(0),\n        });\n        let place = (claim.topic.to_string(), claim.partition);\n        let latest = &claim.user_side.latest;\n        latest.lock().insert(place, Arc::downgrade(&claim));\n        claim\n",
            ),
            (
                "src/consumer/user_side.rs",
                "            place.claim().mark(place.last(), metadata);\n",
                "            let claim = place.claim();\n            let key = (claim.topic().to_string(), claim.partition());\n            let latest = self.latest.lock().get(&key).and_then(std::sync::Weak::upgrade);\n            let claim = latest.unwrap_or_else(|| Arc::clone(claim));\n            claim.mark(place.last(), metadata);\n",
            ),
        ],
    },
    Mutation {
        name: "takes-an-answer-that-nobody-waits-for",
        edits: &[(
            "src/core/fetch/answer.rs",
            "self.readings.change_asked(claim, asked.token) else {\n                continue;\n            };\n            let from_follower = reading.end_request();\n            if answer.error",
            "self.readings.change(claim).filter(|r| matches!(r.aim, Aim::Read(_))) else {\n                continue;\n            };\n            let from_follower = reading.end_request();\n            if answer.error",
        )],
    },
    Mutation {
        name: "a-view-marks-its-whole-batch",
        edits: &[(
            "src/consumer/batch.rs",
            "Place::one(self.block, self.index)",
            "Place::all(self.block)",
        )],
    },
    Mutation {
        name: "is-content-with-a-former-share",
        edits: &[(
            "src/core/group/transitions.rs",
            "if self.settings.instance_id.is_none() {",
            "if self.settings.instance_id.as_deref() != Some(\"\") {",
        )],
    },
    Mutation {
        name: "takes-a-former-assignment-for-one-of-today",
        edits: &[(
            "src/core/group/lead.rs",
            "if !kept.is_current {",
            "if kept.is_current || true {",
        )],
    },
    Mutation {
        name: "passes-over-a-record-now-and-then",
        edits: &[(
            "src/core/fetch/answer.rs",
            "            next = read_to;",
            "            next = read_to + i64::from(read_to % 7 == 3);",
        )],
    },
];

fn main() -> ExitCode {
    let (mut seeds, mut only) = ("3000".to_owned(), None);
    let mut arguments = env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let value = arguments.next();
        match flag.as_str() {
            "--seeds" => seeds = value.expect("a number follows --seeds"),
            "--only" => only = value,
            _ => panic!("there are --seeds and --only, and no {flag}"),
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let copy = root.join("target/mutations");
    copy_sources(&root, &copy);
    let wanted = |mutation: &&Mutation| only.as_deref().is_none_or(|only| only == mutation.name);
    let mut escaped = Vec::new();
    for mutation in MUTATIONS.iter().filter(wanted) {
        let begin = Instant::now();
        let is_found = is_found_out(mutation, &copy, &seeds);
        let verdict = if is_found {
            "found out"
        } else {
            "NOT FOUND OUT"
        };
        println!("{}: {verdict}, {:.0?}", mutation.name, begin.elapsed());
        if !is_found {
            escaped.push(mutation.name);
        }
    }
    if escaped.is_empty() {
        ExitCode::SUCCESS
    } else {
        println!("the simulation is blind to {escaped:?}");
        ExitCode::FAILURE
    }
}

/// What is needed to build the simulation, and nothing else, so that little is built.
fn copy_sources(root: &Path, copy: &Path) {
    for folder in ["src", "tests/checker", "tests/simulation"] {
        copy_folder(&root.join(folder), &copy.join(folder));
    }
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("there is a manifest");
    let mut reduced = String::new();
    let mut is_left_out = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_left_out = line == "[[bench]]" || line == "[dev-dependencies]";
        }
        if line.starts_with("members = ") {
            reduced.push_str("members = [\"tests/checker\", \"tests/simulation\"]\n");
            is_left_out = !line.ends_with(']');
        } else if is_left_out && line == "]" {
            is_left_out = false;
        } else if !is_left_out {
            reduced.push_str(line);
            reduced.push('\n');
        }
    }
    write(&copy.join("Cargo.toml"), &reduced);
    let lock = fs::read_to_string(root.join("Cargo.lock")).expect("there is a lock file");
    write(&copy.join("Cargo.lock"), &lock);
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    let entries = fs::read_dir(from).expect("the folder is there").flatten();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    for path in paths {
        let name = path.file_name().expect("it is an entry of a folder");
        if path.is_dir() {
            copy_folder(&path, &to.join(name));
        } else if let Ok(text) = fs::read_to_string(&path) {
            write(&to.join(name), &text);
        }
    }
}

/// Leaves a file alone that has this in it already, for else it would be built again.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return;
    }
    fs::write(path, text).expect("a file can be written");
}

fn is_found_out(mutation: &Mutation, copy: &Path, seeds: &str) -> bool {
    let mut originals = Vec::new();
    for (file, there, instead) in mutation.edits {
        let path = copy.join(file);
        let text = fs::read_to_string(&path).expect("mutations name files that are there");
        let places = text.matches(there).count();
        assert_eq!(places, 1, "{}: {there:?} in {file}", mutation.name);
        write(&path, &text.replace(there, instead));
        originals.push((path, text));
    }
    let cargo = |what: &str| {
        let mut command = Command::new(env!("CARGO"));
        command.args([what, "-q", "-p", "simulation", "--bin", "simulation"]);
        command
            .current_dir(copy)
            .env("CARGO_TARGET_DIR", copy.join("target"));
        command
    };
    let built = cargo("build").status().expect("cargo runs");
    assert!(built.success(), "{} does not compile", mutation.name);
    let mut run = cargo("run");
    run.args(["--", "--bad", "1", "--seeds", seeds]);
    let status = run.stdout(Stdio::null()).status().expect("cargo runs");
    for (path, text) in originals.into_iter().rev() {
        write(&path, &text);
    }
    !status.success()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_places_are_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for mutation in MUTATIONS {
            for (file, there, _) in mutation.edits {
                let text = fs::read_to_string(root.join(file)).unwrap_or_default();
                let places = text.matches(there).count();
                assert_eq!(places, 1, "{}: {there:?} in {file}", mutation.name);
            }
        }
    }
}
