//! The scenario's exchange, and what it tells at the end.

use engine::{Nanos, Symbol};
use rust_decimal::Decimal;
use sim_exchange::commission_tiers::{CommissionBook, VipLevel};
use sim_exchange::{
    AccountConfig, ExchangeConfig, FillModel, Funding, MarketDepth, RuleBook, SimExchange,
    VenueFault,
};

use crate::halts;
use crate::market::OpenMarket;
use crate::{Account, Figures, Scenario, Venue};

/// The exchange with the scenario's account, and `further` ones that are set as it is.
pub(crate) fn build<F>(
    scenario: &Scenario,
    market: &OpenMarket<F>,
    rules: &RuleBook,
    faults: Vec<VenueFault>,
    further: usize,
) -> Result<SimExchange, String> {
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
        (None, false) if market.tells_index => Funding::Index,
        (None, false) => {
            return Err(
                "the market tells no funding rates: give exchange.funding_rate (0 is a rate), or funding = true for recorded data".into(),
            );
        }
    };
    let account = &scenario.account;
    let instruments = market.instruments.clone();
    let start = market.range.0;
    let mut config =
        ExchangeConfig::new(instruments, start, account.wallet, venue.latency_model()?, funding);
    config.seed = scenario.seed;
    config.leverage = symbols().map(|symbol| (symbol, account.leverage)).collect();
    config.margin_type = symbols().map(|symbol| (symbol, account.margin_type)).collect();
    config.hedge_mode = account.hedge_mode;
    config.multi_assets = account.multi_assets;
    let listed: Vec<Symbol> = symbols().collect();
    config.collateral = account.collateral(&listed)?;
    config.vip = level(account)?.unwrap_or_default();
    let (maker, taker, notes) = fees(account, venue.rules_date()?.unwrap_or(start))?;
    (config.maker_rate, config.taker_rate, config.notes) = (maker, taker, notes);
    config.fills = fills(venue, market.depth);
    config.rules_at = venue.rules_date()?;
    config.limits = venue.limits.clone();
    config.recv_window_ms = venue.recv_window_ms;
    config.client_clock_offset_ms = venue.client_clock_offset_ms;
    config.margin_call_ratio = venue.margin_call_ratio;
    config.insurance_fund = venue.insurance_fund;
    config.liquidation_size = venue.liquidation_size;
    config.adl_formula = venue.adl_formula;
    config.faults = faults;
    let same = AccountConfig {
        wallet: config.wallet,
        leverage: config.leverage.clone(),
        hedge_mode: config.hedge_mode,
        margin_type: config.margin_type.clone(),
        multi_assets: config.multi_assets,
        collateral: config.collateral.clone(),
        vip: config.vip,
        maker_rate: config.maker_rate,
        taker_rate: config.taker_rate,
    };
    config.further_accounts = vec![same; further];
    config.positions = account.initial_positions(&listed)?;
    let stated = scenario.venue_events(market.range)?;
    config.events = halts::join(stated.into_iter().chain(market.halts.clone()).collect());
    SimExchange::with_rules(config, rules).map_err(|error| error.to_string())
}

/// The profile's model of fills, with what the scenario states otherwise.
fn fills(venue: &Venue, depth: MarketDepth) -> FillModel {
    let profile = venue.profile.fills(depth);
    FillModel {
        depth: profile.depth,
        taker_spread_ticks: venue.taker_spread_ticks.unwrap_or(profile.taker_spread_ticks),
        queue: venue.queue.unwrap_or(profile.queue),
        volume: venue.volume.or(profile.volume),
    }
}

/// The VIP level, if one is stated.
fn level(account: &Account) -> Result<Option<VipLevel>, String> {
    let level = account.vip.map(VipLevel::try_from).transpose();
    level.map_err(|error| format!("account.vip: {error}"))
}

/// Maker and taker fee: the stated ones, or those of the VIP level on a date, with what is doubtful there.
fn fees(account: &Account, at: Nanos) -> Result<(Decimal, Decimal, Vec<String>), String> {
    let Some(level) = level(account)? else {
        return Ok((account.maker_fee, account.taker_fee, Vec::new()));
    };
    let usdt = Symbol::new("USDT").map_err(|error| error.to_string())?;
    let book = CommissionBook::embedded().map_err(|error| error.to_string())?;
    let (terms, notes) = book.terms(usdt, level, at).map_err(|error| error.to_string())?;
    let notes = notes.into_iter().map(|note| format!("Fees: {note}.")).collect();
    Ok((terms.rates.maker, terms.rates.taker, notes))
}

/// Names of the exchange's figures.
pub(crate) const FIGURES: [&str; 12] = [
    "wallet_balance",
    "unrealized_profit",
    "margin_balance",
    "realized_pnl",
    "commission",
    "funding",
    "orders",
    "fills",
    "liquidations",
    "deleveraged",
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
        sum(|c| c.deleveraged) + Decimal::from(report.others_deleveraged),
        sum(|c| c.funding_payments),
        sum(|c| c.off_tick_prices),
    ];
    FIGURES.iter().zip(rows).map(|(name, value)| ((*name).to_owned(), value)).collect()
}
