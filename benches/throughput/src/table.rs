//! The figures of all runs, side by side.

use std::{collections::BTreeMap, fmt};

use crate::run::{Measured, Reader};

/// What was measured of each reader.
#[derive(Default)]
pub(crate) struct Table(BTreeMap<Reader, Vec<Measured>>);

impl Table {
    pub(crate) fn add(&mut self, reader: Reader, measured: Measured) {
        self.0.entry(reader).or_default().push(measured);
    }

    /// The median of one figure. Of an even number of runs the worse of the two in the middle would
    /// depend on the figure, so it is simply the upper one.
    fn median(&self, reader: Reader, figure: impl Fn(&Measured) -> f64) -> Option<f64> {
        let mut all: Vec<f64> = self.0.get(&reader)?.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:12} {:>12} {:>9} {:>18} {:>9} {:>18}",
            "reader",
            "records/s",
            "of raw's",
            "CPU s per million",
            "of raw's",
            "faults per million"
        )?;
        let rate = |reader| self.median(reader, |measured| measured.rate);
        let cpu = |reader| self.median(reader, Measured::cpu);
        for &reader in self.0.keys() {
            let ratio = |of: Option<f64>, raw: Option<f64>| match (of, raw) {
                (Some(of), Some(raw)) => format!("{:.2}", of / raw),
                _ => "-".to_owned(),
            };
            writeln!(
                f,
                "{reader:12} {:>12.0} {:>9} {:>18.3} {:>9} {:>18.0}",
                rate(reader).unwrap_or(f64::NAN),
                ratio(rate(reader), rate(Reader::Raw)),
                cpu(reader).unwrap_or(f64::NAN),
                ratio(cpu(reader), cpu(Reader::Raw)),
                self.median(reader, |measured| measured.faults)
                    .unwrap_or(f64::NAN),
            )?;
        }
        Ok(())
    }
}
