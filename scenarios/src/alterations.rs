//! What a scenario does to its market: invented events over recorded prices, price gaps, perturbations.

use datasets::catalogue::Catalogue;
use datasets::perturbation::Perturbation;
use datasets::replay::{Range, ReplayFeed, Request};
use datasets::splice::Spliced;
use datasets::synthetic::{LaidEvent, Shock, SyntheticMarket};
use datasets::{BarMode, DataError, Kind, PriceGaps, SeriesId};
use engine::{Feed, Instrument, Nanos};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sim_exchange::{MarketDepth, RuleBook};

use crate::market::OpenMarket;
use crate::{OnGap, Recorded, Scenario};

/// The market with all of it, in this order.
pub(crate) fn alter(
    scenario: &Scenario,
    mut market: OpenMarket,
    rules: &RuleBook,
) -> Result<OpenMarket, String> {
    let asked = &scenario.market;
    let events = asked.recorded.as_ref().map_or(&[][..], |recorded| &recorded.events);
    refuse_levels(&market, !events.is_empty(), asked.perturbation.as_ref())?;
    if !events.is_empty() {
        let ticks = ticks(&market, rules)?;
        let (start, instruments) = (market.range.0, &market.instruments);
        let spliced = Spliced::new(market.feed, start, instruments, &ticks, events)
            .map_err(|error| format!("[[market.recorded.events]]: {error}"))?;
        market.feed = Box::new(spliced);
    }
    if !asked.gaps.is_empty() {
        let gaps = scenario.price_gaps(&market, rules)?;
        market.feed = Box::new(PriceGaps::new(market.feed, gaps));
    }
    if let Some(perturbation) = &asked.perturbation {
        let ticks = ticks(&market, rules)?;
        let (range, seed) = (market.range, scenario.seed);
        market.feed = perturbation
            .apply(market.feed, &market.instruments, &ticks, range, seed)
            .map_err(|error| format!("[market.perturbation] {error}"))?;
    }
    Ok(market)
}

/// What the scenario says of alterations that would alter nothing, or something else than it seems.
pub(crate) fn problem(scenario: &Scenario) -> Option<String> {
    let asked = &scenario.market;
    let recorded = asked.recorded.as_ref();
    let event = recorded.and_then(|recorded| {
        recorded.events.iter().enumerate().find_map(|(number, event)| {
            let (number, name) = (number + 1, event.what.name());
            event_problem(recorded, event).map(|problem| {
                format!("[[market.recorded.events]] number {number} ({name}): {problem}")
            })
        })
    });
    event.or_else(|| {
        let perturbation = asked.perturbation.as_ref()?;
        if *perturbation == Perturbation::default() {
            return Some(
                "[market.perturbation] changes nothing: give one of its keys a value above 0, or remove the table".into(),
            );
        }
        let tells_trades = asked.synthetic.as_ref().is_none_or(SyntheticMarket::tells_trades);
        if !tells_trades && (perturbation.duplicated > 0.0 || perturbation.late > 0.0) {
            return Some(
                "[market.perturbation] duplicated and late are of trades, and bars = \"whole\" tells none: leave them out, or say bars = \"points\"".into(),
            );
        }
        let problem = perturbation.problem().or_else(|| {
            let gaps = match recorded.map(|recorded| recorded.gaps) {
                Some(OnGap::Error) => "error",
                Some(OnGap::Halt) => "halt",
                _ => return None,
            };
            (perturbation.missing_minutes > 0.0).then(|| {
                format!(
                    "missing_minutes and [market.recorded] gaps = {gaps:?}: gaps judges what was recorded, not the minutes that are taken away; leave missing_minutes out, or say gaps = \"warning\""
                )
            })
        });
        problem.map(|problem| format!("[market.perturbation] {problem}"))
    })
}

/// Why an event over recorded prices would befall nobody.
fn event_problem(recorded: &Recorded, event: &LaidEvent) -> Option<String> {
    let (from, to) = recorded.range().ok()?;
    let problem = event.room_problem(to - from);
    if problem.is_some() {
        return problem;
    }
    if let Some(symbol) = event.symbol.filter(|symbol| !recorded.symbols.contains(symbol)) {
        return Some(format!("{symbol} is not in the market: name one of its symbols, or none"));
    }
    match event.what {
        Shock::FundingSpike { .. } if !recorded.funding => {
            Some("the market tells no funding: say funding = true".into())
        }
        Shock::ThinBook { wick_factor, .. } if wick_factor != 1.0 => Some(
            "wick_factor reaches bars of a made market only, the extremes here are recorded: leave it out".into(),
        ),
        _ => None,
    }
}

/// Refuses a spike of funding within which no symbol that it concerns settles, and that would so befall nobody.
pub(crate) fn refuse_idle_spikes(
    recorded: &Recorded,
    catalogue: &Catalogue,
    instruments: &[Instrument],
) -> Result<(), String> {
    let (start, end) = recorded.range()?;
    for (number, event) in recorded.events.iter().enumerate() {
        let Shock::FundingSpike { minutes, .. } = event.what else { continue };
        let (from, to) = event.span(start, minutes);
        let range = Range { from, to: to.min(end) };
        let mut settles = false;
        for instrument in instruments.iter().filter(|of| event.concerns(of.symbol)) {
            let series =
                SeriesId { kind: Kind::FundingRate, symbol: instrument.symbol, interval: None };
            let request = Request { series, bars: BarMode::Points };
            let grid = std::slice::from_ref(instrument);
            let mut batch = Vec::new();
            match ReplayFeed::open(catalogue, grid, &[request], range) {
                Ok(mut feed) => feed.next_batch(&mut batch).map_err(|error| error.to_string())?,
                Err(DataError::NothingInRange { .. }) => {}
                Err(error) => return Err(error.to_string()),
            }
            settles |= !batch.is_empty();
        }
        if !settles {
            return Err(format!(
                "[[market.recorded.events]] number {} (funding_spike): no funding settles between {from} and {}: change at_minute or minutes",
                number + 1,
                range.to
            ));
        }
    }
    Ok(())
}

/// A book is told by its changes: what was shown before would stay where it was.
fn refuse_levels(
    market: &OpenMarket,
    has_events: bool,
    perturbation: Option<&Perturbation>,
) -> Result<(), String> {
    if market.depth != MarketDepth::Levels {
        return Ok(());
    }
    if has_events {
        return Err(
            "[[market.recorded.events]] cannot move the levels of a recorded book: leave depth out, or take \
             [market.synthetic] model = \"order_flow\" with its own events"
                .into(),
        );
    }
    let shift = perturbation.map(|p| Perturbation { shift_s: p.shift_s, ..Default::default() });
    if perturbation != shift.as_ref() {
        return Err(
            "[market.perturbation] of a market that tells the levels of its book can only shift it (shift_s): \
             a book with rows missing or moved is none"
                .into(),
        );
    }
    Ok(())
}

/// The order ticks of the symbols at the market's start, in units of their grids.
fn ticks(market: &OpenMarket, rules: &RuleBook) -> Result<Vec<i64>, String> {
    let at = market.range.0;
    market.instruments.iter().map(|instrument| tick(instrument, rules, at)).collect()
}

/// The order tick of a symbol at an instant, in units of its grid. A tick between two units is refused:
/// rounded it would be another market's.
pub(crate) fn tick(instrument: &Instrument, rules: &RuleBook, at: Nanos) -> Result<i64, String> {
    let Instrument { symbol, price_decimals, .. } = *instrument;
    let tick_size = rules.for_symbol(symbol, at).map_err(|error| error.to_string())?.tick_size;
    let unit = 10i64.checked_pow(price_decimals).map(Decimal::from);
    let units = unit.and_then(|unit| tick_size.checked_mul(unit));
    let whole = units.filter(|units| units.fract().is_zero()).and_then(|units| units.to_i64());
    whole.filter(|tick| *tick >= 1).ok_or_else(|| {
        format!(
            "{symbol}: its tick at {at}, {tick_size}, is no whole number of units of a grid with {price_decimals} decimals; a synthetic symbol needs a price_decimals of at least {} for it",
            tick_size.normalize().scale()
        )
    })
}

impl Scenario {
    /// Invented events and perturbations in sentences, for the assumptions of the run.
    pub(crate) fn alteration_sentences(&self) -> Vec<String> {
        let recorded = self.market.recorded.iter().flat_map(|recorded| &recorded.events);
        let events = recorded.map(|event| {
            let whose = event.symbol.map_or("all symbols".to_owned(), |symbol| symbol.to_string());
            format!(
                "Market: an invented {} of {whose} from minute {} on.",
                event.what.name(),
                event.at_minute
            )
        });
        let perturbation = self.market.perturbation.iter().flat_map(Perturbation::sentences);
        events.chain(perturbation).collect()
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn a_tick_that_the_grid_cannot_hold_is_refused() {
        let rules = RuleBook::embedded().expect("rules");
        let at = Nanos::from_millis(1_769_904_000_000);
        let symbol = "BTCUSDT".parse().expect("a symbol");
        let own = rules.for_symbol(symbol, at).expect("a row").tick_size.normalize();
        let of = |price_decimals| {
            tick(&Instrument { symbol, price_decimals, qty_decimals: 3 }, &rules, at)
        };
        assert_eq!((own, of(1), of(3)), (Decimal::new(1, 1), Ok(1), Ok(100)));
        let refused = of(0).expect_err("a tick of 0.1 on whole dollars");
        for part in ["BTCUSDT", "tick", "0.1", "0 decimals", "price_decimals of at least 1"] {
            assert!(refused.contains(part), "{refused}");
        }
        assert!(of(19).is_err(), "its units do not fit 64 bits");
    }
}
