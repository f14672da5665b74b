//! A page of characters, and the frame of the plots with two axes.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Style};
use ratatui_core::symbols::Marker;
use ratatui_core::text::Span;
use ratatui_core::widgets::Widget;
use ratatui_widgets::canvas::{Canvas, Line, Points};

use super::Size;

/// Columns that stay free between two labels of a line.
const GAP: usize = 2;

/// Characters of a page. Control characters of a text are left out, so nothing moves a cursor.
pub(super) struct Sheet {
    cells: Buffer,
}

impl Sheet {
    /// A page with its title and, in brackets behind it, a note and how many values are not shown.
    pub(super) fn new(title: &str, note: &str, left_out: usize, size: Size) -> Self {
        let area = Rect::new(0, 0, size.width, size.height);
        let mut sheet = Self { cells: Buffer::empty(area) };
        let note = match (note, left_out) {
            ("", 0) => String::new(),
            (note, 0) => format!(" ({note})"),
            ("", left_out) => format!(" ({left_out} left out)"),
            (note, left_out) => format!(" ({left_out} left out, {note})"),
        };
        let room = usize::from(size.width).saturating_sub(columns(&note));
        let end = sheet.put_within(0, 0, title, room);
        sheet.put(end, 0, &note);
        sheet
    }

    /// A page that has nothing to show.
    pub(super) fn without_values(title: &str, left_out: usize, size: Size) -> String {
        let mut sheet = Self::new(title, "", left_out, size);
        sheet.put(0, 1, "(no values)");
        sheet.into_text()
    }

    /// Writes as much of the text as fits into the line.
    pub(super) fn put(&mut self, x: u16, y: u16, text: &str) {
        self.put_within(x, y, text, usize::from(u16::MAX));
    }

    fn put_within(&mut self, x: u16, y: u16, text: &str, room: usize) -> u16 {
        let area = *self.cells.area();
        if x >= area.width || y >= area.height {
            return x;
        }
        self.cells.set_stringn(x, y, text, room, Style::default()).0
    }

    pub(super) fn render(&mut self, widget: impl Widget, area: Rect) {
        widget.render(area, &mut self.cells);
    }

    /// Writes labels of a line, each in the middle of its column; `false` and nothing if they do not fit.
    fn put_row(&mut self, y: u16, labels: &[(u16, String)]) -> bool {
        let width = usize::from(self.cells.area().width);
        let mut places: Vec<(usize, usize)> = Vec::new();
        for (column, text) in labels {
            let length = columns(text);
            let start = usize::from(*column).saturating_sub(length / 2);
            let start = start.min(width.saturating_sub(length));
            if length > width || places.last().is_some_and(|(_, end)| start < end + GAP) {
                return false;
            }
            places.push((start, start + length));
        }
        for ((_, text), (start, _)) in labels.iter().zip(places) {
            self.put(u16::try_from(start).unwrap_or(u16::MAX), y, text);
        }
        true
    }

    /// Writes the first of the rows of labels that fits.
    pub(super) fn put_first_row(
        &mut self,
        y: u16,
        rows: impl IntoIterator<Item = Vec<(u16, String)>>,
    ) {
        rows.into_iter().any(|row| self.put_row(y, &row));
    }

    /// The lines without trailing blanks, each with its end of line; blank lines at the end are dropped.
    pub(super) fn into_text(self) -> String {
        let area = *self.cells.area();
        let mut text = String::new();
        for y in 0..area.height {
            let mut x = 0;
            let mut line = String::new();
            while x < area.width {
                let symbol = self.cells[(x, y)].symbol();
                // The canvas marks cells without a dot with an empty pattern.
                line.push_str(if symbol == "\u{2800}" { " " } else { symbol });
                x += u16::try_from(columns(symbol)).unwrap_or(1).max(1);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }
}

/// Columns of a text in a terminal.
pub(super) fn columns(text: &str) -> usize {
    Span::raw(text).width()
}

/// Points with shares of both axes between 0 and 1.
pub(super) struct Dots {
    pub(super) points: Vec<(f64, f64)>,
    /// Indices into the points: a line joins each with the point before it.
    pub(super) joined: Vec<usize>,
}

/// The part of a sheet that the dots fill, between an axis at its left and one below.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    plot: Rect,
}

impl Frame {
    /// Draws the axes and the labels of the vertical one. `top` and `bottom` are lines that stay free.
    pub(super) fn draw(
        sheet: &mut Sheet,
        (top, bottom): (u16, u16),
        is_one_value: bool,
        label: impl Fn(&[f64]) -> Vec<String>,
    ) -> Self {
        let area = *sheet.cells.area();
        let height = area.height.saturating_sub(top + bottom + 1).max(1);
        let rows = label_rows(height, is_one_value);
        let last = f64::from(height.saturating_sub(1).max(1));
        let shares: Vec<f64> = rows.iter().map(|row| 1.0 - f64::from(*row) / last).collect();
        let texts = label(&shares);
        let widest = texts.iter().map(|text| columns(text)).max().unwrap_or(0);
        let axis = u16::try_from(widest + 1).unwrap_or(u16::MAX).min(area.width.saturating_sub(2));
        let plot = Rect::new(axis + 1, top, area.width - axis - 1, height);
        for y in plot.top()..plot.bottom() {
            sheet.put(axis, y, "│");
        }
        for (row, text) in rows.iter().zip(&texts) {
            let start = widest - columns(text);
            sheet.put(u16::try_from(start).unwrap_or(0), top + row, text);
            sheet.put(axis, top + row, "┤");
        }
        sheet.put(axis, plot.bottom(), "└");
        for x in plot.left()..plot.right() {
            sheet.put(x, plot.bottom(), "─");
        }
        Self { plot }
    }

    /// The column of a share of the horizontal axis.
    pub(super) fn column(&self, share: f64) -> u16 {
        let last = f64::from(self.plot.width.saturating_sub(1));
        // A share lies between 0 and 1, so the product fits.
        self.plot.left() + (share * last).round() as u16
    }

    /// The line of the labels of the horizontal axis.
    pub(super) fn below(&self) -> u16 {
        self.plot.bottom() + 1
    }

    /// Numbers of labels that may fit below, the largest first.
    pub(super) fn label_counts(&self) -> impl Iterator<Item = u16> + use<> {
        (1..=(self.plot.width / 12).clamp(2, 12)).rev()
    }

    pub(super) fn dots(&self, sheet: &mut Sheet, dots: &Dots) {
        let canvas = Canvas::default()
            .marker(Marker::Braille)
            .x_bounds([0.0, 1.0])
            .y_bounds([0.0, 1.0])
            .paint(|context| {
                context.draw(&Points { coords: &dots.points, color: Color::Reset });
                for &end in &dots.joined {
                    let (x1, y1) = dots.points[end - 1];
                    let (x2, y2) = dots.points[end];
                    context.draw(&Line { x1, y1, x2, y2, color: Color::Reset });
                }
            });
        sheet.render(canvas, self.plot);
    }
}

/// Shares of the labels of a horizontal axis: its ends and equal steps between, or its middle.
pub(super) fn label_shares(count: u16, is_one_value: bool) -> Vec<f64> {
    if is_one_value {
        return vec![0.5];
    }
    (0..count).map(|i| f64::from(i) / f64::from((count - 1).max(1))).collect()
}

/// Rows with a label: the ends and about every fourth between them, or the middle.
fn label_rows(height: u16, is_one_value: bool) -> Vec<u16> {
    if is_one_value || height < 2 {
        return vec![height / 2];
    }
    let steps = ((height - 1) / 4).max(1);
    (0..=steps).map(|i| i * (height - 1) / steps).collect()
}
