//! What was measured, kept in a file, so that parts can be measured anew and the page be written again.

use std::{collections::BTreeMap, fs};

use serde::{Deserialize, Serialize};

use crate::{Result, programs::target, run::Outcome};

/// All that was measured.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Results {
    pub(crate) throughput: Vec<Run>,
    pub(crate) latency: Vec<Latency>,
    /// Seconds from a mark to its commit, in ascending order.
    pub(crate) commits: Vec<f64>,
    pub(crate) slow: Vec<Slow>,
    pub(crate) rebalance: Vec<Rebalance>,
    pub(crate) growth: Vec<Growth>,
    pub(crate) idle: Vec<Idle>,
}

/// One contestant reading one topic once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) load: String,
    pub(crate) contestant: String,
    pub(crate) outcome: Outcome,
}

/// The ages of records at their delivery, in one round.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) contestant: String,
    /// Microseconds that so many in a thousand records did not exceed, for [`Latency::SHARES`].
    pub(crate) micros: Vec<f64>,
}

impl Latency {
    /// In a thousand.
    pub(crate) const SHARES: [f64; 12] = [
        10.0, 50.0, 100.0, 250.0, 500.0, 750.0, 900.0, 950.0, 990.0, 995.0, 999.0, 1000.0,
    ];

    pub(crate) fn new(contestant: &str, mut micros: Vec<f64>) -> Self {
        micros.sort_by(f64::total_cmp);
        let last = micros.len().saturating_sub(1);
        let at = |share: f64| micros.get((last as f64 * share / 1000.0).round() as usize);
        Self {
            contestant: contestant.to_owned(),
            micros: Self::SHARES
                .iter()
                .filter_map(|&share| at(share).copied())
                .collect(),
        }
    }

    /// Microseconds at one of the shares.
    pub(crate) fn at(&self, share: f64) -> f64 {
        let place = Self::SHARES.iter().position(|&one| one == share);
        place
            .and_then(|place| self.micros.get(place).copied())
            .unwrap_or(f64::NAN)
    }
}

/// A slow reader, beside itself without a client.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Slow {
    pub(crate) work_ns: u64,
    /// What the client used for each record, over what the reader does.
    pub(crate) client_cpu_ns: f64,
    /// How many times as long it took.
    pub(crate) seconds: f64,
}

/// A member that joins another one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Rebalance {
    pub(crate) contestant: String,
    /// From its start to its first record.
    pub(crate) seconds: f64,
}

/// The same records, over more and more of something.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Growth {
    /// Of what.
    pub(crate) of: String,
    pub(crate) count: usize,
    pub(crate) contestant: String,
    pub(crate) outcome: Outcome,
}

/// A consumer with nothing to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Idle {
    pub(crate) partitions: usize,
    /// Milliseconds of processor time in ten seconds.
    pub(crate) cpu_ms: f64,
    pub(crate) peak_rss_kib: u64,
}

impl Results {
    /// What earlier runs have left.
    pub(crate) fn load() -> Result<Self> {
        match fs::read_to_string(target().join("results.json")) {
            Ok(text) => Ok(serde_json::from_str(&text)?),
            Err(_) => Ok(Self::default()),
        }
    }

    pub(crate) fn save(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        Ok(fs::write(target().join("results.json"), text)?)
    }

    /// Drops the runs of these contestants over these topics, which are to be measured anew.
    pub(crate) fn forget(
        &mut self,
        loads: impl IntoIterator<Item = &'static str>,
        contestants: impl IntoIterator<Item = &'static str>,
    ) {
        let loads: Vec<_> = loads.into_iter().collect();
        let contestants: Vec<_> = contestants.into_iter().collect();
        self.throughput.retain(|run| {
            let is_of = |names: &[&str], name: &str| names.contains(&name);
            !(is_of(&loads, &run.load) && is_of(&contestants, &run.contestant))
        });
    }

    /// The median of a figure of a contestant's runs over a topic.
    pub(crate) fn median(
        &self,
        load: &str,
        contestant: &str,
        figure: impl Fn(&Outcome) -> f64,
    ) -> Option<f64> {
        let runs = self.throughput.iter();
        let runs = runs.filter(|run| run.load == load && run.contestant == contestant);
        median(runs.map(|run| figure(&run.outcome)))
    }

    /// A figure of a contestant over more and more of something: its medians, by the count.
    pub(crate) fn curve(
        &self,
        of: &str,
        contestant: &str,
        figure: impl Fn(&Outcome) -> f64,
    ) -> Vec<(f64, f64)> {
        let runs = self.growth.iter();
        let runs = runs.filter(|run| run.of == of && run.contestant == contestant);
        let mut by_count = BTreeMap::<usize, Vec<f64>>::new();
        for run in runs {
            by_count
                .entry(run.count)
                .or_default()
                .push(figure(&run.outcome));
        }
        let point = |(count, figures)| Some((count as f64, median::<Vec<f64>>(figures)?));
        by_count.into_iter().filter_map(point).collect()
    }
}

/// The middle one, or the mean of the two in the middle.
pub(crate) fn median<I: IntoIterator<Item = f64>>(figures: I) -> Option<f64> {
    let mut all: Vec<f64> = figures.into_iter().collect();
    all.sort_by(f64::total_cmp);
    let (below, above) = (all.len().checked_sub(1)? / 2, all.len() / 2);
    Some((all[below] + all[above]) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_one_or_between_the_two() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 8.0]), Some(3.0));
    }

    #[test]
    fn latencies_are_told_by_shares() {
        let latency = Latency::new("one", (0..=1000).rev().map(f64::from).collect());
        assert_eq!(latency.at(500.0), 500.0);
        assert_eq!(latency.at(999.0), 999.0);
        assert_eq!(latency.at(1000.0), 1000.0);
    }
}
