//! Halts of a symbol's trading: those that the scenario states, and those for times of which its data lack
//! rows.

use std::collections::BTreeMap;

use datasets::{Kind, MissingRows, SeriesGaps};
use engine::{Nanos, Symbol};
use sim_exchange::{VenueChange, VenueEvent};

use crate::{OnGap, Scenario};

/// The resolution of stored times: no trade comes between an instant and this much later.
const NEXT: Nanos = Nanos::from_micros(1);

/// Times without rows of what moves a symbol's price, in a range that begins at `start`. Of gaps some of
/// which are unknown nothing is made: trading would go on in them.
pub(crate) fn of_gaps(gaps: &[SeriesGaps], start: Nanos) -> Result<Vec<VenueEvent>, String> {
    let moves = |kind| matches!(kind, Kind::Klines | Kind::AggTrades | Kind::Trades);
    let mut halts = Vec::new();
    for of_series in gaps.iter().filter(|gaps| moves(gaps.series.kind)) {
        let SeriesGaps { series, count, first } = of_series;
        let all = of_series.all().ok_or_else(|| {
            format!(
                "[market.recorded] gaps = \"halt\": {series} has {count} gaps in the range, and trading can \
                 halt for at most {}; bring the missing rows, choose a shorter range, or say \"warning\"",
                first.len()
            )
        })?;
        halts.extend(all.iter().filter_map(|gap| {
            let at = begin(gap, series.kind, start);
            let what = VenueChange::SymbolHalted { symbol: series.symbol, until: gap.until };
            (at < gap.until).then_some(VenueEvent { at, what })
        }));
    }
    Ok(halts)
}

impl Scenario {
    /// What halts and what does not, for the assumptions of the run; nothing if gaps do not halt.
    pub(crate) fn halt_sentence(&self) -> Option<String> {
        let recorded = self.market.recorded.as_ref()?;
        (recorded.gaps == OnGap::Halt).then(|| {
            "Gaps: a symbol's trading halts while its bars or trades are missing; missing quotes, books, marks, index prices and funding rates halt nothing, and are warned of.".to_owned()
        })
    }
}

/// A halt comes before the trades of its instant, and a gap of trades begins with one that is there.
fn begin(gap: &MissingRows, kind: Kind, start: Nanos) -> Nanos {
    let lacks_beginning = gap.missing.is_none() && gap.from == start;
    if kind == Kind::Klines || lacks_beginning { gap.from } else { gap.from + NEXT }
}

/// Makes one halt of those of a symbol that overlap or follow each other without a break: the end of one
/// must not be a moment of trading before the next. The others, and all other events, stay as they are.
pub(crate) fn join(events: Vec<VenueEvent>) -> Vec<VenueEvent> {
    let mut halts: Vec<(Symbol, Nanos, Nanos, usize)> = Vec::new();
    for (number, event) in events.iter().enumerate() {
        if let VenueChange::SymbolHalted { symbol, until } = event.what {
            halts.push((symbol, event.at, until, number));
        }
    }
    halts.sort();
    // What becomes of each halt: the joined one takes the place of the first stated.
    let mut joined: Vec<(Symbol, Nanos, Nanos, usize)> = Vec::new();
    for (symbol, at, until, number) in halts {
        match joined.last_mut() {
            Some(last) if last.0 == symbol && at <= last.2 => {
                (last.2, last.3) = (last.2.max(until), last.3.min(number));
            }
            _ => joined.push((symbol, at, until, number)),
        }
    }
    let joined: BTreeMap<usize, VenueEvent> = joined
        .into_iter()
        .map(|(symbol, at, until, number)| {
            (number, VenueEvent { at, what: VenueChange::SymbolHalted { symbol, until } })
        })
        .collect();
    let stay = events.into_iter().enumerate().filter_map(|(number, event)| match event.what {
        VenueChange::SymbolHalted { .. } => joined.get(&number).cloned(),
        _ => Some(event),
    });
    stay.collect()
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that cannot go on fails")]
mod tests {
    use datasets::SeriesId;

    use super::*;

    const START: i64 = 1_769_904_000;

    fn at(second: i64) -> Nanos {
        Nanos::from_secs(START + second)
    }

    fn gaps(kind: Kind, first: &[(Option<u64>, i64, i64)]) -> SeriesGaps {
        let symbol = Symbol::new("BTCUSDT").expect("a symbol");
        let interval = kind.has_interval().then(|| datasets::Interval::named("1m")).flatten();
        let gap = |&(missing, from, until): &(Option<u64>, i64, i64)| MissingRows {
            missing,
            from: at(from),
            until: at(until),
        };
        let first: Vec<MissingRows> = first.iter().map(gap).collect();
        SeriesGaps { series: SeriesId { kind, symbol, interval }, count: first.len() as u64, first }
    }

    fn halt(symbol: &str, from: Nanos, until: i64) -> VenueEvent {
        let symbol = Symbol::new(symbol).expect("a symbol");
        VenueEvent { at: from, what: VenueChange::SymbolHalted { symbol, until: at(until) } }
    }

    fn stated(symbol: &str, from: i64, until: i64) -> VenueEvent {
        halt(symbol, at(from), until)
    }

    #[test]
    fn a_halt_begins_where_rows_are_missing_and_not_with_the_one_before() {
        let all = [
            gaps(Kind::Klines, &[(Some(1), 0, 60), (Some(2), 120, 240)]),
            gaps(Kind::MarkPrice, &[(None, 0, 900)]),
            gaps(Kind::AggTrades, &[(None, 0, 700), (Some(5), 700, 800), (None, 900, 1_800)]),
        ];
        let halts = of_gaps(&all, at(0)).expect("few gaps");
        let btc = |from, until| halt("BTCUSDT", from, until);
        let expected = [
            btc(at(0), 60),
            btc(at(120), 240),
            btc(at(0), 700),
            btc(at(700) + NEXT, 800),
            btc(at(900) + NEXT, 1_800),
        ];
        assert_eq!(halts, expected);
        // A trade at the very start, and missing ones after it.
        let first = gaps(Kind::AggTrades, &[(Some(3), 0, 10)]);
        assert_eq!(of_gaps(&[first], at(0)), Ok(vec![btc(at(0) + NEXT, 10)]));
    }

    #[test]
    fn gaps_that_are_not_all_known_are_refused() {
        let mut many = gaps(Kind::AggTrades, &[(Some(1), 0, 1)]);
        many.count = 314_159;
        let refused = of_gaps(&[many.clone()], at(0)).expect_err("too many");
        for part in
            ["gaps = \"halt\"", "aggTrades/BTCUSDT", "314159", "at most 1;", "shorter range"]
        {
            assert!(refused.contains(part), "{refused}");
        }
        // They halt nothing.
        many.series.kind = Kind::MarkPrice;
        assert_eq!(of_gaps(&[many], at(0)), Ok(Vec::new()));
    }

    #[test]
    fn halts_that_touch_are_one() {
        let reset = VenueEvent { at: at(5), what: VenueChange::TestnetReset { wallet: None } };
        let (a, b) = ("AUSDT", "BUSDT");
        for (events, expected) in [
            // Overlapping, one within another, adjoining in either order, equal.
            (vec![stated(a, 0, 20), stated(a, 10, 30)], vec![stated(a, 0, 30)]),
            (vec![stated(a, 0, 90), stated(a, 10, 30)], vec![stated(a, 0, 90)]),
            (vec![stated(a, 0, 20), stated(a, 20, 30)], vec![stated(a, 0, 30)]),
            (vec![stated(a, 20, 30), stated(a, 0, 20)], vec![stated(a, 0, 30)]),
            (vec![stated(a, 0, 20), stated(a, 0, 20)], vec![stated(a, 0, 20)]),
            (
                vec![stated(a, 40, 50), stated(a, 10, 45), stated(a, 0, 9)],
                vec![stated(a, 10, 50), stated(a, 0, 9)],
            ),
            // A moment of trading between them, or another symbol.
            (
                vec![stated(a, 21, 30), reset.clone(), stated(a, 0, 20)],
                vec![stated(a, 21, 30), reset.clone(), stated(a, 0, 20)],
            ),
            (
                vec![stated(a, 0, 20), reset.clone(), stated(b, 10, 30), stated(a, 20, 30)],
                vec![stated(a, 0, 30), reset.clone(), stated(b, 10, 30)],
            ),
        ] {
            assert_eq!(join(events.clone()), expected, "{events:?}");
        }
    }
}
