//! Ranks of auto-deleveraging.

use engine::{
    AccountId, Exchange, MarketData, MarketEvent, Nanos, PositionSide, PriceTicks, Side,
    SymbolIndex,
};
use rust_decimal::Decimal;

use super::{dec, exchange};
use crate::adl::{AdlEntry, AdlFormula, AdlTerms, quantile, rank};
use crate::tests::START;

fn score(formula: AdlFormula, profit: &str, wallet: &str, pool_profit: &str) -> Decimal {
    let (notional, maintenance) = (dec("1000"), dec("10"));
    let (profit, wallet, pool_profit) = (dec(profit), dec(wallet), dec(pool_profit));
    AdlTerms { profit, notional, wallet, pool_profit, maintenance }.score(formula)
}

#[test]
fn profit_and_leverage_make_the_score() {
    use AdlFormula::{EffectiveLeverage, MarginRatio};
    // 50 / 100 × 10 / (100 + 100), and with the notional of 1,000 instead.
    assert_eq!(score(MarginRatio, "50", "100", "100"), dec("0.025"));
    assert_eq!(score(EffectiveLeverage, "50", "100", "100"), dec("2.5"));
    // A wallet counts as 1 at least: 50 / 1 × 10 / 100.
    assert_eq!(score(MarginRatio, "50", "0", "100"), dec("5"));
    assert_eq!(score(MarginRatio, "-50", "100", "100"), Decimal::ZERO, "a loss");
    assert_eq!(score(MarginRatio, "50", "100", "-100"), Decimal::ZERO, "the pool has nothing");
}

#[test]
fn the_queue_goes_by_score_then_notional_then_account() {
    let entry = |account, score: &str, notional: &str| AdlEntry {
        score: dec(score),
        notional: dec(notional),
        account: AccountId(account),
        position_side: PositionSide::Both,
    };
    let queue = rank(vec![
        entry(5, "0", "10"),
        entry(4, "0.2", "10"),
        entry(3, "0.2", "10"),
        entry(2, "0.2", "11"),
        entry(1, "0.3", "1"),
    ]);
    let accounts: Vec<u16> = queue.iter().map(|entry| entry.account.0).collect();
    assert_eq!(accounts, [1, 2, 3, 4, 5]);
}

#[test]
fn the_quantile_counts_fifths_from_the_end_of_the_queue() {
    let of = |users| (0..users).map(|behind| quantile(behind, users)).collect::<Vec<u8>>();
    assert_eq!(of(1), [0]);
    assert_eq!(of(2), [0, 2]);
    assert_eq!(of(5), [0, 1, 2, 3, 4]);
    assert_eq!(of(7), [0, 0, 1, 2, 2, 3, 4]);
    assert_eq!(of(10), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
}

#[test]
fn the_exchange_ranks_the_side_that_closes_against_the_order() {
    let mut exchange = exchange(&["1000", "1000", "200", "100000"], |_| {});
    let rules = exchange.markets[1].rules.clone();
    // Shorts of BUSDT: 10 at 110, 10 at 105 and 20 at 90; account 0 is long.
    for (account, lots, price) in [(0, 1, 900), (1, -10, 1100), (2, -10, 1050), (3, -20, 900)] {
        let position = exchange.accounts[account].holdings[1].position_mut(PositionSide::Both);
        position.fill(&rules, lots, price, Nanos::ZERO);
    }
    let data = MarketData::MarkPrice(PriceTicks(1000));
    exchange.observe(&MarketEvent::new(START, SymbolIndex(1), data));
    let accounts = |side| -> Vec<u16> {
        exchange.adl_queue(1, side).into_iter().map(|(account, _)| account.0).collect()
    };
    // 50 / 200 × 10 / 250 = 0.01, 100 / 1,000 × 10 / 1,100 = 0.0009, and a loss.
    assert_eq!(accounts(Side::Sell), [2, 1, 3]);
    assert_eq!(accounts(Side::Buy), [0]);
}

#[test]
fn the_configuration_chooses_the_formula() {
    // A short of 10 that gained 100, beside one of 2 that gained 40 and a large position elsewhere.
    let ranks = |formula| {
        let mut exchange = exchange(&["1000", "1000", "1000"], |c| c.adl_formula = formula);
        let rules = exchange.markets.iter().map(|m| m.rules.clone()).collect::<Vec<_>>();
        let held = [(1, 1, -10, 1100), (2, 1, -2, 1200), (2, 0, 900, 1000)];
        for (account, symbol, lots, price) in held {
            let holding = &mut exchange.accounts[account].holdings[symbol];
            let position = holding.position_mut(PositionSide::Both);
            position.fill(&rules[symbol], lots, price, Nanos::ZERO);
        }
        for symbol in [0, 1] {
            let data = MarketData::MarkPrice(PriceTicks(1000));
            exchange.observe(&MarketEvent::new(START, SymbolIndex(symbol), data));
        }
        let queue = exchange.adl_queue(1, Side::Sell);
        queue.into_iter().map(|(account, _)| account.0).collect::<Vec<_>>()
    };
    // 0.1 × 10 / 1,100 and 0.04 × 92 / 1,040; by notional 0.1 × 1,000 / 1,100 and 0.04 × 200 / 1,040.
    assert_eq!(ranks(AdlFormula::MarginRatio), [2, 1]);
    assert_eq!(ranks(AdlFormula::EffectiveLeverage), [1, 2]);
}
