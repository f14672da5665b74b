//! A chart as SVG: text, lines and boxes, which any browser shows. Coordinates are hundredths of a pixel.

use std::fmt::Write as _;

use datasets::query::fixed;

use super::chart::{Candle, Chart, brief};

/// Candles that can still be told apart.
pub const CANDLES_MAX: usize = 240;

const WIDTH: i128 = 1_200;
const HEIGHT: i128 = 640;
const LEFT: i128 = 20;
const RIGHT: i128 = 110;
const TOP: i128 = 64;
const BOTTOM: i128 = 36;
/// Height of the volume and of the gap above it.
const VOLUME: i128 = 90;
const GAP: i128 = 16;
const RISES: &str = "#1a9e77";
const FALLS: &str = "#d9483b";
/// Lines of the grid that are wanted.
const PRICES: i128 = 7;
const TIMES: usize = 6;

/// Where prices are drawn.
struct Plane<'a> {
    chart: &'a Chart,
    bottom: i128,
    low: i128,
    high: i128,
}

/// Hundredths as text.
fn px(hundredths: i128) -> String {
    fixed(i64::try_from(hundredths).unwrap_or(0), 2)
}

impl Plane<'_> {
    fn y(&self, price: i64) -> i128 {
        let room = (self.bottom - TOP) * 100;
        self.bottom * 100 - (i128::from(price) - self.low) * room / (self.high - self.low)
    }

    /// Where candle `at` begins.
    fn x(&self, at: usize) -> i128 {
        let room = (WIDTH - LEFT - RIGHT) * 100;
        LEFT * 100 + room * at as i128 / self.chart.candles.len() as i128
    }
}

/// The least of 1, 2 and 5 times a power of ten that divides `span` into no more than `parts`.
fn round_step(span: i128, parts: i128) -> i128 {
    let mut power = 1;
    loop {
        for digit in [1, 2, 5] {
            if digit * power * parts >= span {
                return digit * power;
            }
        }
        power *= 10;
    }
}

/// The picture.
pub fn svg(chart: &Chart) -> String {
    let has_volume = chart.has_volume && chart.volume_max() > 0;
    let bottom = HEIGHT - BOTTOM - if has_volume { VOLUME + GAP } else { 0 };
    let (low, high) = (i128::from(chart.low), i128::from(chart.high));
    // A line without height has half a unit of room on either side.
    let margin = ((high - low) / 30).max(1);
    let plane = Plane { chart, bottom, low: low - margin, high: high + margin };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" style=\"max-width:{WIDTH}px\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#333\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
    );
    // Names of series and columns hold nothing that XML would escape.
    let [title, figures] = chart.captions();
    let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"26\" font-size=\"17\">{title}</text>");
    let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"47\" fill=\"#777\">{figures}</text>");
    prices(&plane, &mut out);
    times(&plane, &mut out);
    for (at, candle) in chart.candles.iter().enumerate() {
        if let Some(candle) = candle {
            draw(&plane, at, candle, &mut out);
        }
    }
    if has_volume {
        volumes(&plane, &mut out);
    }
    out.push_str("</svg>\n");
    out
}

fn prices(plane: &Plane, out: &mut String) {
    let step = round_step(plane.high - plane.low, PRICES);
    let mut price = plane.low.div_euclid(step) * step + step;
    let (right, beside) = (WIDTH - RIGHT, WIDTH - RIGHT + 8);
    while price < plane.high {
        let units = i64::try_from(price).unwrap_or(0);
        let (y, text) = (plane.y(units), plane.chart.price(units));
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {0}H{right}\" stroke=\"#e4e4e4\"/><text x=\"{beside}\" y=\"{1}\">{text}</text>",
            px(y),
            px(y + 450)
        );
        price += step;
    }
}

fn times(plane: &Plane, out: &mut String) {
    let candles = plane.chart.candles.len();
    let every = candles.div_ceil(TIMES).max(1);
    for at in (0..candles).step_by(every) {
        let (x, text) = (px(plane.x(at)), brief(plane.chart.start_of(at)));
        let (foot, below) = (HEIGHT - BOTTOM, HEIGHT - BOTTOM + 20);
        let _ = writeln!(
            out,
            "<path d=\"M{x} {TOP}V{foot}\" stroke=\"#f0f0f0\"/><text x=\"{x}\" y=\"{below}\">{text}</text>"
        );
    }
}

/// The colour of a candle, and its left and right edge.
fn bounds(plane: &Plane, at: usize, candle: &Candle) -> (&'static str, i128, i128) {
    let (left, next) = (plane.x(at), plane.x(at + 1));
    // Few candles are not wider than a thumb.
    let (middle, half) = ((left + next) / 2, ((next - left) * 7 / 20).clamp(50, 1_200));
    (if candle.rises() { RISES } else { FALLS }, middle - half, middle + half)
}

fn draw(plane: &Plane, at: usize, candle: &Candle, out: &mut String) {
    let (colour, left, right) = bounds(plane, at, candle);
    let [high, low] = [candle.high, candle.low].map(|price| plane.y(price));
    let top = plane.y(candle.open.max(candle.close));
    // A body without height is still seen.
    let height = (plane.y(candle.open.min(candle.close)) - top).max(100);
    let _ = writeln!(
        out,
        "<path d=\"M{} {}V{}\" stroke=\"{colour}\"/><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{colour}\"/>",
        px((left + right) / 2),
        px(high),
        px(low),
        px(left),
        px(top),
        px(right - left),
        px(height)
    );
}

fn volumes(plane: &Plane, out: &mut String) {
    let (most, foot) = (plane.chart.volume_max(), (HEIGHT - BOTTOM) * 100);
    for (at, candle) in plane.chart.candles.iter().enumerate() {
        let Some(candle) = candle else { continue };
        let (colour, left, right) = bounds(plane, at, candle);
        let height = candle.volume * VOLUME * 100 / most;
        let _ = writeln!(
            out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{colour}\" opacity=\"0.45\"/>",
            px(left),
            px(foot - height),
            px(right - left),
            px(height)
        );
    }
    let (beside, y) = (WIDTH - RIGHT + 8, HEIGHT - BOTTOM - VOLUME + 10);
    let text = match i64::try_from(most) {
        Ok(most) => fixed(most, plane.chart.volume_decimals),
        Err(_) => String::new(),
    };
    let _ = writeln!(out, "<text x=\"{beside}\" y=\"{y}\" fill=\"#777\">{text}</text>");
}

#[cfg(test)]
mod tests {
    use super::round_step;

    #[test]
    fn steps_are_round() {
        for (span, step) in [(1, 1), (7, 1), (8, 2), (100, 20), (34_999, 5_000), (70_001, 20_000)] {
            assert_eq!(round_step(span, 7), step, "{span}");
        }
    }
}
