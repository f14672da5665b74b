//! A value over two axes, as shades.

use super::Size;
use super::labels::{number, numbers};
use super::scale::{Range, Scale};
use super::sheet::{Sheet, columns};

/// From the lowest fifth of the scale to the highest.
const SHADES: [&str; 5] = ["·", "░", "▒", "▓", "█"];

/// Lines that are no cells: title, label above, values and label below, legend.
const LINES_AROUND: u16 = 5;

/// An axis of a heat map.
#[derive(Clone, Copy, Debug)]
pub struct HeatAxis<'a> {
    /// What it is.
    pub label: &'a str,
    /// Its values, in the order of the cells.
    pub values: &'a [f64],
}

/// Shades of a value over two axes, with a legend of the ends of its scale.
///
/// Takes the cells row by row: the cell of the `i`th value of `x` and the `j`th of `y` is at
/// `j * x.values.len() + i`. The first row is at the top. A cell stays blank if it is `None`, not
/// finite, or missing. Where there are more values than room, a shade is the mean of neighbouring cells,
/// the label that of the first of them, and the title says so.
#[must_use]
pub fn heat_map(
    title: &str,
    x: HeatAxis<'_>,
    y: HeatAxis<'_>,
    cells: &[Option<f64>],
    size: Size,
) -> String {
    let size = size.bounded();
    let left_out = cells.iter().flatten().filter(|value| !value.is_finite()).count();
    let grid_size = (x.values.len(), y.values.len());
    let y_texts = texts(y.values);
    let widest = y_texts.iter().map(|text| columns(text)).max().unwrap_or(0);
    let left = widest + 1;
    let room_x = usize::from(size.width).saturating_sub(left).max(1);
    let room_y = usize::from(size.height - LINES_AROUND);
    let group = (grid_size.0.div_ceil(room_x).max(1), grid_size.1.div_ceil(room_y).max(1));
    let shown = means(cells, grid_size, group);
    let Some(range) = Range::of(shown.iter().flatten().flatten().copied(), Scale::Linear) else {
        return Sheet::without_values(title, left_out, size);
    };
    let cell_width = (room_x / grid_size.0.div_ceil(group.0)).clamp(1, 12);
    let cell_height = (room_y / shown.len()).clamp(1, cell_width.div_ceil(2));
    let of_groups = match group {
        (1, 1) => String::new(),
        (x, y) => format!("means of {x}×{y}"),
    };
    let mut sheet = Sheet::new(title, &of_groups, left_out, size);
    sheet.put(0, 1, y.label);
    for (j, row) in shown.iter().enumerate() {
        let top = 2 + j * cell_height;
        let text = &y_texts[j * group.1];
        sheet.put(at(widest - columns(text)), at(top + (cell_height - 1) / 2), text);
        let line: String = row.iter().map(|cell| shade(*cell, range).repeat(cell_width)).collect();
        for y in top..top + cell_height {
            sheet.put(at(left), at(y), &line);
        }
    }
    let below = at(2 + shown.len() * cell_height);
    let first_of_groups: Vec<f64> = x.values.iter().copied().step_by(group.0).collect();
    let labels: Vec<(u16, String)> = texts(&first_of_groups)
        .into_iter()
        .enumerate()
        .map(|(i, text)| (at(left + i * cell_width + cell_width / 2), text))
        .collect();
    // Every label, or every second, or every third: steps stay equal.
    sheet.put_first_row(
        below,
        (1..=labels.len()).map(|step| labels.iter().step_by(step).cloned().collect()),
    );
    sheet.put(at(left), below + 1, x.label);
    sheet.put(0, below + 2, &legend(range));
    sheet.into_text()
}

fn at(cell: usize) -> u16 {
    u16::try_from(cell).unwrap_or(u16::MAX)
}

/// Each value by itself, since an axis may be geometric; all alike if that leaves two the same.
fn texts(values: &[f64]) -> Vec<String> {
    let alone: Vec<String> = values.iter().map(|value| number(*value)).collect();
    let same = alone.windows(2).any(|pair| pair[0] == pair[1]);
    if same { numbers(values) } else { alone }
}

/// Rows of the means of groups of cells that have a value.
fn means(
    cells: &[Option<f64>],
    (width, height): (usize, usize),
    group: (usize, usize),
) -> Vec<Vec<Option<f64>>> {
    let cell = |i: usize, j: usize| {
        let value = cells.get(j * width + i).copied().flatten();
        value.filter(|value| value.is_finite())
    };
    let mean = |i: usize, j: usize| {
        let rows = j..(j + group.1).min(height);
        let of_group: Vec<f64> = rows
            .flat_map(|j| (i..(i + group.0).min(width)).filter_map(move |i| cell(i, j)))
            .collect();
        let count = of_group.len() as f64;
        // Divided first, so that the sum of huge values stays finite.
        (!of_group.is_empty()).then(|| of_group.iter().fold(0.0, |sum, value| sum + value / count))
    };
    let row = |j: usize| (0..width).step_by(group.0).map(|i| mean(i, j)).collect();
    (0..height).step_by(group.1).map(row).collect()
}

fn shade(cell: Option<f64>, range: Range) -> &'static str {
    let Some(share) = cell.and_then(|value| range.share(value)) else {
        return " ";
    };
    // A share lies between 0 and 1, so the product fits.
    SHADES[((share * SHADES.len() as f64) as usize).min(SHADES.len() - 1)]
}

fn legend(range: Range) -> String {
    if range.is_one_value() {
        return format!("{} {}", SHADES[2], number(range.low()));
    }
    let ends = numbers(&[range.low(), range.high()]);
    format!("{} {} {}", ends[0], SHADES.concat(), ends[1])
}
