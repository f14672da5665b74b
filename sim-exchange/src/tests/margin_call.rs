//! MARGIN_CALL: when, of what, and how often.

use std::collections::BTreeSet;

use engine::{
    AccountId, Exchange, ExchangeEvent, MarginCallPosition, MarginType, MarketData, MarketEvent,
    Nanos, PositionSide, PriceTicks, QtyLots, SymbolIndex, UserEvent,
};
use rust_decimal::Decimal;

use super::{START, Script, account_of, toy, toy_with};
use crate::exchange::PRICE_MAX;
use crate::margin::Pool;
use crate::{ExchangeConfig, Funding, SimExchange};

/// At every instant exactly the pools at or above the ratio are called: no band may hide a change.
pub(super) fn the_called_are_in_danger(exchange: &SimExchange) {
    let mut danger = BTreeSet::new();
    for account in &exchange.accounts {
        let mut pools = vec![Pool::Cross];
        for (symbol, holding) in account.holdings.iter().enumerate() {
            if holding.is_isolated() {
                pools.extend(
                    account.sides().iter().map(|side| Pool::Isolated { symbol, side: *side }),
                );
            }
        }
        for pool in pools {
            let mut margin = exchange.pool_margin(account.id, pool);
            let mut balance = exchange.pool_wallet(account.id, pool) + margin.unrealized;
            if account.multi_assets {
                let sums = exchange.pool_sums(account.id, pool);
                (margin.maintenance, balance) = (sums.maintenance, sums.margin_balance());
            }
            let held = !exchange.pool_positions(account.id, pool).is_empty();
            if held && margin.maintenance >= balance * exchange.config.margin_call_ratio {
                danger.insert((account.id, pool));
            }
        }
    }
    assert_eq!(exchange.margin_calls, danger);
}

fn poor(change: impl FnOnce(&mut ExchangeConfig)) -> Script {
    Script::new(toy_with(605, Funding::None, change))
}

fn calls(script: &str, expected: &str) {
    let mut run = poor(|_| {});
    assert_eq!(run.run(script), expected, "\nscript: {script}");
    the_called_are_in_danger(&run.exchange);
}

#[test]
fn a_long_is_called_once_until_it_has_been_safe() {
    // 0.8 × (605 - 5.05 + 100 × (P - 101)) = P at 96.203; liquidation at 95.96.
    let opened = "a New | a 100 @ 101 taker";
    calls("trade 100 | buy a 100 | mark 96.3", opened);
    calls("trade 100 | buy a 100 | mark 96.2", &format!("{opened} | margin call 1"));
    let once = "trade 100 | buy a 100 | mark 96.3 | mark 96.2 | mark 96 | mark 96.2 | mark 96.1";
    calls(once, &format!("{opened} | margin call 1"));
    let twice = "trade 100 | buy a 100 | mark 96.2 | mark 96.3 | mark 98 | mark 96.3 | mark 96.2";
    calls(twice, &format!("{opened} | margin call 1 | margin call 1"));
}

#[test]
fn a_short_is_called_on_the_other_side() {
    // 0.8 × (605 - 4.95 + 100 × (99 - P)) = 5 P - 400 at 103.53; liquidation at 103.81.
    let opened = "a New | a 100 @ 99 taker";
    calls("trade 100 | sell a 100 | mark 103.5 | mark 96", opened);
    calls(
        "trade 100 | sell a 100 | mark 103.6 | mark 103.8 | mark 103.5 | mark 103.6",
        &format!("{opened} | margin call 1 | margin call 1"),
    );
}

#[test]
fn equality_calls() {
    // 0.8 × (625.05 - 5.05 + 100 × (96 - 101)) = 96.
    let mut run = poor(|config| config.wallet = Decimal::new(62_505, 2));
    assert_eq!(run.run("trade 100 | buy a 100 | mark 96.1"), "a New | a 100 @ 101 taker");
    assert_eq!(run.run("mark 96"), "margin call 1");
}

#[test]
fn in_hedge_mode_each_isolated_side_is_a_pool() {
    let mut run = poor(|_| {});
    run.run("hedge | isolated | trade 100 | buy a 20 long | sell b 20 short");
    // The long is called near 97.2, the short near 102.7.
    assert_eq!(
        run.run("mark 97.1 | mark 100 | mark 102.7 | mark 102.8"),
        "margin call 1 | margin call 1"
    );
    the_called_are_in_danger(&run.exchange);
    // On cross margin both sides are one pool, and what one loses the other gains: at 81.2.
    let mut run = Script::new(toy_with(100, Funding::None, |_| {}));
    let log = run.run("hedge | trade 100 | buy a 8 long | sell b 4 short | mark 81.3 | mark 81.1 | mark 81.3 | mark 81.1");
    assert!(log.ends_with("taker | margin call 2 | margin call 2"), "{log}");
    the_called_are_in_danger(&run.exchange);
}

#[test]
fn trades_call_where_there_is_no_mark() {
    calls(
        "trade 100 | buy a 100 | trade 96.3 | trade 96.2 | trade 96.3 | trade 96.2",
        "a New | a 100 @ 101 taker | margin call 1 | margin call 1",
    );
}

#[test]
fn a_closed_position_takes_its_call_along() {
    // The second position: 0.8 × (391.97 + 60 × (P - 101)) = 0.6 P at 95.66.
    calls(
        "trade 100 | buy a 100 | mark 96.2 | sell c 100 ro | mark 100 | buy d 60 | mark 95.7 | mark 95.6",
        "a New | a 100 @ 101 taker | margin call 1 | c New | c 100 @ 99 taker | d New | d 60 @ 101 taker | margin call 1",
    );
    let mut run = poor(|_| {});
    run.run("trade 100 | buy a 100 | mark 96.2 | sell c 100 ro");
    assert!(run.exchange.margin_calls.is_empty());
}

#[test]
fn a_leap_that_liquidates_does_not_call() {
    let mut run = poor(|_| {});
    let log = run.run("trade 100 | buy a 100 | mark 90");
    assert!(!log.contains("margin call"), "{log}");
    assert_eq!(run.position(0), 0);
}

#[test]
fn each_pool_is_called_for_itself() {
    let mut run = poor(|config| {
        config.margin_type = [(engine::Symbol::new("BUSDT").unwrap(), MarginType::Isolated)].into();
        config.further_accounts = vec![account_of(605)];
    });
    // The isolated position has 10.1 of its own and is called near 97.2.
    let opened = "trade 100 | B trade 100 | B buy b 2 | buy a 90 | #1 buy c 92";
    let log = run.run(&format!("{opened} | B trade 97.3 | B trade 97.1"));
    assert_eq!(
        log,
        "b New | b 2 @ 101 taker | a New | a 90 @ 101 taker | #1 c New | #1 c 92 @ 101 taker | margin call 1"
    );
    the_called_are_in_danger(&run.exchange);
    let isolated = Pool::Isolated { symbol: 1, side: PositionSide::Both };
    assert_eq!(run.exchange.margin_calls, BTreeSet::from([(AccountId(0), isolated)]));
    // More margin, and it is safe until the next fall.
    assert_eq!(run.run("B margin +2 | B trade 96.1"), "margin call 1");
    assert_eq!(run.run("trade 95.6"), "margin call 1 | #1 margin call 1");
    assert_eq!(run.exchange.margin_calls.len(), 3);
    the_called_are_in_danger(&run.exchange);
}

#[test]
fn the_event_shows_the_pool() {
    let mut run = poor(|_| {});
    run.run("trade 100 | B trade 100 | buy a 90 | B sell b 1");
    let now = START + Nanos::from_secs(10);
    for (symbol, price) in [(1, 1_100), (0, 956)] {
        let data = MarketData::MarkPrice(PriceTicks(price));
        run.exchange.observe(&MarketEvent::new(now, SymbolIndex(symbol), data));
    }
    let mut out = Vec::new();
    run.exchange.advance(now + Nanos::from_secs(1), &mut out);
    let row = |symbol, amt, mark, profit: &str, maint: &str| MarginCallPosition {
        symbol: SymbolIndex(symbol),
        position_side: PositionSide::Both,
        position_amt: QtyLots(amt),
        margin_type: MarginType::Crossed,
        isolated_wallet: Decimal::ZERO,
        mark_price: PriceTicks(mark),
        unrealized_profit: profit.parse().unwrap(),
        maint_margin: maint.parse().unwrap(),
    };
    let event = UserEvent::MarginCall {
        cross_wallet_balance: Some("600.4055".parse().unwrap()),
        positions: vec![row(0, 900, 956, "-486", "86.04"), row(1, -1, 1_100, "-11", "1.1")],
    };
    assert_eq!(out, [ExchangeEvent::User { account: AccountId(0), time: now, event }]);
}

#[test]
fn bands_reach_just_to_the_call() {
    let band = |run: &Script| {
        let market = &run.exchange.markets[0];
        (market.mark_low, market.mark_high)
    };
    let mut run = poor(|_| {});
    run.run("trade 100 | mark 100 | buy a 100");
    // The call is at 96.203, and one unit is kept.
    assert_eq!(band(&run), (964, PRICE_MAX));
    run.run("mark 96.1");
    // Called: the liquidation is at 95.96, and at 96.3 it may be called again.
    assert_eq!(band(&run), (961, 961));
    let mut run = poor(|_| {});
    run.run("trade 100 | mark 100 | sell a 100");
    // A share of 4 tiers' highest rate, 10 %, is kept for the maintenance.
    assert_eq!(band(&run), (1, 1_032));
}

#[test]
fn another_ratio() {
    let mut run = poor(|config| config.margin_call_ratio = Decimal::new(5, 1));
    // 0.5 × (599.95 + 100 × (P - 101)) = P at 96.94.
    let log = run.run("trade 100 | buy a 100 | mark 97 | mark 96.9");
    assert_eq!(log, "a New | a 100 @ 101 taker | margin call 1");
    // Of a ratio below the highest rate of maintenance a gain can call, too: bands know it.
    let mut run = poor(|config| config.margin_call_ratio = Decimal::new(1, 2));
    run.run("leverage 50 | trade 100 | buy a 10 | mark 101 | mark 104 | mark 80 | mark 120");
    the_called_are_in_danger(&run.exchange);
}

#[test]
fn the_ratio_is_checked() {
    let good = toy(10, Funding::None).config;
    for (bad, text) in [("0", "0 must"), ("1.01", "1.01 must"), ("0.12345", "0.12345 must")] {
        let config = ExchangeConfig { margin_call_ratio: bad.parse().unwrap(), ..good.clone() };
        let refused = config.check().unwrap_err().to_string();
        assert!(refused.contains(&format!("margin_call_ratio: {text}")), "{refused}");
    }
}
