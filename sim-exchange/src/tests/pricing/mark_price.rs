//! The mark price: its three candidates, its window, and the change of rule at its date.

use engine::{Nanos, PriceTicks};

use super::dec;
use crate::mark_price::{BasisWindow, FundingOutlook, MarkPrice, MarkSource, RULES_OF_2025_09};

/// A minute after the new rule, so that the window holds 30 samples of one second.
const START: Nanos = Nanos(RULES_OF_2025_09.0 + 60_000_000_000);

fn at(seconds: i64) -> Nanos {
    START + Nanos::from_secs(seconds)
}

/// +1 % every eight hours, four of them left at second 0.
fn funding() -> FundingOutlook {
    let interval = Nanos::from_secs(8 * 3600);
    FundingOutlook { last_rate: dec("0.01"), next_time: at(4 * 3600), interval }
}

/// An index of 100 and one sample of a book around `mid`, on a grid of one decimal.
fn market(mid: i64, last: i64) -> MarkPrice {
    let mut mark = MarkPrice::new(1, &BasisWindow::DEFAULT);
    mark.set_index(dec("100"));
    mark.set_quote(PriceTicks(mid - 1), PriceTicks(mid + 1));
    mark.set_last(PriceTicks(last));
    mark.sample(at(0));
    mark
}

#[test]
fn each_of_the_three_medians_wins_once() {
    // Price 1 is always 100 × (1 + 0.01 × 4 h / 8 h) = 100.5.
    let cases = [
        // The book departs upwards from the index, the last trade downwards.
        (1100, 900, "100.5", MarkSource::Price1),
        // Book at 102, last trade at 110: price 2 = 100 + (102 - 100).
        (1020, 1100, "102", MarkSource::Price2),
        // Book at 110, last trade at 103.
        (1100, 1030, "103", MarkSource::Contract),
        // The same three downwards.
        (990, 900, "99", MarkSource::Price2),
        (900, 990, "99", MarkSource::Contract),
        // Index and book agree, a single print far off moves the mark only to price 1.
        (1000, 5000, "100.5", MarkSource::Price1),
    ];
    for (mid, last, price, source) in cases {
        let mark = market(mid, last).mark(at(0), funding()).unwrap();
        assert_eq!((mark.price, mark.source), (dec(price), source), "mid {mid}, last {last}");
    }
}

#[test]
fn price_1_closes_on_the_index_as_funding_nears_and_is_cut() {
    let mut mark = market(1100, 900);
    // One second left: 0.01 / 28,800 of 100 is 0.0000347222..., cut at 8 decimals.
    let last = mark.mark(at(4 * 3600 - 1), funding());
    assert_eq!(last, None, "the only sample is long out of the window");
    mark.sample(at(4 * 3600 - 1));
    assert_eq!(mark.mark(at(4 * 3600 - 1), funding()).unwrap().price1, dec("100.00003472"));
    // Late funding does not turn the sign.
    assert_eq!(mark.mark(at(4 * 3600 + 5), funding()).unwrap().price1, dec("100"));
}

#[test]
fn a_sample_is_in_the_window_for_30_seconds_and_no_longer() {
    let mut mark = market(1010, 1000);
    for second in 1..=29 {
        mark.set_quote(PriceTicks(1039), PriceTicks(1041));
        mark.sample(at(second));
    }
    // Basis 1 once and 4 twenty-nine times: 117 / 30 = 3.9.
    assert_eq!(mark.mark(at(29), funding()).unwrap().price2, dec("103.9"));
    // The first one leaves when it is exactly 30 s old, before the next one is taken.
    let almost = Nanos(at(30).0 - 1);
    assert_eq!(mark.mark(almost, funding()).unwrap().price2, dec("103.9"));
    assert_eq!(mark.mark(at(30), funding()).unwrap().price2, dec("104"));
    mark.set_quote(PriceTicks(1009), PriceTicks(1011));
    mark.sample(at(30));
    assert_eq!(mark.mark(at(30), funding()).unwrap().price2, dec("103.9"));
}

#[test]
fn without_index_book_or_trade_there_is_no_mark() {
    let mut mark = MarkPrice::new(1, &BasisWindow::DEFAULT);
    mark.set_quote(PriceTicks(1000), PriceTicks(1001));
    mark.sample(at(0));
    mark.set_last(PriceTicks(1000));
    assert_eq!(mark.mark(at(0), funding()), None, "no index");
    mark.set_index(dec("100"));
    assert_eq!(mark.mark(at(0), funding()), None, "no sample since the index came");
    mark.sample(at(1));
    // Mid price 100.05: the half tick is kept.
    assert_eq!(mark.mark(at(1), funding()).unwrap().price2, dec("100.05"));
}

#[test]
fn the_window_changes_at_its_date() {
    let change = RULES_OF_2025_09;
    let before = |seconds: i64| Nanos(change.0 - seconds * 1_000_000_000);
    let mut mark = MarkPrice::new(0, &BasisWindow::DEFAULT);
    assert_eq!(mark.window(before(0)).spacing, Nanos::from_secs(1));
    assert_eq!(mark.window(Nanos(change.0 - 1)).spacing, Nanos::from_secs(5));
    // Samples every 5 s, the change included; then every second.
    assert_eq!(mark.next_sample(before(60)), before(55));
    assert_eq!(mark.next_sample(before(1)), change);
    assert_eq!(mark.next_sample(change), Nanos(change.0 + 1_000_000_000));

    mark.set_index(dec("100"));
    mark.set_last(PriceTicks(100));
    // Basis 10 until 30 s before the change, then 20 (six samples of the old rule).
    for (first, last, mid) in [(150, 35, 110), (30, 5, 120)] {
        mark.set_quote(PriceTicks(mid), PriceTicks(mid));
        (last..=first).rev().step_by(5).for_each(|s| mark.sample(before(s)));
    }
    // 24 samples of 10 and 6 of 20: 360 / 30 = 12. The one of 150 s ago is gone at the change itself.
    let end = Nanos(change.0 - 1);
    assert_eq!(mark.mark(end, funding()).unwrap().price2, dec("112"));
    // From the change on only what is younger than 30 s counts: five samples of 20.
    assert_eq!(mark.mark(change, funding()).unwrap().price2, dec("120"));
}

#[test]
fn a_shorter_spacing_may_begin_between_two_samples() {
    let seconds = Nanos::from_secs;
    let windows = [
        BasisWindow { from: Nanos(i64::MIN), spacing: seconds(60), samples: 30 },
        BasisWindow { from: seconds(90), spacing: seconds(5), samples: 30 },
    ];
    let mark = MarkPrice::new(0, &windows);
    assert_eq!(mark.next_sample(seconds(59)), seconds(60));
    assert_eq!(mark.next_sample(seconds(60)), seconds(90));
    assert_eq!(mark.next_sample(seconds(90)), seconds(95));
}
