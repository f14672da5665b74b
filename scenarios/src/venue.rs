//! The scenario's exchange, and what it tells at the end.

use engine::Nanos;
use rust_decimal::Decimal;
use sim_exchange::{ExchangeConfig, Funding, Latency, SimExchange};

use crate::market::OpenMarket;
use crate::{Figures, Scenario};

/// The exchange with the scenario's account.
pub(crate) fn build(scenario: &Scenario, market: &OpenMarket) -> Result<SimExchange, String> {
    let symbols = || market.instruments.iter().map(|instrument| instrument.symbol);
    let venue = &scenario.exchange;
    let funding = match (venue.funding_rate, market.tells_funding) {
        (Some(_), true) => {
            return Err(
                "exchange.funding_rate is given, and the market tells funding rates too: remove one".into(),
            );
        }
        (Some(rate), false) => Funding::Constant { rates: symbols().map(|s| (s, rate)).collect() },
        (None, true) => Funding::Data,
        (None, false) => {
            return Err(
                "the market tells no funding rates: give exchange.funding_rate (0 is a rate), or funding = true for recorded data".into(),
            );
        }
    };
    let latency = Latency::Constant {
        request: Nanos::from_micros(venue.request_latency_us),
        response: Nanos::from_micros(venue.response_latency_us),
    };
    let account = &scenario.account;
    let instruments = market.instruments.clone();
    let mut config =
        ExchangeConfig::new(instruments, market.range.0, account.wallet, latency, funding);
    config.leverage = symbols().map(|symbol| (symbol, account.leverage)).collect();
    config.maker_rate = account.maker_fee;
    config.taker_rate = account.taker_fee;
    config.fills.taker_spread_ticks = venue.taker_spread_ticks;
    config.events = scenario.venue_events(market.range)?;
    SimExchange::new(config).map_err(|error| error.to_string())
}

/// Names of the exchange's figures.
pub(crate) const FIGURES: [&str; 11] = [
    "wallet_balance",
    "unrealized_profit",
    "margin_balance",
    "realized_pnl",
    "commission",
    "funding",
    "orders",
    "fills",
    "liquidations",
    "funding_payments",
    "off_tick_prices",
];

/// The exchange's figures.
pub(crate) fn figures(exchange: &SimExchange) -> Figures {
    let report = exchange.report();
    let account = exchange.account_balance();
    let sum = |of: fn(&sim_exchange::SymbolCounts) -> u64| -> Decimal {
        Decimal::from(report.symbols.iter().map(|(_, counts)| of(counts)).sum::<u64>())
    };
    let rows = [
        account.wallet_balance,
        account.unrealized_profit,
        account.margin_balance,
        report.totals.realized,
        report.totals.commission,
        report.totals.funding,
        sum(|c| c.orders),
        sum(|c| c.fills),
        sum(|c| c.liquidations),
        sum(|c| c.funding_payments),
        sum(|c| c.off_tick_prices),
    ];
    FIGURES.iter().zip(rows).map(|(name, value)| ((*name).to_owned(), value)).collect()
}
