//! How often values occur.

use ratatui_core::layout::{Direction, Rect};
use ratatui_core::text::Line;
use ratatui_widgets::barchart::{Bar, BarChart, BarGroup};

use super::Size;
use super::labels::numbers;
use super::scale::{Range, Scale};
use super::sheet::{Sheet, columns};

/// Bars of the counts of values in bins of equal width, a line each from the lowest on, with the edges
/// and the count before the bar. There are as many bins as lines below the title.
///
/// A bin holds its lower edge; the last one holds both. If all values are the same, there is one bin.
#[must_use]
pub fn histogram(title: &str, values: &[f64], size: Size) -> String {
    let size = size.bounded();
    let left_out = values.iter().filter(|value| !value.is_finite()).count();
    let Some(range) = Range::of(values.iter().copied(), Scale::Linear) else {
        return Sheet::without_values(title, left_out, size);
    };
    let bins = if range.is_one_value() { 1 } else { size.height - 1 };
    let share = |edge: u16| f64::from(edge) / f64::from(bins);
    let edges: Vec<f64> = (0..=bins).map(|edge| range.at(share(edge))).collect();
    let counts = counts(values, &edges);
    let edges = numbers(&edges);
    let bars: Vec<Bar<'_>> = labels(&edges, &counts, usize::from(size.width))
        .into_iter()
        .zip(&counts)
        .map(|(label, &count)| Bar::default().value(count).label(Line::from(label)).text_value(""))
        .collect();
    let chart = BarChart::default()
        .direction(Direction::Horizontal)
        .bar_width(1)
        .bar_gap(0)
        .max(counts.iter().copied().max().unwrap_or(1))
        .data(BarGroup::default().bars(&bars));
    let mut sheet = Sheet::new(title, "", left_out, size);
    sheet.render(chart, Rect::new(0, 1, size.width, bins));
    sheet.into_text()
}

/// Held against the edges themselves, so that the counts agree with what the labels say.
fn counts(values: &[f64], edges: &[f64]) -> Vec<u64> {
    let inner = &edges[1..edges.len() - 1];
    let mut counts = vec![0_u64; inner.len() + 1];
    for value in values.iter().filter(|value| value.is_finite()) {
        counts[inner.partition_point(|edge| edge <= value)] += 1;
    }
    counts
}

/// Both edges and the count; of narrow plots the lower edge alone, so that bars keep their room.
fn labels(edges: &[String], counts: &[u64], width: usize) -> Vec<String> {
    let edge_width = edges.iter().map(|edge| columns(edge)).max().unwrap_or(0);
    let counts: Vec<String> = counts.iter().map(u64::to_string).collect();
    let count_width = counts.iter().map(String::len).max().unwrap_or(0);
    let with_both = 2 * edge_width + 3 + 2 + count_width <= width / 2;
    let bins = edges.windows(2).zip(&counts);
    bins.map(|(edges, count)| {
        let low = &edges[0];
        if with_both {
            let high = &edges[1];
            format!("{low:>edge_width$} … {high:>edge_width$}  {count:>count_width$}")
        } else {
            format!("{low:>edge_width$}  {count:>count_width$}")
        }
    })
    .collect()
}
