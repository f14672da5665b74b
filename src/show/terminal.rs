//! A chart of characters, two halves of a line each: a wick, a body, or nothing.

use std::fmt::Write as _;

use datasets::query::fixed;

use super::chart::{Candle, Chart, brief};

/// Lines of the prices.
const LINES: usize = 18;
/// Lines of the volume.
const VOLUME_LINES: usize = 3;
/// Room for a price at the right, with the space before it.
const LABEL: usize = 14;
/// Narrower than this nothing can be read.
const COLUMNS_MIN: usize = 40;
const COLUMNS_MAX: usize = 240;

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// What has room in a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub candles: usize,
}

impl Layout {
    pub fn of(columns: usize) -> Layout {
        Layout { candles: columns.clamp(COLUMNS_MIN, COLUMNS_MAX) - LABEL }
    }
}

/// Half of a character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Nothing,
    Wick,
    Body,
}

fn character(upper: Half, lower: Half) -> char {
    use Half::{Body, Nothing, Wick};
    match (upper, lower) {
        (Nothing, Nothing) => ' ',
        (Nothing, Wick) => '╷',
        (Wick, Nothing) => '╵',
        (Wick, Wick) => '│',
        (Nothing, Body) => '╻',
        (Body, Nothing) => '╹',
        (Body, Body) => '┃',
        (Wick, Body) => '╽',
        (Body, Wick) => '╿',
    }
}

/// Halves of lines, counted from below.
const HALVES: i128 = 2 * LINES as i128;

/// The half that holds a price.
fn height(chart: &Chart, price: i64) -> i128 {
    let (low, high) = (i128::from(chart.low), i128::from(chart.high));
    if high == low {
        return HALVES / 2;
    }
    ((i128::from(price) - low) * (HALVES - 1) * 2 + (high - low)) / (2 * (high - low))
}

/// The price in the middle of a half.
fn price_at(chart: &Chart, half: i128) -> i64 {
    let (low, high) = (i128::from(chart.low), i128::from(chart.high));
    i64::try_from(low + (high - low) * half / (HALVES - 1)).unwrap_or(chart.low)
}

fn half_of(chart: &Chart, candle: &Candle, half: i128) -> Half {
    let of = |price: i64| height(chart, price);
    let body = of(candle.open.min(candle.close))..=of(candle.open.max(candle.close));
    if body.contains(&half) {
        Half::Body
    } else if (of(candle.low)..=of(candle.high)).contains(&half) {
        Half::Wick
    } else {
        Half::Nothing
    }
}

/// A number that fits the label: with fewer decimals if it must.
fn label(units: i128, decimals: u32) -> String {
    let (mut units, mut decimals) = (units, decimals);
    loop {
        let text = fixed(i64::try_from(units).unwrap_or(i64::MAX), decimals);
        if text.len() < LABEL - 1 || decimals == 0 {
            return text;
        }
        (units, decimals) = (units / 10, decimals - 1);
    }
}

/// Paints one line, each character in the colour of its candle.
fn line(chart: &Chart, colours: bool, of: impl Fn(&Candle) -> char, label: &str, out: &mut String) {
    let mut now = PLAIN;
    for candle in &chart.candles {
        let shown = candle.as_ref().map_or(' ', &of);
        let wanted = match candle {
            Some(candle) if shown != ' ' => {
                if candle.rises() {
                    GREEN
                } else {
                    RED
                }
            }
            _ => now,
        };
        if colours && wanted != now {
            out.push_str(wanted);
            now = wanted;
        }
        out.push(shown);
    }
    if now != PLAIN {
        out.push_str(PLAIN);
    }
    if !label.is_empty() {
        let _ = write!(out, " {label}");
    }
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}

/// The chart as text, each line within the columns of the layout.
pub fn paint(chart: &Chart, layout: Layout, colours: bool) -> String {
    let mut out = String::new();
    for caption in chart.captions() {
        let room = layout.candles + LABEL;
        let cut: String = caption.chars().take(room).collect();
        out.push_str(&cut);
        out.push('\n');
    }
    for from_top in 0..LINES {
        let lower = HALVES - 2 - 2 * from_top as i128;
        let shown = |candle: &Candle| {
            character(half_of(chart, candle, lower + 1), half_of(chart, candle, lower))
        };
        let text = match from_top {
            0 => label(chart.high.into(), chart.decimals),
            last if last == LINES - 1 => label(chart.low.into(), chart.decimals),
            other if other % 4 == 0 => label(price_at(chart, lower + 1).into(), chart.decimals),
            _ => String::new(),
        };
        line(chart, colours, shown, &text, &mut out);
    }
    let most = chart.volume_max();
    if chart.has_volume && most > 0 {
        for from_top in 0..VOLUME_LINES {
            let below = (VOLUME_LINES - 1 - from_top) as i128 * 8;
            let eighths = |candle: &Candle| {
                let all = (candle.volume * (VOLUME_LINES as i128 * 8) + most - 1) / most;
                [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][(all - below).clamp(0, 8) as usize]
            };
            let text =
                if from_top == 0 { label(most, chart.volume_decimals) } else { String::new() };
            line(chart, colours, eighths, &text, &mut out);
        }
    }
    out.push_str(&times(chart));
    out.push('\n');
    out
}

/// The times at the ends, and where there is room the one in the middle.
fn times(chart: &Chart) -> String {
    let width = chart.candles.len();
    let [first, middle, last] = [0, width / 2, width].map(|at| brief(chart.start_of(at)));
    let gap = width.saturating_sub(first.len() + last.len());
    if gap < middle.len() + 4 {
        return format!("{first}{}{last}", " ".repeat(gap.max(2)));
    }
    let before = (width / 2).saturating_sub(first.len() + middle.len() / 2).max(2);
    let after = gap.saturating_sub(before + middle.len()).max(2);
    format!("{first}{}{middle}{}{last}", " ".repeat(before), " ".repeat(after))
}

#[cfg(test)]
mod tests {
    use engine::Nanos;

    use super::*;

    fn chart(candles: &[Option<[i64; 4]>]) -> Chart {
        let of = |c: &Option<[i64; 4]>| {
            c.map(|[open, high, low, close]| Candle { open, high, low, close, volume: 8 })
        };
        let all = candles.iter().flatten();
        Chart {
            title: "klines/BTCUSDT/1m".to_owned(),
            value: None,
            start: Nanos::from_secs(1_769_904_000),
            step: Nanos::from_secs(60),
            candles: candles.iter().map(of).collect(),
            decimals: 1,
            volume_decimals: 0,
            has_volume: true,
            low: all.clone().map(|c| c[2]).min().unwrap_or(0),
            high: all.map(|c| c[1]).max().unwrap_or(0),
        }
    }

    #[test]
    fn a_candle_is_a_body_between_wicks() {
        let chart = chart(&[Some([10, 45, 10, 30]), None, Some([30, 30, 20, 20])]);
        let text = paint(&chart, Layout::of(80), false);
        let columns: Vec<Vec<char>> = text.lines().skip(2).map(|l| l.chars().collect()).collect();
        let column = |at: usize| {
            let of = |l: &Vec<char>| l.get(at).copied().unwrap_or(' ');
            columns[..LINES].iter().map(of).collect::<String>()
        };
        assert_eq!(column(0), "│││││││╽┃┃┃┃┃┃┃┃┃┃");
        assert_eq!(column(1).trim(), "");
        assert_eq!(column(2), "       ╻┃┃┃┃┃     ");
        assert!(text.lines().nth(2).is_some_and(|line| line.ends_with(" 4.5")), "{text}");
        assert!(text.contains("2026-02-01 00:00"), "{text}");
        assert!(!text.contains('\x1b'), "colours only in a terminal");
        assert!(paint(&chart, Layout::of(80), true).contains(GREEN));
    }

    #[test]
    fn one_price_is_a_line_in_the_middle() {
        let text = paint(&chart(&[Some([7, 7, 7, 7]); 3]), Layout::of(80), false);
        assert_eq!(
            text.lines().filter(|l| l.starts_with("╹╹╹") || l.starts_with("╻╻╻")).count(),
            1
        );
    }
}
