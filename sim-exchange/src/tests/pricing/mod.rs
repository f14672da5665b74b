//! Tests of the pure calculations: prices, rates, margins. The numbers are worked by hand beside them.

mod adl;
mod auto_exchange;
mod commission_tiers;
mod funding_rate;
mod liquidation_price;
mod margin;
mod mark_price;
mod multi_assets;
mod order_cost;

use engine::Nanos;
use rust_decimal::Decimal;

use super::{START, TOY_RULES, grid};
use crate::{AccountConfig, ExchangeConfig, Funding, Latency, RuleBook, SimExchange};

/// A number as it stands in the text.
pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// The toy exchange with an account for each wallet.
fn exchange(wallets: &[&str], change: impl FnOnce(&mut ExchangeConfig)) -> SimExchange {
    let instruments = vec![grid("AUSDT", 1, 1), grid("BUSDT", 1, 0)];
    let latency = Latency::Constant { request: Nanos(1), response: Nanos(1) };
    let mut config =
        ExchangeConfig::new(instruments, START, dec(wallets[0]), latency, Funding::None);
    let further = wallets[1..].iter().map(|wallet| AccountConfig {
        wallet: dec(wallet),
        leverage: Default::default(),
        hedge_mode: false,
        margin_type: Default::default(),
        multi_assets: false,
        collateral: Vec::new(),
        vip: Default::default(),
        maker_rate: config.maker_rate,
        taker_rate: config.taker_rate,
    });
    config.further_accounts = further.collect();
    change(&mut config);
    SimExchange::with_rules(config, &RuleBook::parse(TOY_RULES, "toy.toml").unwrap()).unwrap()
}
