//! Tests of the whole exchange as text: requests and market events in, what reached the client out.

mod amending;
mod conditional;
mod conservation;
mod deleveraging;
mod depth;
mod examples;
mod fault_flow;
mod faults;
mod fills;
mod index_market;
mod initial_positions;
mod limits;
mod margin_call;
mod matching;
mod multi_assets;
mod order_flow;
mod pricing;
mod refusals;
mod rules;
mod script;
mod settings;
mod streams;
mod told;
mod venue_events;
mod venue_rules;

use engine::{
    AccountId, AccountUpdateReason, BestQuotes, DepthRow, Exchange, ExchangeEvent, ExecutionType,
    Instrument, MarketData, MarketEvent, Nanos, Outcome, PriceTicks, QtyLots, Request, RequestId,
    Sender, ServiceId, Side, Symbol, SymbolIndex, Trade, TradeOrigin, UserEvent,
};
use rust_decimal::Decimal;

use crate::{AccountConfig, ExchangeConfig, Funding, Latency, RuleBook, SimExchange};

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
    toy_with(wallet, funding, |_| {})
}

/// The toy exchange with some of its configuration changed.
pub(crate) fn toy_with(
    wallet: i64,
    funding: Funding,
    change: impl FnOnce(&mut ExchangeConfig),
) -> SimExchange {
    let latency =
        Latency::Constant { request: Nanos::from_millis(1), response: Nanos::from_millis(2) };
    let instruments = vec![grid("AUSDT", 1, 1), grid("BUSDT", 1, 0)];
    let mut config = ExchangeConfig::new(instruments, START, wallet.into(), latency, funding);
    change(&mut config);
    let rules = RuleBook::parse(TOY_RULES, "toy.toml").unwrap();
    SimExchange::with_rules(config, &rules).unwrap()
}

/// An account like the first one's defaults.
pub(crate) fn account_of(wallet: i64) -> AccountConfig {
    toml::from_str(&format!("wallet = \"{wallet}\"")).unwrap()
}

/// An exchange driven by text. Every line is a second later than the one before.
pub(crate) struct Script {
    pub(crate) exchange: SimExchange,
    pub(crate) now: Nanos,
    requests: u64,
}

pub(super) fn ticks(text: &str, decimals: u32) -> i64 {
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
        let mut words: Vec<&str> = line.split_whitespace().collect();
        // `#1` speaks for the second account, `B` of the second symbol.
        let account = words[0].strip_prefix('#').map(|number| number.parse().unwrap());
        if account.is_some() {
            words.remove(0);
        }
        let symbol = u16::from(words[0] == "B");
        if symbol == 1 {
            words.remove(0);
        }
        if words[0] == "wait" {
            self.now += Nanos::from_secs(words[1].parse().unwrap());
            return;
        }
        if let Some(data) = market_data(&words) {
            let event = MarketEvent::new(self.now, SymbolIndex(symbol), data);
            self.exchange.observe(&event);
            return;
        }
        // `x300` sends it 300 times at once.
        let times = words[0].strip_prefix('x').map_or(1, |times| times.parse().unwrap());
        let words = if times > 1 { &words[1..] } else { &words[..] };
        let request = script::request(words, SymbolIndex(symbol), self.now);
        let account = AccountId(account.unwrap_or(0));
        let from = Sender { service: ServiceId(1), account };
        for _ in 0..times {
            self.send(from, request.clone());
        }
    }

    fn send(&mut self, from: Sender, request: Request) {
        self.requests += 1;
        self.exchange.submit(self.now, from, RequestId(self.requests), request);
    }

    /// A request of the first account for which no line has words.
    pub(crate) fn submit(&mut self, request: Request) {
        self.send(Sender { service: ServiceId(1), account: AccountId(0) }, request);
    }

    pub(crate) fn position(&self, symbol: usize) -> i64 {
        self.exchange.accounts[0].holdings[symbol].positions[0].qty
    }
}

fn market_data(words: &[&str]) -> Option<MarketData> {
    let price = |text: &str| PriceTicks(ticks(text, 1));
    Some(match words[0] {
        "trade" => MarketData::Trade(Trade {
            price: price(words[1]),
            qty: QtyLots(words.get(2).and_then(|lots| lots.parse().ok()).unwrap_or(1)),
            buyer_is_maker: words.contains(&"sold"),
            origin: TradeOrigin::Tape,
        }),
        // Lots, not units.
        "bid" | "ask" => MarketData::Depth(DepthRow {
            side: if words[0] == "bid" { Side::Buy } else { Side::Sell },
            price: price(words[1]),
            qty: QtyLots(words[2].parse().unwrap()),
        }),
        "quotes" => MarketData::BestQuotes(BestQuotes {
            bid: price(words[1]),
            bid_qty: QtyLots(words[2].parse().unwrap()),
            ask: price(words[3]),
            ask_qty: QtyLots(words[4].parse().unwrap()),
        }),
        "mark" => MarketData::MarkPrice(price(words[1])),
        "index" => MarketData::IndexPrice(price(words[1])),
        "funding" => MarketData::FundingRate(ticks(words[1], 8)),
        "bar" => MarketData::Bar(engine::Bar {
            open: price(words[1]),
            high: price(words[2]),
            low: price(words[3]),
            close: price(words[4]),
            volume: QtyLots(words.get(5).and_then(|lots| lots.parse().ok()).unwrap_or(1)),
            interval_ms: 60_000,
            path_passed: words.contains(&"passed"),
        }),
        _ => return None,
    })
}

fn show(event: &ExchangeEvent) -> Option<String> {
    let (account, event) = match event {
        ExchangeEvent::Response { outcome, .. } => return show_outcome(outcome),
        ExchangeEvent::User { account, event, .. } => (account, event),
    };
    let text = match event {
        UserEvent::OrderTradeUpdate { order, fill, execution, .. } => {
            let name = &order.client_order_id.0;
            match fill {
                Some(f) => {
                    let role = if f.maker { "maker" } else { "taker" };
                    let qty = Decimal::from(f.qty.0);
                    let qty = if order.symbol.0 == 0 { qty / Decimal::TEN } else { qty };
                    let price = Decimal::new(f.price.0, 1).normalize();
                    format!("{name} {} @ {price} {role}", qty.normalize())
                }
                None if *execution == ExecutionType::Amendment => format!("{name} Amended"),
                None => format!("{name} {:?}", order.status),
            }
        }
        UserEvent::AlgoUpdate { order } => {
            let reason = if order.reason.is_empty() { "" } else { ": " };
            let name = &order.order.client_order_id.0;
            format!("algo {name} {:?}{reason}{}", order.status, order.reason)
        }
        UserEvent::ConditionalTriggerReject { reason, .. } => format!("trigger refused: {reason}"),
        UserEvent::MultiAssetsUpdate { multi_assets } => format!("multi {multi_assets}"),
        UserEvent::AccountUpdate {
            reason: AccountUpdateReason::AutoExchange,
            balance: Some(b),
            ..
        } => format!("auto-exchange {} to {}", b.balance_change.normalize(), b.wallet_balance),
        UserEvent::ListenKeyExpired => "listen key expired".to_owned(),
        UserEvent::MarginCall { positions, .. } => format!("margin call {}", positions.len()),
        _ => return None,
    };
    Some(if account.0 == 0 { text } else { format!("#{} {text}", account.0) })
}

fn show_outcome(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Refused(error) => Some(format!("refused {}", error.code)),
        Outcome::Done(engine::Answer::Account(a)) => Some(format!(
            "wallet {} free {} initial {} maint {}",
            a.wallet_balance.normalize(),
            a.available_balance.normalize(),
            a.initial_margin.normalize(),
            a.maint_margin.normalize()
        )),
        Outcome::Done(engine::Answer::Orders(rows)) => {
            let name = |row: &Result<engine::OrderState, engine::ExchangeError>| match row {
                Ok(order) => order.client_order_id.0.to_string(),
                Err(error) => error.code.to_string(),
            };
            Some(format!("orders [{}]", rows.iter().map(name).collect::<Vec<_>>().join(" ")))
        }
        Outcome::Done(engine::Answer::AlgoOrders(rows)) => {
            let names = rows.iter().map(|row| &*row.order.client_order_id.0);
            Some(format!("algos [{}]", names.collect::<Vec<_>>().join(" ")))
        }
        Outcome::Done(engine::Answer::PositionRisk(rows)) => {
            let held = rows.iter().filter(|row| row.position_amt.0 != 0);
            let row = |row: &engine::PositionRisk| {
                format!(
                    "{:?} {} entry {} iso {} liq {}",
                    row.position_side,
                    row.position_amt.0,
                    row.entry_price.normalize(),
                    row.isolated_wallet.normalize(),
                    row.liquidation_price.round_dp(4).normalize()
                )
            };
            Some(format!("held [{}]", held.map(row).collect::<Vec<_>>().join(", ")))
        }
        Outcome::Done(engine::Answer::AdlQuantile(rows)) => {
            let row =
                |row: &engine::AdlQuantile| format!("{:?} {}", row.position_side, row.quantile);
            Some(format!("adl [{}]", rows.iter().map(row).collect::<Vec<_>>().join(", ")))
        }
        Outcome::Done(engine::Answer::ExchangeInfo(rows)) => {
            let trading = rows.iter().filter(|row| row.trading).map(|row| row.name.to_string());
            Some(format!("trading [{}]", trading.collect::<Vec<_>>().join(" ")))
        }
        Outcome::Unknown => Some("no answer".to_owned()),
        Outcome::Done(_) => None,
    }
}

/// Runs `script` on the toy exchange with 10,000 USDT and compares what came back.
pub(crate) fn check(script: &str, expected: &str) {
    let mut run = Script::new(toy(10_000, Funding::Data));
    let log = run.run(script);
    assert_eq!(log, expected, "\nscript: {script}");
    run.exchange.check_conservation().unwrap();
}
