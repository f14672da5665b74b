//! Plots as a reader sees them.

use super::*;

const DAY_MS: i64 = 86_400_000;
/// 2024-01-01 UTC.
const BEGIN_MS: i64 = 1_704_067_200_000;
const SMALL: Size = Size { width: 40, height: 8 };
const NARROW: Size = Size { width: 20, height: 8 };

const FAST: HeatAxis<'_> = HeatAxis { label: "fast", values: &[5.0, 10.0, 20.0] };
const SLOW: HeatAxis<'_> = HeatAxis { label: "slow", values: &[50.0, 0.5] };

fn days(count: i64) -> Vec<i64> {
    (0..count).map(|day| BEGIN_MS + day * DAY_MS).collect()
}

/// The expected text begins behind its first end of line, so that its columns stand as they are seen.
#[track_caller]
fn check(plot: &str, expected: &str) {
    assert_eq!(Some(plot), expected.strip_prefix('\n'), "\n{plot}");
}

#[test]
fn curve_joins_its_values() {
    check(
        &curve("Equity", &days(5), &[100.0, 110.0, 90.0, 95.0, 120.0], SMALL),
        "
Equity
120 ┤                                 ⡠⠊
    │       ⣀⠤⣀                     ⡠⠊
    │  ⣀⡠⠔⠊⠉   ⠑⠤⡀               ⢀⠔⠉
    │⠒⠉          ⠈⠑⢄⡀          ⢀⠔⠁
 90 ┤               ⠈⠢⢄⣀⠤⠤⠤⠒⠒⠒⠉⠁
    └───────────────────────────────────
2024-01-01                    2024-01-05
",
    );
}

#[test]
fn times_may_come_in_any_order() {
    check(
        &curve("", &[BEGIN_MS + DAY_MS, BEGIN_MS], &[2.0, 1.0], NARROW),
        "

2 ┤             ⢀⡠⠔⠊
  │          ⣀⠤⠒⠁
  │       ⡠⠔⠊
  │   ⢀⠤⠒⠉
1 ┤⡠⠔⠊⠁
  └─────────────────
 01-01         01-02
",
    );
}

#[test]
fn what_is_not_finite_leaves_a_gap() {
    check(
        &curve("Equity", &days(5), &[100.0, 110.0, f64::NAN, 95.0, 120.0], SMALL),
        "
Equity (1 left out)
120 ┤                                 ⡠⠊
    │                               ⢀⠜
    │    ⢀⡠⠤⠒⠉                    ⢀⠔⠁
    │⣀⠤⠒⠊⠁                       ⡔⠁
 95 ┤                          ⡠⠊
    └───────────────────────────────────
2024-01-01                    2024-01-05
",
    );
}

#[test]
fn no_values_are_said() {
    check(
        &curve("Equity", &[], &[], SMALL),
        "
Equity
(no values)
",
    );
}

#[test]
fn values_without_a_number_are_said() {
    check(
        &curve("Equity", &days(2), &[f64::NAN, f64::INFINITY], SMALL),
        "
Equity (2 left out)
(no values)
",
    );
}

#[test]
fn one_point_stands_in_the_middle() {
    check(
        &curve("Equity", &days(1), &[5.0], SMALL),
        "
Equity
  │
  │
5 ┤                  ⠠
  │
  │
  └─────────────────────────────────────
            2024-01-01 00:00:00
",
    );
}

#[test]
fn constant_series_has_one_label() {
    check(
        &curve("Equity", &days(4), &[5.0; 4], SMALL),
        "
Equity
  │
  │
5 ┤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤
  │
  │
  └─────────────────────────────────────
2024-01-01 00:00        2024-01-04 00:00
",
    );
}

#[test]
fn huge_values_fit() {
    check(
        &curve("Equity", &days(4), &[1e300, -1e308, f64::MAX, f64::MIN], SMALL),
        "
Equity
 1.798e308 ┤                ⢀⠤⠊⠢⡀
           │              ⡠⠔⠁   ⠈⠢⡀
           │⠒⠤⢄⣀       ⢀⠔⠊        ⠈⢆
           │    ⠉⠑⠒⠤⢄⡠⠒⠁            ⠑⢄
-1.798e308 ┤                          ⠑⢄
           └────────────────────────────
    2024-01-01 00:00    2024-01-04 00:00
",
    );
}

#[test]
fn tiny_values_are_told_apart() {
    check(
        &curve("Equity", &days(4), &[5e-324, 1e-320, 2e-320, 1e-322], SMALL),
        "
Equity
2.000e-320 ┤               ⢀⡠⠔⠊⠢⡀
           │           ⢀⡠⠔⠊⠁    ⠈⠢⡀
           │        ⣀⠔⠊⠁          ⠈⢆
           │    ⣀⠤⠒⠉                ⠑⢄
4.941e-324 ┤⣀⠤⠒⠉                      ⠑⢄
           └────────────────────────────
    2024-01-01 00:00    2024-01-04 00:00
",
    );
}

#[test]
fn times_without_a_calendar_are_drawn() {
    check(
        &curve("Equity", &[i64::MIN, i64::MAX], &[0.0, 1.0], SMALL),
        "
Equity
1 ┤                              ⣀⣀⠤⠤⠒⠒⠉
  │                      ⢀⣀⡠⠤⠒⠒⠉⠉
  │              ⢀⣀⡠⠤⠔⠒⠊⠉⠁
  │       ⣀⣀⠤⠤⠒⠊⠉⠁
0 ┤⣀⠤⠤⠒⠒⠉⠉
  └─────────────────────────────────────
",
    );
}

#[test]
fn narrow_plot_shortens_its_dates() {
    let ramp: Vec<f64> = (0..400).map(f64::from).collect();
    check(
        &curve("A title that is longer", &days(400), &ramp, NARROW),
        "
A title that is long
399 ┤            ⣠⠴⠋
    │         ⣠⠴⠋⠁
    │     ⢀⣠⠔⠋⠁
    │  ⢀⣠⠖⠋
  0 ┤⣠⠖⠋
    └───────────────
  2024-01    2025-02
",
    );
}

#[test]
fn labels_get_the_digits_that_differ() {
    check(
        &curve("Close", &days(3), &[50_000.01, 50_000.02, 50_000.03], SMALL),
        "
Close
50000.03 ┤                        ⢀⣀⠤⠔⠒⠉
         │                   ⣀⡠⠤⠒⠉⠁
         │             ⣀⡠⠤⠒⠊⠉
         │      ⣀⣀⠤⠔⠒⠉⠉
50000.01 ┤⣀⠤⠤⠒⠊⠉
         └──────────────────────────────
  2024-01-01 00:00      2024-01-03 00:00
",
    );
}

#[test]
fn title_moves_no_cursor() {
    check(
        &curve("\u{1b}[31mred\r\n 東京", &[], &[], NARROW),
        "
[31mred 東京
(no values)
",
    );
}

#[test]
fn drawdown_is_below_the_highest_so_far() {
    check(
        &drawdown("Drawdown", &days(5), &[100.0, 110.0, 88.0, 99.0, 120.0], SMALL),
        "
Drawdown
  0% ┤⠉⠉⠉⠉⠉⠉⠉⠉⠉⠢⡀                    ⡠⠔⠊
     │          ⠘⢄               ⢀⠤⠒⠉
     │            ⠑⢄          ⣀⠔⠊⠁
     │              ⠑⡄    ⢀⡠⠒⠉
-20% ┤               ⠈⠢⡠⠔⠊⠁
     └──────────────────────────────────
 2024-01-01                   2024-01-05
",
    );
}

#[test]
fn drawdown_begins_with_the_first_equity() {
    check(
        &drawdown("", &days(5), &[-1.0, 110.0, 88.0, 99.0, 120.0], SMALL),
        "
 (1 left out)
  0% ┤        ⠈⠢⡀                    ⡠⠔⠊
     │          ⠘⢄               ⢀⠤⠒⠉
     │            ⠑⢄          ⣀⠔⠊⠁
     │              ⠑⡄    ⢀⡠⠒⠉
-20% ┤               ⠈⠢⡠⠔⠊⠁
     └──────────────────────────────────
 2024-01-01                   2024-01-05
",
    );
}

#[test]
fn rise_has_no_drawdown() {
    check(
        &drawdown("Drawdown", &days(2), &[100.0, 110.0], NARROW),
        "
Drawdown
   │
   │
0% ┤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤
   │
   │
   └────────────────
  01-01        01-02
",
    );
}

#[test]
fn histogram_has_counts_and_edges() {
    let values = [-0.02, -0.01, 0.0, 0.0, 0.012, 0.015, 0.04, f64::INFINITY, 0.05];
    check(
        &histogram("Returns", &values, SMALL),
        "
Returns (1 left out)
-0.02 … -0.01  1 ███████████
-0.01 …  0.00  1 ███████████
 0.00 …  0.01  2 ███████████████████████
 0.01 …  0.02  2 ███████████████████████
 0.02 …  0.03  0
 0.03 …  0.04  0
 0.04 …  0.05  2 ███████████████████████
",
    );
}

#[test]
fn value_on_an_edge_is_in_the_bin_above() {
    check(
        &histogram("", &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], NARROW),
        "

0 … 1  1 █████
1 … 2  1 █████
2 … 3  1 █████
3 … 4  1 █████
4 … 5  1 █████
5 … 6  1 █████
6 … 7  2 ███████████
",
    );
}

#[test]
fn histogram_of_one_value_has_one_bin() {
    check(
        &histogram("Returns", &[0.5; 3], NARROW),
        "
Returns
0.5  3 █████████████
",
    );
}

#[test]
fn histogram_of_huge_values_fits() {
    check(
        &histogram("Returns", &[f64::MIN, f64::MAX], NARROW),
        "
Returns
-1.798e308  1 ██████
-1.284e308  0
-7.704e307  0
-2.568e307  0
 2.568e307  0
 7.704e307  0
 1.284e308  1 ██████
",
    );
}

#[test]
fn histogram_of_nothing_says_so() {
    check(
        &histogram("Returns", &[f64::NAN], NARROW),
        "
Returns (1 left out)
(no values)
",
    );
}

#[test]
fn scatter_counts_in_ratios_if_asked() {
    let (xs, ys) = ([1.0, 10.0, 100.0, 0.0], [1.0, 2.0, 3.0, 9.0]);
    check(
        &scatter("Sharpe", ("fast", Scale::Log), "sharpe", &xs, &ys, SMALL),
        "
Sharpe (1 left out)
sharpe
3 ┤                                    ⠈
  │                  ⠠
1 ┤⡀
  └─────────────────────────────────────
   1                10               100
                                    fast
",
    );
}

#[test]
fn scatter_leaves_out_halves_of_points() {
    let (xs, ys) = ([1.0, 10.0, 100.0, 900.0], [1.0, 2.0, 3.0, f64::NAN]);
    check(
        &scatter("Sharpe", ("fast", Scale::Linear), "sharpe", &xs, &ys, NARROW),
        "
Sharpe (1 left out)
sharpe
3 ┤                ⠈
  │ ⠠
1 ┤⡀
  └─────────────────
   1             100
                fast
",
    );
}

#[test]
fn scatter_of_nothing_says_so() {
    check(
        &scatter("Sharpe", ("fast", Scale::Log), "sharpe", &[-1.0], &[1.0], NARROW),
        "
Sharpe (1 left out)
(no values)
",
    );
}

#[test]
fn heat_map_shades_its_cells() {
    let cells = [Some(0.0), Some(0.5), None, Some(2.0), Some(f64::NAN), Some(1.0)];
    check(
        &heat_map("Sharpe", FAST, SLOW, &cells, SMALL),
        "
Sharpe (1 left out)
slow
 50 ············░░░░░░░░░░░░
0.5 ████████████            ▒▒▒▒▒▒▒▒▒▒▒▒
          5          10          20
    fast
0 ·░▒▓█ 2
",
    );
}

#[test]
fn missing_cells_are_blank() {
    check(
        &heat_map("Sharpe", FAST, SLOW, &[Some(1.0)], NARROW),
        "
Sharpe
slow
 50 ▒▒▒▒▒
0.5
      5   10   20
    fast
▒ 1
",
    );
}

#[test]
fn heat_map_of_nothing_says_so() {
    check(
        &heat_map("Sharpe", FAST, HeatAxis { label: "", values: &[] }, &[], NARROW),
        "
Sharpe
(no values)
",
    );
}

#[test]
fn heat_map_without_room_shows_means() {
    let many: Vec<f64> = (0..50).map(f64::from).collect();
    let axis = HeatAxis { label: "fast", values: &many };
    let cells: Vec<Option<f64>> = (0..2500).map(|i| Some(f64::from(i))).collect();
    check(
        &heat_map("Sharpe", axis, axis, &cells, NARROW),
        "
Shar (means of 3×17)
fast
 0 ·················
17 ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
34 █████████████████
   0  12  24  36  48
   fast
401 ·░▒▓█ 2124
",
    );
}

#[test]
fn size_has_bounds() {
    let none = Size { width: 0, height: 0 };
    let least = Size { width: 20, height: 8 };
    let plot = |size| curve("Equity", &days(2), &[1.0, 2.0], size);
    assert_eq!(plot(none), plot(least));
    let most = plot(Size { width: u16::MAX, height: u16::MAX });
    assert_eq!(most.lines().count(), 400);
    assert!(most.lines().all(|line| line.chars().count() <= 1_000));
}

#[test]
fn no_line_ends_with_a_blank() {
    for width in 20..90 {
        let plot = curve("Equity ", &days(3), &[1.0, 9.0, 4.0], Size { width, height: 9 });
        let ends_well =
            |line: &str| line.trim_end() == line && line.chars().count() <= width.into();
        assert!(plot.lines().all(ends_well), "{plot}");
    }
}
