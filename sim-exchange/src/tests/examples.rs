//! Binance's worked examples, from the shared folder that lies beside the checkout or above it.
//!
//! Invariant: every example of the file is run by a row of [`RUN`] or has its reason in [`NOT_RUN`], and
//! every output of an example that is run is compared.

use std::path::PathBuf;

use engine::{Nanos, Side};
use rust_decimal::Decimal;
use serde_json::Value;

use super::grid;
use super::pricing::dec as number;
use crate::RuleBook;
use crate::adl::{AdlFormula, AdlTerms};
use crate::funding_rate::funding_payment;
use crate::liquidation_price::{Leg, LiquidationTerms, Tier};
use crate::margin::{Margin, maintenance, requirement};
use crate::order_cost::{CostPrices, CostRule};
use crate::position::{Position, commission, cut8};
use crate::premium_index::impact_margin_notional;
use crate::symbol_rules::{Bracket, GridRules, next_cum};

/// What an example's inputs give, by the names of its outputs.
type Outputs = Vec<(&'static str, Decimal)>;

type Run = fn(&Value) -> Outputs;

const RUN: &[(&str, Run)] = &[
    ("liq-isolated-long-1", isolated),
    ("liq-cross-long-1", cross),
    ("liq-isolated-ft-0", isolated),
    ("liq-isolated-ft-3", isolated),
    ("liq-isolated-ft-4", isolated),
    ("liq-isolated-ft-6", isolated),
    ("liq-hedge-isolated-long", isolated_in_hedge_mode),
    ("position-risk-ada-long", position_risk),
    ("position-risk-comp-short", position_risk),
    ("position-risk-btc-hedge", position_risk),
    ("cost-limit-long", order_cost),
    ("cost-limit-short", order_cost),
    ("impact-margin-notional", impact),
    ("maintenance-amount-1", maintenance_amount),
    ("maintenance-amount-2", tier_lookup),
    ("margin-requirement-oneway", margin_requirement),
    ("pnl-long", realized),
    ("fees-round-trip", round_trip),
    ("funding-fee-1", funding_fee),
    ("adl-rank-old", adl_rank),
    ("force-order-cumquote", cum_quote),
    ("margin-ratio-bankruptcy", bankruptcy),
];

const NOT_RUN: &[(&str, &str)] = &[
    ("filter-round-1", "a client rounds to the filters; the exchange refuses what is off them"),
    (
        "signature-query",
        "requests are signed between client and REST server, which this crate has not",
    ),
];

/// The file's examples; `None` where no folder above the crate has it.
fn examples() -> Option<Vec<Value>> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut places = here.ancestors().map(|above| above.join("shared/binance/examples.json"));
    let Some(path) = places.find(|path| path.is_file()) else {
        println!("skipped: no shared/binance/examples.json above {}", here.display());
        return None;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    Some(all["examples"].as_array().unwrap().clone())
}

#[test]
fn every_example_is_run_or_has_its_reason() {
    let Some(all) = examples() else { return };
    let ids: Vec<&str> = all.iter().map(|e| e["id"].as_str().unwrap()).collect();
    let listed: Vec<&str> =
        RUN.iter().map(|(id, _)| *id).chain(NOT_RUN.iter().map(|(id, _)| *id)).collect();
    for (n, id) in listed.iter().enumerate() {
        assert!(ids.contains(id), "{id} is listed and not in the file");
        assert!(!listed[..n].contains(id), "{id} is listed twice");
    }
    for example in &all {
        let id = example["id"].as_str().unwrap();
        match RUN.iter().find(|(listed, _)| *listed == id) {
            Some((_, run)) => compare(id, example, run(&example["inputs"])),
            None => assert!(listed.contains(&id), "{id} is neither run nor has it a reason"),
        }
    }
}

/// Each output within the example's tolerance and its own last place; without a tolerance exactly.
fn compare(id: &str, example: &Value, got: Outputs) {
    let outputs = example["outputs"].as_object().unwrap();
    let tolerance = example["tolerance"].as_str().map_or(Decimal::ZERO, number_or_scientific);
    for name in outputs.keys() {
        assert!(got.iter().any(|(n, _)| n == name), "{id}: nothing computes {name}");
    }
    for (name, value) in got {
        let Some(expected) = outputs.get(name).map(dec) else { continue };
        let last_place = Decimal::new(1, expected.scale());
        let off = (value - expected).abs();
        assert!(off <= tolerance.min(last_place), "{id}: {name} is {value}, not {expected}");
    }
}

fn number_or_scientific(text: &str) -> Decimal {
    text.parse().or_else(|_| Decimal::from_scientific(text)).unwrap()
}

fn dec(value: &Value) -> Decimal {
    number(value.as_str().unwrap())
}

fn leverage(value: &Value) -> u32 {
    value.as_u64().unwrap() as u32
}

fn one_leg(side: &Value, qty: Decimal, entry: Decimal) -> [Leg; 1] {
    let side = if side == "SHORT" { Decimal::NEGATIVE_ONE } else { Decimal::ONE };
    [Leg { side, qty, cost: qty * entry }]
}

fn tier(of: &Value) -> Tier {
    Tier { mmr: dec(&of["mmr"]), cum: dec(&of["cum"]) }
}

/// A grid of 8 and 3 decimals with one tier.
fn rules(mmr: Decimal) -> GridRules {
    let (name, first) = ("BTCUSDT", RuleBook::embedded().unwrap());
    let instrument = grid(name, 8, 3);
    let mut rules = first.for_symbol(instrument.symbol, Nanos::from_secs(1_700_000_000)).unwrap();
    let cap = Decimal::from(1_000_000_000);
    rules.brackets = vec![Bracket { floor: Decimal::ZERO, cap, mmr, cum: 0.into(), leverage: 20 }];
    GridRules::new(rules, &instrument).unwrap()
}

fn on_grid(value: Decimal, decimals: u32) -> i64 {
    let scaled = value * Decimal::from(10i64.pow(decimals));
    assert!(scaled.fract().is_zero(), "{value} is on the grid");
    scaled.try_into().unwrap()
}

fn price(value: &Value) -> i64 {
    on_grid(dec(value), 8)
}

/// A position of `qty` at `entry`, which paid `rate`: uncut, as the example of breakEvenPrice has it.
fn position(rules: &GridRules, qty: Decimal, entry: &Value, rate: Decimal) -> Position {
    let mut position = Position::default();
    let lots = on_grid(qty, 3);
    let realized = position.fill(rules, lots, price(entry), Nanos::ZERO);
    position.charge(rules.notional(price(entry), lots.abs()) * rate, realized);
    position
}

fn isolated(i: &Value) -> Outputs {
    let (qty, entry) = (dec(&i["qty"]), dec(&i["entryPrice"]));
    let stated = i["isolatedWallet"].as_str().unwrap().parse();
    // Stated as a number, or as quantity × entry price / leverage.
    let collateral =
        stated.unwrap_or_else(|_| qty * entry / Decimal::from(leverage(&i["leverage"])));
    let terms = LiquidationTerms { collateral, legs: &one_leg(&i["side"], qty, entry) };
    vec![("liquidationPrice", terms.price(&[tier(i)]).unwrap())]
}

fn cross(i: &Value) -> Outputs {
    let (own, other) = (&i["contract1"], &i["others"][0]);
    let (q, mark) = (dec(&other["q"]), dec(&other["mark"]));
    let maintenance = q * mark * dec(&other["mmr"]) - dec(&other["cum"]);
    let profit = q * (mark - dec(&other["ep"]));
    let collateral = dec(&i["crossWalletBalance"]) - maintenance + profit;
    let legs = one_leg(&own["side"], dec(&own["q"]), dec(&own["ep"]));
    let found = LiquidationTerms { collateral, legs: &legs }.price(&[tier(own)]).unwrap();
    vec![("TMM1", maintenance), ("UPNL1", profit), ("liquidationPrice", found)]
}

fn isolated_in_hedge_mode(i: &Value) -> Outputs {
    let (rules, wallet) = (rules(dec(&i["mmr"])), dec(&i["isolatedWallet"]));
    let held = position(&rules, dec(&i["qty"]), &i["entryPrice"], Decimal::ZERO);
    let legs = one_leg(&i["positionSide"], dec(&i["qty"]), held.entry_price(&rules));
    let found = LiquidationTerms { collateral: wallet, legs: &legs }.price(&[tier(i)]).unwrap();
    let profit = cut8(held.unrealized(&rules, price(&i["markPrice"])));
    vec![
        ("liquidationPrice", found),
        ("unRealizedProfit", profit),
        ("isolatedMargin", wallet + profit),
    ]
}

fn position_risk(i: &Value) -> Outputs {
    let optional = |name: &str| i[name].as_str().map_or(Decimal::ZERO, number);
    let rules = rules(optional("mmr"));
    let rate = optional("openCommissionRate");
    let held = position(&rules, dec(&i["positionAmt"]), &i["entryPrice"], rate);
    let mark = price(&i["markPrice"]);
    let Margin { unrealized, maintenance } = Margin::of(&rules, &held, mark);
    let notional = rules.notional(mark, held.qty);
    let none = Decimal::ZERO;
    let initial = requirement(notional, none, none, i["leverage"].as_u64().unwrap_or(1) as u32);
    vec![
        ("unRealizedProfit", cut8(unrealized)),
        ("notional", cut8(notional)),
        ("initialMargin", cut8(initial)),
        ("maintMargin", cut8(maintenance)),
        ("breakEvenPrice", held.break_even_exact(&rules)),
    ]
}

fn order_cost(i: &Value) -> Outputs {
    let side = if i["side"] == "SELL" { Side::Sell } else { Side::Buy };
    let mark = dec(&i["markPrice"]);
    let prices = CostPrices { mark, last: mark, bid: mark, ask: mark };
    let limit = Some(dec(&i["price"]));
    let leverage = leverage(&i["leverage"]);
    let cost = CostRule::default().cost(side, limit, dec(&i["qty"]), leverage, &prices);
    vec![
        ("initialMargin", cost.initial_margin),
        ("openLoss", cost.open_loss),
        ("cost", cost.total()),
    ]
}

fn impact(i: &Value) -> Outputs {
    vec![("IMN", impact_margin_notional(leverage(&i["maxLeverage"])))]
}

fn maintenance_amount(i: &Value) -> Outputs {
    let [below, floor] = [dec(&i["prevCum"]), dec(&i["floor"])];
    vec![("cum", next_cum(below, floor, dec(&i["prevMmr"]), dec(&i["mmr"])))]
}

/// The tiers are a text: `0-50000 0.4% cum 0; 50000-250000 0.5% cum 50; ...`.
fn tier_lookup(i: &Value) -> Outputs {
    let mut rules = rules(Decimal::ZERO);
    let tier = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (floor, cap) = words[0].split_once('-').unwrap();
        let mmr = number(words[1].trim_end_matches('%')) / Decimal::ONE_HUNDRED;
        Bracket { floor: number(floor), cap: number(cap), mmr, cum: number(words[3]), leverage: 1 }
    };
    rules.rules.brackets = i["brackets"].as_str().unwrap().split(';').map(tier).collect();
    let notional = dec(&i["notional"]);
    let found = rules.bracket(notional);
    vec![("mmr", found.mmr), ("cum", found.cum), ("maintMargin", maintenance(&rules, notional))]
}

fn margin_requirement(i: &Value) -> Outputs {
    let position = dec(&i["positionQty"]) * dec(&i["markPrice"]);
    let sum = |orders: &Value| -> Decimal {
        orders.as_array().unwrap().iter().map(|o| dec(&o["price"]) * dec(&o["qty"])).sum()
    };
    let (bids, asks) = (sum(&i["bidOrders"]), sum(&i["askOrders"]));
    vec![("marginRequirement", requirement(position, bids, asks, leverage(&i["leverage"])))]
}

/// What closing the whole position at `exit` realises.
fn close(rules: &GridRules, i: &Value, held: &mut Position) -> Decimal {
    assert_eq!(i["side"], "LONG");
    held.fill(rules, -held.qty, price(&i["exit"]), Nanos::ZERO)
}

fn realized(i: &Value) -> Outputs {
    let rules = rules(Decimal::ZERO);
    let mut held = position(&rules, dec(&i["qty"]), &i["entry"], Decimal::ZERO);
    vec![("pnl", close(&rules, i, &mut held))]
}

fn round_trip(i: &Value) -> Outputs {
    let rules = rules(Decimal::ZERO);
    let mut held = position(&rules, dec(&i["qty"]), &i["entry"], Decimal::ZERO);
    let worth = |at: &Value| rules.notional(price(at), on_grid(dec(&i["qty"]), 3));
    let open_fee = commission(worth(&i["entry"]), dec(&i["openRate"]));
    let close_fee = commission(worth(&i["exit"]), dec(&i["closeRate"]));
    let received = funding_payment(dec(&i["fundingNotional"]), dec(&i["fundingRate"]));
    let none = Decimal::ZERO;
    let margin = requirement(worth(&i["entry"]), none, none, leverage(&i["leverage"]));
    let gross = close(&rules, i, &mut held);
    vec![
        ("gross", gross),
        ("openFee", open_fee),
        ("closeFee", close_fee),
        ("funding", -received),
        ("net", gross - open_fee - close_fee + received),
        ("margin", margin),
    ]
}

/// The example leaves the sign open: the short receives it.
fn funding_fee(i: &Value) -> Outputs {
    let (worth, rate) = (dec(&i["qty"]) * dec(&i["markPrice"]), dec(&i["fundingRate"]));
    assert_eq!(funding_payment(worth, rate), -funding_payment(-worth, rate));
    vec![("amount", funding_payment(-worth, rate))]
}

fn adl_rank(i: &Value) -> Outputs {
    let (profit, wallet) = (dec(&i["unrealizedProfit"]), dec(&i["walletBalance"]));
    let terms = AdlTerms {
        profit,
        notional: Decimal::ZERO,
        wallet,
        pool_profit: profit,
        maintenance: dec(&i["marginRatio"]) * (wallet + profit),
    };
    let score = terms.score(AdlFormula::default());
    vec![("pnlPercent", terms.profit_percent()), ("leveragePnl", score)]
}

fn cum_quote(i: &Value) -> Outputs {
    let lots = on_grid(dec(&i["executedQty"]), 3);
    vec![("cumQuote", rules(Decimal::ZERO).notional(price(&i["avgPrice"]), lots))]
}

fn bankruptcy(i: &Value) -> Outputs {
    let legs = one_leg(&i["side"], dec(&i["qty"]), dec(&i["entryPrice"]));
    let terms = LiquidationTerms { collateral: dec(&i["isolatedWallet"]), legs: &legs };
    vec![("bankruptcyPrice", terms.price(&[Tier::NONE]).unwrap())]
}
