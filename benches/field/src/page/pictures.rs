//! The pictures of the page.

use super::{
    bars::{self, Bar, Panel},
    lines::{self, Curve, Frame, Scale},
};
use crate::{
    contestants::{self, Kind},
    latency,
    results::{Latency, Results, median},
    run::Outcome,
    throughput::LOADS,
};

/// The names of the files, and what is in them.
pub(crate) fn draw(results: &Results) -> [(&'static str, String); 4] {
    [
        ("throughput.svg", throughput(results)),
        ("cpu.svg", cpu(results)),
        ("latency.svg", latency(results)),
        ("growth.svg", growth(results)),
    ]
}

fn throughput(results: &Results) -> String {
    let millions = |outcome: &Outcome| outcome.rate() / 1e6;
    let panels: Vec<Panel> = panels(results, millions, |load, _| {
        let limit = results.median(load, "limit: decode", millions)?;
        Some((limit, "limit: decode".to_owned()))
    });
    let title = "Million records per second (longer is better)";
    // The limits without decoding would leave no room for the others.
    bars::draw(title, &panels, |panel| {
        let limit = panel.mark.as_ref().map_or(0.0, |(limit, _)| *limit);
        let rest = panel.bars.iter().filter(|bar| bar.kind != Kind::Limit);
        rest.map(|bar| bar.value).fold(limit, f64::max) * 1.1
    })
}

fn cpu(results: &Results) -> String {
    let nanos = |outcome: &Outcome| outcome.cpu() * 1e3;
    let panels: Vec<Panel> = panels(results, nanos, |_, _| None);
    let title = "Nanoseconds of processor time per record (shorter is better)";
    bars::draw(title, &panels, |panel| {
        // The slowest are cut off, or nothing could be told of the others.
        let mut values: Vec<f64> = panel.bars.iter().map(|bar| bar.value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() * 3 / 4).copied().unwrap_or(1.0) * 1.2
    })
}

fn panels(
    results: &Results,
    figure: impl Fn(&Outcome) -> f64 + Copy,
    mark: impl Fn(&str, &[Bar]) -> Option<(f64, String)>,
) -> Vec<Panel> {
    let panel = |name: &str| {
        let bars = contestants::ALL.iter().filter_map(|contestant| {
            Some(Bar {
                name: contestant.id.to_owned(),
                kind: contestant.kind,
                value: results.median(name, contestant.id, figure)?,
            })
        });
        let bars: Vec<Bar> = bars.collect();
        Panel {
            title: name.to_owned(),
            mark: mark(name, &bars),
            bars,
        }
    };
    LOADS.iter().map(|load| panel(load.name)).collect()
}

fn latency(results: &Results) -> String {
    let curve = |name: &str| {
        let rounds = || results.latency.iter().filter(|one| one.contestant == name);
        let points = Latency::SHARES.iter().filter(|&&share| share < 1000.0);
        let points = points.filter_map(|&share| {
            // So many records in one are slower.
            let rest = 1000.0 / (1000.0 - share);
            Some((rest, median(rounds().map(|round| round.at(share)))? / 1e3))
        });
        Curve {
            name: name.to_owned(),
            points: points.collect(),
        }
    };
    let curves: Vec<Curve> = latency::CONTESTANTS
        .iter()
        .map(|one| curve(one.id))
        .collect();
    let all = curves
        .iter()
        .flat_map(|curve| curve.points.iter().map(|&(_, ms)| ms));
    let shares = [
        (1.0, "0"),
        (2.0, "50"),
        (10.0, "90"),
        (100.0, "99"),
        (1000.0, "99.9"),
    ];
    let frame = Frame {
        title: "Latency at 10,000 records/s of 100 B".into(),
        across: Scale {
            what: "% of the records".into(),
            ticks: shares.map(|(rest, text)| (rest, text.to_owned())).into(),
            is_log: true,
        },
        up: Scale::log("ms", all),
        curves,
    };
    lines::draw(&[frame])
}

fn growth(results: &Results) -> String {
    let frame = |of: &str, names: &[&str], what: &str, figure: fn(&Outcome) -> f64, title: &str| {
        let curve = |name: &&str| Curve {
            name: (*name).to_owned(),
            points: results.curve(of, name, figure),
        };
        let curves: Vec<Curve> = names.iter().map(curve).collect();
        let points = || curves.iter().flat_map(|curve| &curve.points);
        let counts: Vec<f64> = points().map(|&(count, _)| count).collect();
        let mut ticks: Vec<(f64, String)> = counts.iter().map(|&n| (n, format!("{n}"))).collect();
        ticks.sort_by(|a, b| a.0.total_cmp(&b.0));
        ticks.dedup();
        Frame {
            title: title.to_owned(),
            across: Scale {
                what: of.to_owned(),
                ticks,
                is_log: true,
            },
            up: Scale::linear(what, points().map(|&(_, value)| value)),
            curves,
        }
    };
    let names = ["loop", "franz-go", "limit: decode"];
    let millions = |outcome: &Outcome| outcome.rate() / 1e6;
    let nanos = |outcome: &Outcome| outcome.cpu() * 1e3;
    lines::draw(&[
        frame(
            "partitions",
            &names,
            "M/s",
            millions,
            "Records per second, 100 B, none",
        ),
        frame(
            "partitions",
            &names,
            "ns",
            nanos,
            "Processor time per record",
        ),
        frame(
            "brokers",
            &["loop"],
            "M/s",
            millions,
            "Records per second, in-process cluster",
        ),
        frame(
            "brokers",
            &["loop"],
            "ns",
            nanos,
            "Processor time per record, in-process cluster",
        ),
    ])
}
