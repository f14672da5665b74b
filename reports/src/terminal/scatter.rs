//! Points over two axes.

use super::Size;
use super::labels::numbers;
use super::scale::{Range, Scale};
use super::sheet::{Dots, Frame, Sheet, columns, label_shares};

/// Points of an objective over an axis, as a sweep has them.
///
/// Takes an `x` and a `y` for each point; what one of the two has more than the other is ignored. A
/// point is left out if one of them is not finite, or `x` is not above zero on a log scale.
#[must_use]
pub fn scatter(
    title: &str,
    (x_label, x_scale): (&str, Scale),
    y_label: &str,
    xs: &[f64],
    ys: &[f64],
    size: Size,
) -> String {
    let size = size.bounded();
    // A point is shown as a whole or not at all, so neither range may see half of one.
    let pairs = xs.iter().copied().zip(ys.iter().copied());
    let shown: Vec<(f64, f64)> =
        pairs.filter(|(x, y)| Range::of([*x], x_scale).is_some() && y.is_finite()).collect();
    let left_out = xs.len().min(ys.len()) - shown.len();
    let x_range = Range::of(shown.iter().map(|(x, _)| *x), x_scale);
    let y_range = Range::of(shown.iter().map(|(_, y)| *y), Scale::Linear);
    let (Some(x_range), Some(y_range)) = (x_range, y_range) else {
        return Sheet::without_values(title, left_out, size);
    };
    let mut sheet = Sheet::new(title, "", left_out, size);
    sheet.put(0, 1, y_label);
    let frame = Frame::draw(&mut sheet, (2, 2), y_range.is_one_value(), |shares| {
        numbers(&shares.iter().map(|share| y_range.at(*share)).collect::<Vec<_>>())
    });
    let share = |(x, y): &(f64, f64)| Some((x_range.share(*x)?, y_range.share(*y)?));
    let points = shown.iter().filter_map(share).collect();
    frame.dots(&mut sheet, &Dots { points, joined: Vec::new() });
    let rows = frame.label_counts().map(|count| {
        let shares = label_shares(count, x_range.is_one_value());
        let ticks: Vec<f64> = shares.iter().map(|share| x_range.at(*share)).collect();
        let texts = match x_scale {
            Scale::Linear => numbers(&ticks),
            Scale::Log => ticks.iter().map(|tick| super::labels::number(*tick)).collect(),
        };
        shares.iter().map(|share| frame.column(*share)).zip(texts).collect()
    });
    sheet.put_first_row(frame.below(), rows);
    let start = usize::from(size.width).saturating_sub(columns(x_label));
    sheet.put(u16::try_from(start).unwrap_or(0), frame.below() + 1, x_label);
    sheet.into_text()
}
