//! What came of a run.

use std::time::Duration;

use checker::{Figures, Law};

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    /// The breaches of law, in words.
    pub findings: Vec<String>,
    /// The first law that was broken.
    pub law: Option<Law>,
    /// What happened, the latest last; kept only where it was asked for.
    pub trace: Vec<String>,
    /// Records, deliveries, claims.
    pub figures: Figures,
    /// How many faults were planned.
    pub faults: usize,
    /// Simulated time.
    pub lasted: Duration,
}
