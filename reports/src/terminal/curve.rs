//! A value over time.

use super::Size;
use super::labels::{date, date_patterns, numbers};
use super::scale::{Range, Scale};
use super::sheet::{Dots, Frame, Sheet, label_shares};

/// A line over time, dates in UTC below it.
///
/// Takes times in milliseconds since 1970 UTC, in any order, and a value for each; what one of the two
/// has more than the other is ignored. A value that is not finite leaves a gap in the line.
#[must_use]
pub fn curve(title: &str, times_ms: &[i64], values: &[f64], size: Size) -> String {
    draw(title, &samples(times_ms, values), "", size)
}

/// How far an equity is below its highest so far, in percent of that: a line at or below zero.
///
/// Takes what [`curve`] takes. What comes before the first equity above zero has no drawdown and is left
/// out.
#[must_use]
pub fn drawdown(title: &str, times_ms: &[i64], equity: &[f64], size: Size) -> String {
    let mut samples = samples(times_ms, equity);
    let mut peak = 0.0_f64;
    for (_, value) in &mut samples {
        if value.is_finite() {
            peak = peak.max(*value);
        }
        *value = if peak > 0.0 { (*value / peak - 1.0) * 100.0 } else { f64::NAN };
    }
    draw(title, &samples, "%", size)
}

fn samples(times_ms: &[i64], values: &[f64]) -> Vec<(i64, f64)> {
    let mut samples: Vec<(i64, f64)> =
        times_ms.iter().copied().zip(values.iter().copied()).collect();
    samples.sort_by_key(|(time, _)| *time);
    samples
}

fn draw(title: &str, samples: &[(i64, f64)], unit: &str, size: Size) -> String {
    let size = size.bounded();
    let left_out = samples.iter().filter(|(_, value)| !value.is_finite()).count();
    let range = Range::of(samples.iter().map(|(_, value)| *value), Scale::Linear);
    let (Some(range), Some(first), Some(last)) = (range, samples.first(), samples.last()) else {
        return Sheet::without_values(title, left_out, size);
    };
    let (from, to) = (first.0, last.0);
    let mut sheet = Sheet::new(title, "", left_out, size);
    let frame = Frame::draw(&mut sheet, (1, 1), range.is_one_value(), |shares| {
        let ticks: Vec<f64> = shares.iter().map(|share| range.at(*share)).collect();
        numbers(&ticks).into_iter().map(|text| text + unit).collect()
    });
    frame.dots(&mut sheet, &dots(samples, (from, to), range));
    let rows = date_patterns(to.saturating_sub(from)).iter().flat_map(|pattern| {
        // A label alone says little, so a shorter pattern comes before a single one.
        frame.label_counts().filter(|count| *count > 1 || from == to).map(|count| {
            let label =
                |share: f64| (frame.column(share), date(time_at((from, to), share), pattern));
            label_shares(count, from == to).into_iter().map(label).collect()
        })
    });
    sheet.put_first_row(frame.below(), rows);
    sheet.into_text()
}

fn dots(samples: &[(i64, f64)], (from, to): (i64, i64), range: Range) -> Dots {
    let mut dots = Dots { points: Vec::with_capacity(samples.len()), joined: Vec::new() };
    let mut follows = false;
    for &(time, value) in samples {
        let Some(y) = range.share(value) else {
            follows = false;
            continue;
        };
        if follows {
            dots.joined.push(dots.points.len());
        }
        dots.points.push((time_share((from, to), time), y));
        follows = true;
    }
    dots
}

// In 128 bits, because the span between two times may not fit into 64.
fn time_share((from, to): (i64, i64), time: i64) -> f64 {
    if from == to {
        return 0.5;
    }
    (i128::from(time) - i128::from(from)) as f64 / (i128::from(to) - i128::from(from)) as f64
}

fn time_at((from, to): (i64, i64), share: f64) -> i64 {
    if share >= 1.0 {
        return to;
    }
    let span = (i128::from(to) - i128::from(from)) as f64;
    from.saturating_add_unsigned((span * share) as u64)
}
