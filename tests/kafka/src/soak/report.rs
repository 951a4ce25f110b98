//! What came of a soak.

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::Ordering::Relaxed,
    time::Duration,
};

use checker::{Checker, Event, Figures, Law, Rules, check_files};

use super::{Settings, clock, faults::Counts, journal::Journal};
use crate::ledger::{Entry, What};

/// The figures of a soak, and what the checker found.
#[derive(Debug)]
pub struct Report {
    /// What it was.
    pub settings: Settings,
    /// What the checker has counted.
    pub figures: Figures,
    /// Generations of the group.
    pub generations: usize,
    /// What went wrong on purpose.
    pub counts: Counts,
    /// Laws that were broken, each with the events around.
    pub findings: Vec<String>,
}

/// Has the checker read all journals.
pub(crate) fn judge(
    settings: &Settings,
    files: &[PathBuf],
    displaced: u64,
    generations: usize,
    counts: Counts,
) -> Result<Report, String> {
    let rules = Rules {
        resume_grace: Duration::from_secs(2),
        ..Rules::default()
    };
    let mut checker = Checker::new(rules);
    let end = check_files(&mut checker, files).map_err(|error| error.to_string())?;
    checker.conclude(end);
    // The contents tell nothing if the producer has lost count.
    let is_meant = |law: Law| law != Law::Content || displaced == 0;
    let findings = checker.findings().iter();
    let findings = findings.filter(|finding| is_meant(finding.law));
    Ok(Report {
        settings: settings.clone(),
        figures: checker.figures(),
        generations,
        counts,
        findings: findings.map(|finding| checker.explain(finding)).collect(),
    })
}

/// Writes who was given what, out of the ledger of the brokers, as events.
pub(crate) fn write_ledger(file: &Path, entries: &[Entry]) {
    let since_1970 = clock::since_1970();
    let journal = Journal::create(file);
    let mut book = journal.open();
    let mut last = Duration::ZERO;
    for entry in entries {
        let What::Generation { number, owners } = &entry.what else {
            continue;
        };
        last = last.max(entry.at.saturating_sub(since_1970));
        for (partition, owner) in owners {
            let event = Event::Granted {
                place: book.names.place(&partition.0, partition.1),
                member: book.names.member(owner),
                generation: *number,
            };
            book.write(last, &event);
        }
    }
    book.flush();
}

/// Moves the journals to where they stay, for whoever looks for the cause.
pub(crate) fn keep(folder: &Path, settings: &Settings) -> PathBuf {
    let name = format!("soak-{}-{}", settings.seed, process::id());
    let kept = settings
        .keep
        .clone()
        .unwrap_or_else(env::temp_dir)
        .join(name);
    match fs::rename(folder, &kept) {
        Ok(()) => kept,
        Err(error) => {
            eprintln!("{}: {error}", kept.display());
            folder.to_owned()
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            settings,
            figures,
            counts,
            ..
        } = self;
        writeln!(
            f,
            "{}, seed {}, {} s of faults, {} members",
            settings.release,
            settings.seed,
            settings.duration.as_secs(),
            settings.members
        )?;
        writeln!(f, "{figures}")?;
        writeln!(f, "rebalances          {}", self.generations)?;
        for (name, count) in [
            ("broker kills", &counts.broker_kills),
            ("broker restarts", &counts.broker_restarts),
            ("broker suspensions", &counts.broker_suspensions),
            ("member kills", &counts.member_kills),
            ("member restarts", &counts.member_restarts),
            ("member suspensions", &counts.member_suspensions),
            ("silences", &counts.silences),
            ("cuts", &counts.cuts),
            ("moves", &counts.moves),
        ] {
            writeln!(f, "{name:<20}{}", count.load(Relaxed))?;
        }
        writeln!(f, "duplicates          {}", figures.repetitions)?;
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        write!(f, "violations          {}", self.findings.len())
    }
}
