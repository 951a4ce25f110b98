//! Curves in a frame with two scales.

use super::svg::{Anchor, FAINT, INK, Picture};

/// A curve and its name.
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// A frame with its curves.
pub(crate) struct Frame {
    pub(crate) title: String,
    pub(crate) across: Scale,
    pub(crate) up: Scale,
    pub(crate) curves: Vec<Curve>,
}

/// What stands along a side: the places of the ticks, with their texts.
pub(crate) struct Scale {
    pub(crate) what: String,
    pub(crate) ticks: Vec<(f64, String)>,
    /// Equal steps are equal factors.
    pub(crate) is_log: bool,
}

const COLOURS: [&str; 4] = ["#c8501e", "#4878a8", "#5a8f3c", "#8a8a8a"];
const WIDTH: f64 = 430.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 46.0;

impl Scale {
    /// Ticks at 1, 2, 5, 10, … or at powers of ten, from below the least to above the greatest.
    pub(crate) fn log(what: &str, values: impl Iterator<Item = f64> + Clone) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let greatest = values.fold(0.0, f64::max);
        let steps = (-6..9).flat_map(|power| [1.0, 2.0, 5.0].map(|one| one * 10f64.powi(power)));
        let steps: Vec<f64> = steps.collect();
        let from = steps.iter().rposition(|&step| step <= least).unwrap_or(0);
        let to = steps.iter().position(|&step| step >= greatest);
        // Without values it is some scale.
        let from = from.min(steps.len() - 2);
        let to = to.unwrap_or(steps.len() - 1).max(from + 1);
        let ticks = steps[from..=to].iter().map(|&step| (step, text(step)));
        Self {
            what: what.to_owned(),
            ticks: ticks.collect(),
            is_log: true,
        }
    }

    /// Ticks from 0 in equal steps.
    pub(crate) fn linear(what: &str, values: impl Iterator<Item = f64>) -> Self {
        let greatest = values.fold(0.0, f64::max).max(1e-9);
        let power = 10f64.powf((greatest / 5.0).log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|one| one * power);
        let step = steps.into_iter().find(|step| step * 5.0 >= greatest);
        let step = step.unwrap_or(power * 10.0);
        let count = (greatest / step).ceil() as usize;
        let ticks = (0..=count).map(|n| (n as f64 * step, text(n as f64 * step)));
        Self {
            what: what.to_owned(),
            ticks: ticks.collect(),
            is_log: false,
        }
    }

    /// From 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let shape = |value: f64| if self.is_log { value.ln() } else { value };
        let first = self.ticks.first().map_or(0.0, |tick| shape(tick.0));
        let last = self.ticks.last().map_or(1.0, |tick| shape(tick.0));
        ((shape(value) - first) / (last - first)).clamp(0.0, 1.0)
    }
}

fn text(value: f64) -> String {
    match value {
        1000.0.. if value % 1000.0 == 0.0 => format!("{},000", value / 1000.0),
        _ => format!("{}", (value * 1e6).round() / 1e6),
    }
}

/// Frames side by side, two in a row.
pub(crate) fn draw(frames: &[Frame]) -> String {
    let rows = frames.len().div_ceil(2) as f64;
    let columns = frames.len().min(2) as f64;
    let mut picture = Picture::new(columns * WIDTH, rows * HEIGHT);
    for (index, frame) in frames.iter().enumerate() {
        let left = (index % 2) as f64 * WIDTH;
        let top = (index / 2) as f64 * HEIGHT;
        draw_frame(&mut picture, (left, top), frame);
    }
    picture.finish()
}

fn draw_frame(picture: &mut Picture, (left, top): (f64, f64), frame: &Frame) {
    let x = |value| left + LEFT + frame.across.place(value) * (WIDTH - LEFT - RIGHT);
    let y = |value| top + HEIGHT - BOTTOM - frame.up.place(value) * (HEIGHT - TOP - BOTTOM);
    let (floor, ceiling) = (top + HEIGHT - BOTTOM, top + TOP);
    let (west, east) = (left + LEFT, left + WIDTH - RIGHT);
    picture.title((west, top + 18.0), &frame.title);
    for (value, text) in &frame.up.ticks {
        picture.line((west, y(*value)), (east, y(*value)), FAINT);
        picture.text((west - 6.0, y(*value) + 4.0), Anchor::End, text);
    }
    for (value, text) in &frame.across.ticks {
        picture.line((x(*value), floor), (x(*value), ceiling), FAINT);
        picture.text((x(*value), floor + 16.0), Anchor::Middle, text);
    }
    picture.line((west, floor), (east, floor), INK);
    picture.line((west, floor), (west, ceiling), INK);
    picture.text(
        ((west + east) / 2.0, floor + 34.0),
        Anchor::Middle,
        &frame.across.what,
    );
    picture.text((west, ceiling - 6.0), Anchor::Middle, &frame.up.what);
    let mut at = east;
    for (curve, colour) in frame.curves.iter().zip(COLOURS).rev() {
        at -= 18.0 + 6.5 * curve.name.chars().count() as f64;
        picture.bar(at, ceiling - 15.0, 9.0, 9.0, colour);
        picture.text((at + 12.0, ceiling - 6.0), Anchor::Start, &curve.name);
        let points: Vec<_> = curve.points.iter().map(|&(a, b)| (x(a), y(b))).collect();
        picture.curve(&points, colour);
    }
}
