//! Tests of the whole exchange as text: requests and market events in, what reached the client out.

mod conservation;
mod examples;
mod matching;
mod refusals;
mod rules;

use engine::{
    AccountId, ClientOrderId, Exchange, ExchangeEvent, Instrument, MarketData, MarketEvent, Nanos,
    NewOrder, OrderRef, OrderType, Outcome, PriceTicks, QtyLots, Request, RequestId, Sender,
    ServiceId, Side, Symbol, SymbolIndex, TimeInForce, Trade, TradeOrigin, UserEvent,
};
use rust_decimal::Decimal;

use crate::{ExchangeConfig, Funding, Latency, RuleBook, SimExchange};

/// Two symbols with whole numbers: tick 1, step 1, minimum notional 5, two tiers.
pub(crate) const TOY_RULES: &str = r#"
[[filters]]
symbol = "AUSDT"
valid_from = 2020-01-01T00:00:00Z
price_precision = 1
quantity_precision = 0
tick_size = "1"
step_size = "2"
min_price = "2"
max_price = "100000"
min_qty = "2"
max_qty = "1000000"
market_max_qty = "10000"
min_notional = "5"
multiplier_up = "1.05"
multiplier_down = "0.95"
liquidation_fee = "0.001"
market_take_bound = "0.05"
max_num_orders = 3
[[brackets]]
symbol = "AUSDT"
valid_from = 2020-01-01T00:00:00Z
tiers = [
  { cap = "10000", mmr = "0.01", leverage = 50, cum = "0" },
  { cap = "100000", mmr = "0.05", leverage = 20, cum = "400" },
  { cap = "1000000", mmr = "0.1", leverage = 5, cum = "5400" },
]
[[filters]]
symbol = "BUSDT"
valid_from = 2020-01-01T00:00:00Z
price_precision = 1
quantity_precision = 0
tick_size = "1"
step_size = "1"
min_price = "1"
max_price = "0"
min_qty = "1"
max_qty = "1000000"
market_max_qty = "1000000"
min_notional = "5"
multiplier_up = "1.05"
multiplier_down = "0.95"
liquidation_fee = "0.01"
market_take_bound = "0.05"
max_num_orders = 200
[[brackets]]
symbol = "BUSDT"
valid_from = 2020-01-01T00:00:00Z
tiers = [{ cap = "100000000", mmr = "0.01", leverage = 20, cum = "0" }]
"#;

pub(crate) const START: Nanos = Nanos::from_secs(1_700_006_400);

pub(crate) fn grid(symbol: &str, price_decimals: u32, qty_decimals: u32) -> Instrument {
    Instrument { symbol: Symbol::new(symbol).unwrap(), price_decimals, qty_decimals }
}

pub(crate) fn toy(wallet: i64, funding: Funding) -> SimExchange {
    let latency =
        Latency::Constant { request: Nanos::from_millis(1), response: Nanos::from_millis(2) };
    let instruments = vec![grid("AUSDT", 1, 1), grid("BUSDT", 1, 0)];
    let config = ExchangeConfig::new(instruments, START, wallet.into(), latency, funding);
    let rules = RuleBook::parse(TOY_RULES, "toy.toml").unwrap();
    SimExchange::with_rules(config, &rules).unwrap()
}

/// An exchange driven by text. Every line is a second later than the one before.
pub(crate) struct Script {
    pub(crate) exchange: SimExchange,
    now: Nanos,
    requests: u64,
}

fn ticks(text: &str, decimals: u32) -> i64 {
    let value: Decimal = text.parse().unwrap();
    let scaled = value * Decimal::from(10i64.pow(decimals));
    assert!(scaled.fract().is_zero(), "{text} is not on the grid");
    scaled.try_into().unwrap()
}

impl Script {
    pub(crate) fn new(exchange: SimExchange) -> Script {
        Script { exchange, now: START, requests: 0 }
    }

    /// Runs lines separated by `|`; the log is what came back, separated by `|`.
    pub(crate) fn run(&mut self, script: &str) -> String {
        let mut log = Vec::new();
        for line in script.split('|').map(str::trim).filter(|l| !l.is_empty()) {
            self.line(line);
            let mut out = Vec::new();
            self.exchange.advance(self.now + Nanos::from_millis(500), &mut out);
            log.extend(out.iter().filter_map(show));
            self.now += Nanos::from_secs(1);
        }
        log.join(" | ")
    }

    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (symbol, words) = match words[0] {
            "B" => (1u16, &words[1..]),
            _ => (0u16, &words[..]),
        };
        let index = SymbolIndex(symbol);
        let qty_decimals = if symbol == 0 { 1 } else { 0 };
        let price = |text: &str| PriceTicks(ticks(text, 1));
        let market = |data| MarketEvent { time: self.now, symbol: index, data };
        let event = match words[0] {
            "trade" => Some(market(MarketData::Trade(Trade {
                price: price(words[1]),
                qty: QtyLots(1),
                buyer_is_maker: false,
                origin: TradeOrigin::Tape,
            }))),
            "mark" => Some(market(MarketData::MarkPrice(price(words[1])))),
            "funding" => Some(market(MarketData::FundingRate(ticks(words[1], 8)))),
            "bar" => Some(market(MarketData::Bar(engine::Bar {
                open: price(words[1]),
                high: price(words[2]),
                low: price(words[3]),
                close: price(words[4]),
                volume: QtyLots(1),
                interval_ms: 60_000,
                path_passed: words.contains(&"passed"),
            }))),
            "wait" => {
                self.now += Nanos::from_secs(words[1].parse().unwrap());
                return;
            }
            _ => None,
        };
        if let Some(event) = event {
            self.exchange.observe(&event);
            return;
        }
        let id = |text: &str| ClientOrderId(text.trim_matches('\'').into());
        let request = match words[0] {
            "cancel" => {
                Request::CancelOrder { symbol: index, order: OrderRef::Client(id(words[1])) }
            }
            "query" => Request::QueryOrder { symbol: index, order: OrderRef::Client(id(words[1])) },
            "leverage" => {
                Request::SetLeverage { symbol: index, leverage: words[1].parse().unwrap() }
            }
            "positions" => Request::PositionRisk,
            "account" => Request::Account,
            "buy" | "sell" => {
                let limit = words.iter().position(|w| *w == "@").map(|at| price(words[at + 1]));
                let tif = [
                    ("gtc", TimeInForce::Gtc),
                    ("ioc", TimeInForce::Ioc),
                    ("fok", TimeInForce::Fok),
                    ("gtx", TimeInForce::Gtx),
                ];
                let stated = tif.iter().find(|(name, _)| words.contains(name)).map(|(_, t)| *t);
                let is_limit =
                    limit.is_some() && !words.contains(&"market") || words.contains(&"limit");
                let default = is_limit && !words.contains(&"notif");
                let symbol = if words.contains(&"nowhere") { SymbolIndex(9) } else { index };
                let side = if words[0] == "buy" { Side::Buy } else { Side::Sell };
                let quantity = QtyLots(ticks(words[2], qty_decimals));
                Request::NewOrder(NewOrder {
                    order_type: if is_limit { OrderType::Limit } else { OrderType::Market },
                    time_in_force: stated.or(default.then_some(TimeInForce::Gtc)),
                    price: limit,
                    reduce_only: words.contains(&"ro").then_some(true),
                    ..NewOrder::market(symbol, side, quantity, words[1].trim_matches('\''))
                })
            }
            other => panic!("no such line: {other}"),
        };
        self.requests += 1;
        let from = Sender { service: ServiceId(1), account: AccountId(0) };
        self.exchange.submit(self.now, from, RequestId(self.requests), request);
    }

    pub(crate) fn position(&self, symbol: usize) -> i64 {
        self.exchange.accounts[0].holdings[symbol].positions[0].qty
    }
}

fn show(event: &ExchangeEvent) -> Option<String> {
    match event {
        ExchangeEvent::Response { outcome, .. } => match outcome {
            Outcome::Refused(error) => Some(format!("refused {}", error.code)),
            Outcome::Done(engine::Answer::Account(a)) => Some(format!(
                "wallet {} free {} initial {} maint {}",
                a.wallet_balance.normalize(),
                a.available_balance.normalize(),
                a.initial_margin.normalize(),
                a.maint_margin.normalize()
            )),
            Outcome::Done(_) | Outcome::Unknown => None,
        },
        ExchangeEvent::User { event: UserEvent::OrderTradeUpdate { order, fill, .. }, .. } => {
            let name = &order.client_order_id.0;
            match fill {
                Some(f) => {
                    let role = if f.maker { "maker" } else { "taker" };
                    let qty = Decimal::from(f.qty.0);
                    let qty = if order.symbol.0 == 0 { qty / Decimal::TEN } else { qty };
                    let price = Decimal::new(f.price.0, 1).normalize();
                    Some(format!("{name} {} @ {price} {role}", qty.normalize()))
                }
                None => Some(format!("{name} {:?}", order.status)),
            }
        }
        ExchangeEvent::User { .. } => None,
    }
}

/// Runs `script` on the toy exchange with 10,000 USDT and compares what came back.
pub(crate) fn check(script: &str, expected: &str) {
    let mut run = Script::new(toy(10_000, Funding::Data));
    let log = run.run(script);
    assert_eq!(log, expected, "\nscript: {script}");
    run.exchange.check_conservation().unwrap();
}
