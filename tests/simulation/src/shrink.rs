//! From a seed that fails to the few faults that make it fail.

use std::panic::{self, UnwindSafe};

use crate::{Report, Seed, run_without};

/// What is left of a seed that fails.
#[derive(Debug)]
pub struct Shrunk {
    /// The faults without which it fails all the same.
    pub without: Vec<usize>,
    /// The first breach, or the panic.
    pub breach: String,
    /// What happened, where it was not a panic.
    pub trace: Vec<String>,
}

/// How a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Failure {
    Law(checker::Law),
    Panic,
}

/// Removes one fault after the other from a seed, as long as it fails in the same way. `None` if it does not
/// fail.
pub fn shrink(seed: Seed) -> Option<Shrunk> {
    let faults = crate::plan::Plan::of(seed).faults.len();
    let (failure, _) = failed(|| run_without(seed, &[], false))?;
    let mut without = Vec::new();
    for fault in (0..faults).rev() {
        without.push(fault);
        let attempt = without.clone();
        let still = failed(move || run_without(seed, &attempt, false));
        if still.is_none_or(|(kind, _)| kind != failure) {
            without.pop();
        }
    }
    let last = without.clone();
    let (_, report) = failed(move || run_without(seed, &last, true))?;
    let (breach, trace) = match report {
        Ok(report) => (report.findings[0].clone(), report.trace),
        Err(panic) => (panic, Vec::new()),
    };
    Some(Shrunk {
        without,
        breach,
        trace,
    })
}

/// How a run fails, if it does, and what it leaves.
fn failed(run: impl FnOnce() -> Report + UnwindSafe) -> Option<(Failure, Result<Report, String>)> {
    match panic::catch_unwind(run) {
        Ok(report) => Some((Failure::Law(report.law?), Ok(report))),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| Some((*panic.downcast_ref::<&str>()?).to_owned()));
            Some((Failure::Panic, Err(text.unwrap_or_default())))
        }
    }
}
