//! What a seed draws before its first step: the venue, its accounts, and what befalls it.

use engine::{MarginType, NamedRng, Nanos, Symbol};
use rust_decimal::Decimal;

use super::super::{START, account_of, toy_with};
use crate::{
    AccountConfig, ExchangeConfig, FillModel, FilterChange, Funding, MarketDepth, Profile,
    SimExchange, Tier, VenueChange, VenueEvent,
};

/// 2025-12-09: from here on conditional orders go through the algo service.
const ALGO_SERVICE: Nanos = Nanos::from_secs(1_765_238_400);

pub(super) struct Weather {
    pub(super) exchange: SimExchange,
    pub(super) start: Nanos,
    pub(super) depth: MarketDepth,
    /// The data tell marks; else the last price stands in.
    pub(super) has_marks: bool,
    /// Of a thousand trades so many leap.
    pub(super) leaps: u64,
}

fn symbols() -> [Symbol; 2] {
    ["AUSDT", "BUSDT"].map(|name| Symbol::new(name).unwrap())
}

pub(super) fn one_in(rng: &mut NamedRng, of: u64) -> bool {
    rng.below(of) == 0
}

pub(super) fn pick<T: Copy>(rng: &mut NamedRng, from: &[T]) -> T {
    from[rng.below(from.len() as u64) as usize]
}

/// The modes go round with the seed, so that each meets each; the rest is drawn.
pub(super) fn draw(seed: u64, rng: &mut NamedRng) -> Weather {
    let fills = fill_model(seed);
    // The old route, the algo service, and a run that crosses the date.
    let start = match seed / 5 % 3 {
        0 => START,
        1 => ALGO_SERVICE + Nanos::from_secs(1_000),
        _ => Nanos(ALGO_SERVICE.0 - Nanos::from_secs(100).0),
    };
    let funding = if one_in(rng, 2) {
        let rates = symbols().map(|symbol| (symbol, Decimal::new(3, 3)));
        Funding::Constant { rates: rates.into_iter().collect() }
    } else {
        Funding::Data
    };
    let fund = pick(rng, &[0, 0, 300, 1_000_000_000]);
    let accounts: Vec<AccountConfig> = (0..3).map(|_| account(rng)).collect();
    let events = if one_in(rng, 2) { events(rng, start) } else { Vec::new() };
    let change = |config: &mut ExchangeConfig| {
        config.start = start;
        config.fills = fills;
        config.latency = crate::Latency::Constant { request: Nanos::ZERO, response: Nanos::ZERO };
        config.insurance_fund = Decimal::from(fund);
        config.ledger_records_max = 100;
        config.wallet = accounts[0].wallet;
        config.leverage.clone_from(&accounts[0].leverage);
        config.hedge_mode = accounts[0].hedge_mode;
        config.margin_type.clone_from(&accounts[0].margin_type);
        config.further_accounts = accounts[1..].to_vec();
        config.events = events;
    };
    let exchange = toy_with(0, funding, change);
    let leaps = pick(rng, &[2, 10, 30]);
    Weather { exchange, start, depth: fills.depth, has_marks: !one_in(rng, 3), leaps }
}

fn fill_model(seed: u64) -> FillModel {
    match seed % 5 {
        0 => Profile::Fast.fills(MarketDepth::Trades),
        1 => Profile::Standard.fills(MarketDepth::Trades),
        2 => Profile::Standard.fills(MarketDepth::Quotes),
        3 => Profile::Strict.fills(MarketDepth::Levels),
        _ => Profile::Standard.fills(MarketDepth::Levels),
    }
}

fn account(rng: &mut NamedRng) -> AccountConfig {
    let [a, b] = symbols();
    AccountConfig {
        leverage: [(a, pick(rng, &[5, 20, 50])), (b, pick(rng, &[3, 20]))].into(),
        hedge_mode: one_in(rng, 3),
        margin_type: [a, b]
            .map(|symbol| (symbol, pick(rng, &[MarginType::Crossed, MarginType::Isolated])))
            .into(),
        ..account_of(pick(rng, &[900, 3_000, 10_000]))
    }
}

/// Some of what can befall a venue, in the time that every episode lasts.
fn events(rng: &mut NamedRng, start: Nanos) -> Vec<VenueEvent> {
    let mut events = Vec::new();
    for _ in 0..=rng.below(5) {
        let at = start + Nanos::from_secs(10 + rng.below(300) as i64);
        let until = at + Nanos::from_secs(1 + rng.below(20) as i64);
        let symbol = pick(rng, &symbols());
        let what = match rng.below(7) {
            0 => VenueChange::TestnetReset { wallet: pick(rng, &[None, Some(5_000.into())]) },
            1 => VenueChange::Maintenance { until },
            2 => VenueChange::SymbolHalted { symbol, until },
            3 => VenueChange::SymbolDelisted { symbol },
            4 => VenueChange::StuckMark { symbol, until },
            5 => VenueChange::FundingSpike { symbol, rate: Decimal::new(pick(rng, &[2, -2]), 2) },
            _ => rules(rng, symbol),
        };
        events.push(VenueEvent { at, what });
    }
    events
}

fn rules(rng: &mut NamedRng, symbol: Symbol) -> VenueChange {
    let (mut filters, mut brackets) = (FilterChange::default(), None);
    match rng.below(4) {
        0 => filters.step_size = Some(4.into()),
        1 => filters.tick_size = Some(2.into()),
        2 => filters.max_num_orders = Some(1),
        _ => {
            let tier = |cap: i64, mmr, leverage| Tier {
                cap: cap.into(),
                mmr: Decimal::new(mmr, 2),
                leverage,
            };
            brackets = Some(vec![tier(3_000, 4, 10), tier(1_000_000, 8, 5)]);
        }
    }
    VenueChange::RulesChanged { symbol, filters: Box::new(filters), brackets }
}
