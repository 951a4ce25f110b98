//! Bars, one for each contestant, in a panel for each topic.

use super::svg::{Anchor, FAINT, Picture};
use crate::contestants::Kind;

/// What one bar shows.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) value: f64,
}

/// A topic and its bars.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
    /// A line across all bars, with what is said of it.
    pub(crate) mark: Option<(f64, String)>,
}

const WIDTH: f64 = 880.0;
const COLUMNS: usize = 2;
const PANEL: f64 = WIDTH / COLUMNS as f64;
const NAMES: f64 = 128.0;
const RIGHT: f64 = 50.0;
const ROW: f64 = 18.0;
const HEAD: f64 = 46.0;
const FOOT: f64 = 14.0;

fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Limit => "#9a9a9a",
        Kind::Ours => "#c8501e",
        Kind::Peer => "#4878a8",
    }
}

/// Panels side by side. A bar that is longer than `longest` is cut, and its number tells.
pub(crate) fn draw(title: &str, panels: &[Panel], longest: impl Fn(&Panel) -> f64) -> String {
    let rows = panels
        .iter()
        .map(|panel| panel.bars.len())
        .max()
        .unwrap_or(0);
    let height = HEAD + rows as f64 * ROW + FOOT;
    let lines = panels.len().div_ceil(COLUMNS);
    let mut picture = Picture::new(WIDTH, 30.0 + lines as f64 * height);
    picture.title((10.0, 20.0), title);
    let kinds = [
        (Kind::Limit, "limits, not clients"),
        (Kind::Ours, "sarama-cluster, this library"),
        (Kind::Peer, "other clients"),
    ];
    for ((kind, name), x) in kinds.into_iter().zip([430.0, 560.0, 740.0]) {
        picture.bar(x, 11.0, 9.0, 9.0, colour(kind));
        picture.text((x + 13.0, 20.0), Anchor::Start, name);
    }
    for (index, panel) in panels.iter().enumerate() {
        let left = (index % COLUMNS) as f64 * PANEL;
        let top = 30.0 + (index / COLUMNS) as f64 * height;
        draw_panel(&mut picture, (left, top), panel, longest(panel));
    }
    picture.finish()
}

fn draw_panel(picture: &mut Picture, (left, top): (f64, f64), panel: &Panel, longest: f64) {
    let zero = left + NAMES;
    let room = PANEL - NAMES - RIGHT;
    let place = |value: f64| zero + (value / longest).min(1.0) * room;
    let first = top + HEAD;
    let last = first + panel.bars.len() as f64 * ROW;
    picture.title((zero, top + 16.0), &panel.title);
    picture.line((zero, first), (zero, last), FAINT);
    for (row, bar) in panel.bars.iter().enumerate() {
        let y = first + row as f64 * ROW;
        picture.text((zero - 6.0, y + 12.0), Anchor::End, &bar.name);
        let end = place(bar.value);
        picture.bar(zero, y + 2.0, end - zero, ROW - 5.0, colour(bar.kind));
        let cut = if bar.value > longest { "→ " } else { "" };
        let number = format!("{cut}{}", short(bar.value));
        picture.text((end + 4.0, y + 12.0), Anchor::Start, &number);
    }
    if let Some((value, what)) = &panel.mark
        && *value <= longest
    {
        let x = place(*value);
        picture.line((x, first - 4.0), (x, last), "#555555");
        picture.text((x, first - 8.0), Anchor::Middle, what);
    }
}

/// A number with about three digits.
pub(crate) fn short(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
