//! What a scenario does to its market: invented events over recorded prices, price gaps, perturbations.

use datasets::PriceGaps;
use datasets::perturbation::Perturbation;
use datasets::splice::Spliced;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sim_exchange::{MarketDepth, RuleBook};

use crate::Scenario;
use crate::market::OpenMarket;

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
    let tick = |instrument: &engine::Instrument| {
        let own = rules.for_symbol(instrument.symbol, market.range.0);
        let own = own.map_err(|error| error.to_string())?;
        let unit = Decimal::from(10u64.pow(instrument.price_decimals.min(19)));
        Ok((own.tick_size * unit).to_i64().unwrap_or(1).max(1))
    };
    market.instruments.iter().map(tick).collect()
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
