//! Judges logs: `checker [--unfinished] FILE…`.
//!
//! The files are merged by the times of their events; what they look like is told in [`checker::text`]. With
//! `--unfinished` the logs may end anywhere, so not all must be delivered and committed. Prints what was found,
//! and what there was; fails if a law was broken.

use std::{env, process::ExitCode};

use checker::{Checker, Rules, check_files};

fn main() -> ExitCode {
    let mut files: Vec<String> = env::args().skip(1).collect();
    let count = files.len();
    files.retain(|argument| argument != "--unfinished");
    let unfinished = files.len() < count;
    if files.is_empty() {
        eprintln!("checker [--unfinished] FILE…");
        return ExitCode::FAILURE;
    }
    let mut checker = Checker::new(Rules::default());
    match check_files(&mut checker, &files) {
        Ok(end) if !unfinished => checker.conclude(end),
        Ok(_) => {}
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    for finding in checker.findings() {
        println!("{}", checker.explain(finding));
    }
    println!("{}", checker.figures());
    if checker.findings().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
