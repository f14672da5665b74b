//! The lines of a script that are requests.
//!
//! An order is `buy NAME QUANTITY`, with any of: `@ PRICE`, `gtc ioc fok gtx gte`, `gtd SECONDS`, `ro`,
//! `long short`, `stop PRICE`, `tp PRICE`, `trail PERCENT`, `activate PRICE`, `mark`, `protect`,
//! `match LEVEL`, `stp MODE`; with `close` in place of the quantity it closes the position, with `noqty` it
//! has none. `market` is no limit order whatever else is said, `closing` says closePosition beside a
//! quantity, `rofalse` says reduceOnly = false, `until SECONDS` a goodTillDate without GTD. `algo` in front
//! sends it to the algo service, `test` to the test route.

use engine::{
    AlgoRef, ClientOrderId, MarginType, ModifyOrder, Nanos, NewOrder, OrderRef, OrderType,
    PositionSide, PriceMatch, PriceTicks, QtyLots, Request, SelfTradePrevention, Side, SymbolIndex,
    TimeInForce, WorkingType,
};

use super::ticks;

fn id(text: &str) -> ClientOrderId {
    ClientOrderId(text.trim_matches('\'').into())
}

fn named(text: &str) -> OrderRef {
    OrderRef::Client(id(text))
}

fn quantity(text: &str, symbol: SymbolIndex) -> QtyLots {
    QtyLots(ticks(text, if symbol.0 == 0 { 1 } else { 0 }))
}

pub(super) fn request(words: &[&str], symbol: SymbolIndex, now: Nanos) -> Request {
    let name = |at: usize| named(words[at]);
    match words[0] {
        "cancel" => Request::CancelOrder { symbol, order: name(1) },
        "cancelall" => Request::CancelAllOpenOrders { symbol },
        "query" => Request::QueryOrder { symbol, order: name(1) },
        "open" => Request::OpenOrders { symbol: None },
        "algo" => match words[1] {
            "cancel" => Request::CancelAlgoOrder { order: AlgoRef::Client(id(words[2])) },
            "cancelall" => Request::CancelAllAlgoOrders { symbol },
            "query" => Request::QueryAlgoOrder { order: AlgoRef::Client(id(words[2])) },
            "open" => Request::OpenAlgoOrders { symbol: None },
            _ => Request::NewAlgoOrder(order(&words[1..], symbol, now)),
        },
        "test" => Request::TestOrder(order(&words[1..], symbol, now)),
        "modify" => Request::ModifyOrder(ModifyOrder {
            symbol,
            order: named(words[2]),
            side: if words[1] == "buy" { Side::Buy } else { Side::Sell },
            quantity: quantity(words[3], symbol),
            price: after(words, "@").map(|text| PriceTicks(ticks(text, 1))),
            price_match: after(words, "match").map(|text| PriceMatch::parse(text).unwrap()),
        }),
        "countdown" => {
            let countdown = Nanos::from_millis(words[1].parse().unwrap());
            Request::CountdownCancelAll { symbol, countdown }
        }
        "leverage" => Request::SetLeverage { symbol, leverage: words[1].parse().unwrap() },
        "isolated" => Request::SetMarginType { symbol, margin_type: MarginType::Isolated },
        "cross" => Request::SetMarginType { symbol, margin_type: MarginType::Crossed },
        "hedge" => Request::SetPositionMode { dual: true },
        "oneway" => Request::SetPositionMode { dual: false },
        "multi" => Request::SetMultiAssetsMode { multi_assets: words[1] == "on" },
        "margin" => Request::ModifyPositionMargin {
            symbol,
            position_side: position_side(words).unwrap_or(PositionSide::Both),
            amount: words[1].trim_start_matches(['+', '-']).parse().unwrap(),
            add: !words[1].starts_with('-'),
        },
        "positions" => Request::PositionRisk,
        "account" => Request::Account,
        "info" => Request::ExchangeInfo,
        "adl" => Request::AdlQuantile,
        "buy" | "sell" => Request::NewOrder(order(words, symbol, now)),
        other => panic!("no such line: {other}"),
    }
}

/// The word after another one.
fn after<'a>(words: &[&'a str], word: &str) -> Option<&'a str> {
    let at = words.iter().position(|w| *w == word)?;
    words.get(at + 1).copied()
}

fn position_side(words: &[&str]) -> Option<PositionSide> {
    let sides = [
        ("long", PositionSide::Long),
        ("short", PositionSide::Short),
        ("both", PositionSide::Both),
    ];
    sides.iter().find(|(name, _)| words.contains(name)).map(|(_, side)| *side)
}

fn order(words: &[&str], symbol: SymbolIndex, now: Nanos) -> NewOrder {
    // The name may be a word of the grammar.
    let all = words;
    let words = &all[2..];
    let price = |word| after(words, word).map(|text| PriceTicks(ticks(text, 1)));
    let limit = price("@");
    let tif = [
        ("gtc", TimeInForce::Gtc),
        ("ioc", TimeInForce::Ioc),
        ("fok", TimeInForce::Fok),
        ("gtx", TimeInForce::Gtx),
        ("gtd", TimeInForce::Gtd),
        ("gte", TimeInForce::GteGtc),
    ];
    let stated = tif.iter().find(|(name, _)| words.contains(name)).map(|(_, t)| *t);
    let has_price = !words.contains(&"market")
        && (limit.is_some() || ["limit", "match"].iter().any(|w| words.contains(w)));
    let order_type = match (words, has_price) {
        (words, true) if words.contains(&"stop") => OrderType::Stop,
        (words, false) if words.contains(&"stop") => OrderType::StopMarket,
        (words, true) if words.contains(&"tp") => OrderType::TakeProfit,
        (words, false) if words.contains(&"tp") => OrderType::TakeProfitMarket,
        (words, _) if words.contains(&"trail") => OrderType::TrailingStopMarket,
        (_, true) => OrderType::Limit,
        (_, false) => OrderType::Market,
    };
    let default = order_type == OrderType::Limit && !words.contains(&"notif");
    let symbol = if words.contains(&"nowhere") { SymbolIndex(9) } else { symbol };
    let closes = words[0] == "close";
    let side = if all[0] == "buy" { Side::Buy } else { Side::Sell };
    let has_qty = !closes && words[0] != "noqty";
    let qty = if has_qty { quantity(words[0], symbol) } else { QtyLots(0) };
    NewOrder {
        order_type,
        time_in_force: stated.or(default.then_some(TimeInForce::Gtc)),
        price: limit,
        quantity: has_qty.then_some(qty),
        close_position: closes || words.contains(&"closing"),
        reduce_only: [("ro", true), ("rofalse", false)]
            .iter()
            .find(|(word, _)| words.contains(word))
            .map(|(_, only)| *only),
        position_side: position_side(words),
        trigger_price: price("stop").or(price("tp")),
        activate_price: price("activate"),
        callback_rate: after(words, "trail").map(|rate| rate.parse().unwrap()),
        working_type: words.contains(&"mark").then_some(WorkingType::MarkPrice),
        price_protect: words.contains(&"protect"),
        price_match: after(words, "match").map(|text| PriceMatch::parse(text).unwrap()),
        self_trade_prevention: after(words, "stp").map(|t| SelfTradePrevention::parse(t).unwrap()),
        good_till_date: after(words, "gtd")
            .or(after(words, "until"))
            .map(|s| now + Nanos::from_secs(s.parse().unwrap())),
        ..NewOrder::market(symbol, side, qty, all[1].trim_matches('\''))
    }
}
