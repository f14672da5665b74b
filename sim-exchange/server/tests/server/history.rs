//! What was: trades, income, forced orders.

use engine::{MarketData, MarketEvent, Nanos, PriceTicks, SymbolIndex};
use serde_json::{Value, json};

use crate::harness::{START, start, start_with, trade};

fn column<'a>(rows: &'a Value, name: &str) -> Vec<&'a Value> {
    rows.as_array().unwrap().iter().map(|row| &row[name]).collect()
}

#[test]
fn trades_and_income_tell_the_same_story() {
    let venue = start();
    let order = venue.market("BUY", "0.100");
    venue.step(1_000);
    venue.market("SELL", "0.100");
    let trades = venue.get("/fapi/v1/userTrades", "symbol=BTCUSDT").ok();
    assert_eq!(column(&trades, "side"), ["BUY", "SELL"]);
    assert_eq!(column(&trades, "commission"), ["2.50000500", "2.49999500"]);
    assert_eq!(column(&trades, "realizedPnl"), ["0", "-0.02000000"]);
    assert_eq!(column(&trades, "quoteQty")[0].as_str().unwrap().parse::<f64>().unwrap(), 5_000.01);
    assert_eq!(trades[0]["orderId"], order["orderId"]);
    let from = trades[1]["id"].as_u64().unwrap();
    let later = venue.get("/fapi/v1/userTrades", &format!("symbol=BTCUSDT&fromId={from}")).ok();
    assert_eq!(column(&later, "id"), [from]);
    let both = format!("symbol=BTCUSDT&fromId={from}&startTime=1");
    assert_eq!(venue.get("/fapi/v1/userTrades", &both).refusal().1, -1128);
    let first = trades[0]["orderId"].as_u64().unwrap();
    let own = venue.get("/fapi/v1/userTrades", &format!("symbol=BTCUSDT&orderId={first}")).ok();
    assert_eq!(column(&own, "side"), ["BUY"]);
    let income = venue.get("/fapi/v1/income", "").ok();
    let kinds = column(&income, "incomeType");
    assert_eq!(kinds, ["TRANSFER", "COMMISSION", "REALIZED_PNL", "COMMISSION"]);
    assert_eq!(
        column(&income, "income"),
        ["100000.00000000", "-2.50000500", "-0.02000000", "-2.49999500"]
    );
    let second = from.to_string();
    assert_eq!(column(&income, "tradeId")[2..], [&json!(second), &json!(second)]);
    let mut ids = column(&income, "tranId");
    ids.dedup();
    assert_eq!(ids.len(), 4, "each has its own id");
    let fees = venue.get("/fapi/v1/income", "incomeType=COMMISSION&limit=1&page=2").ok();
    assert_eq!(column(&fees, "income"), ["-2.49999500"]);
    // All pages count from one end: together they are the whole, each row once.
    let page = |n| venue.get("/fapi/v1/income", &format!("limit=1&page={n}")).ok();
    let paged: Vec<Value> = (1..=4).map(|n| page(n)[0]["tranId"].clone()).collect();
    assert_eq!(paged.iter().collect::<Vec<_>>(), column(&income, "tranId"));
    assert_eq!(page(5), json!([]));
    let newest = venue.get("/fapi/v1/income", "limit=1").ok();
    assert_eq!(newest[0]["tranId"], paged[3], "without a page the newest");
    let wallet = &venue.books(0)["balance"]["wallet_balance"];
    let sum: f64 =
        column(&income, "income").iter().map(|v| v.as_str().unwrap().parse::<f64>().unwrap()).sum();
    assert!((wallet.as_str().unwrap().parse::<f64>().unwrap() - sum).abs() < 1e-6);
}

#[test]
fn spans_that_are_too_long_are_refused() {
    let venue = start();
    let span = format!("symbol=BTCUSDT&startTime=1&endTime={}", 8i64 * 86_400_000);
    for path in ["/fapi/v1/allOrders", "/fapi/v1/userTrades", "/fapi/v1/allAlgoOrders"] {
        let refusal = venue.get(path, &span).refusal();
        assert_eq!(refusal, (400, -4165, "Maximum time interval is 7 days".to_owned()));
    }
    assert_eq!(venue.get("/fapi/v1/allOrders", "symbol=BTCUSDT&limit=1001").refusal().1, -1130);
    assert_eq!(venue.get("/fapi/v1/forceOrders", "autoCloseType=X").refusal().1, -1130);
}

#[test]
fn funding_is_income() {
    let mark = MarketEvent::new(
        START + Nanos::from_secs(3_600),
        SymbolIndex(0),
        MarketData::FundingRate(10_000),
    );
    let venue = start_with(|setup| {
        setup.exchange.funding = sim_exchange::Funding::Data;
        setup.tape.push(mark);
    });
    venue.market("BUY", "0.100");
    venue.step(3_600_000);
    let rows = venue.get("/fapi/v1/income", "incomeType=FUNDING_FEE").ok();
    assert_eq!(
        (&rows[0]["income"], &rows[0]["symbol"]),
        (&json!("-0.50000000"), &json!("BTCUSDT"))
    );
}

#[test]
fn a_liquidation_leaves_a_forced_order() {
    let crash = |ms, price: i64| {
        let time = START + Nanos::from_millis(ms);
        MarketEvent::new(time, SymbolIndex(0), MarketData::MarkPrice(PriceTicks(price * 100)))
    };
    let venue = start_with(|setup| {
        setup.tape.push(crash(60_000, 44_000));
        setup.tape.push(trade(60_000, 0, 44_000));
        setup.tape.push(crash(60_001, 43_000));
    });
    venue
        .of(1, "POST", "/fapi/v1/order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1.900")
        .ok();
    venue.step(61_000);
    let rows = venue.of(1, "GET", "/fapi/v1/forceOrders", "").ok();
    assert!(!rows.as_array().unwrap().is_empty(), "{}", venue.books(1));
    assert!(rows[0]["clientOrderId"].as_str().unwrap().starts_with("autoclose-"));
    assert_eq!((&rows[0]["side"], &rows[0]["timeInForce"]), (&json!("SELL"), &json!("IOC")));
    // Whatever the span.
    let span = format!("startTime=1&endTime={}", venue.ms());
    assert_eq!(venue.of(1, "GET", "/fapi/v1/forceOrders", &span).ok(), rows);
    let order = format!("startTime={}&endTime=1", venue.ms());
    assert_eq!(venue.of(1, "GET", "/fapi/v1/forceOrders", &order).refusal().1, -1130);
    let adl = venue.of(1, "GET", "/fapi/v1/forceOrders", "autoCloseType=ADL").ok();
    assert_eq!(adl, json!([]));
    venue.admin("GET", "/conservation", "").ok();
}
