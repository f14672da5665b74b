//! What an entry says, in a line: only the fields that matter.

use std::fmt::Write as _;

use engine::{
    Answer, BodyEntry, ExchangeEvent, Instrument, JournalEntry, KeyValue, NewOrder, OrderState,
    Outcome, PriceTicks, QtyLots, RecordEntry, Request, SymbolIndex, UserEvent, Value,
};
use rust_decimal::Decimal;

use super::naming::{request_name, symbol_of};

/// Fields that matter, in the order in which they are told. What is not here is told only of a record that
/// has none of them.
const MATTER: &[&str] = &[
    "error",
    "event",
    "type",
    "symbol",
    "side",
    "action",
    "original_action",
    "action_proposed",
    "harvest_action",
    "final_action",
    "calibrated_action",
    "out_action",
    "decision",
    "approved",
    "allow",
    "granted",
    "signal",
    "executed",
    "state",
    "status",
    "mode",
    "consumed",
    "armed",
    "active",
    "reduceOnly",
    "reduce_only",
    "class",
    "executor",
    "qty",
    "quantity",
    "fraction",
    "max_fraction",
    "computed_qty",
    "safe_qty",
    "requested_qty",
    "filled_qty",
    "executed_qty",
    "price",
    "close",
    "avg_price",
    "entry_price",
    "avg_entry_price",
    "mark_price",
    "stop_loss",
    "take_profit",
    "position_amt",
    "exchange_amt",
    "ledger_amt",
    "diff_amt",
    "positions_count",
    "equity",
    "equity_usd",
    "balance",
    "position_size_usd",
    "size_usd",
    "target_usd",
    "leverage",
    "confidence",
    "kill_score",
    "R_net",
    "heat",
    "heat_level",
    "heat_found",
    "risk_score",
    "realized_pnl",
    "pnl_usdt",
    "commission",
    "client_order_id",
    "plan_id",
    "valid_until",
];
/// How many of them.
const FIELDS: usize = 9;
/// A longer text is cut.
const TEXT: usize = 60;

/// Shortens what a value says: six digits of a float, the beginning of a text.
fn value(value: &Value) -> String {
    match value {
        Value::Float(number) => float(*number),
        Value::Decimal(number) => decimal(*number),
        Value::Text(text) => cut(text),
        other => other.to_string(),
    }
}

fn float(number: f64) -> String {
    let digits = if number == 0.0 { 0.0 } else { digits_before_point(number.abs()) };
    let decimals = (5.0 - digits).clamp(0.0, 12.0) as usize;
    trimmed(format!("{number:.decimals$}"))
}

/// The number of digits before the point, less one, without platform maths.
fn digits_before_point(number: f64) -> f64 {
    let (mut rest, mut digits) = (number, 0.0);
    while rest >= 10.0 && digits < 300.0 {
        (rest, digits) = (rest / 10.0, digits + 1.0);
    }
    while rest < 1.0 && digits > -12.0 {
        (rest, digits) = (rest * 10.0, digits - 1.0);
    }
    digits
}

fn trimmed(text: String) -> String {
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn decimal(number: Decimal) -> String {
    number.round_dp(8).normalize().to_string()
}

pub(super) fn cut(text: &str) -> String {
    if text.chars().count() <= TEXT {
        return text.to_owned();
    }
    text.chars().take(TEXT - 1).chain(['…']).collect()
}

fn matters(name: &str) -> Option<usize> {
    if let Some(rank) = MATTER.iter().position(|field| *field == name) {
        return Some(rank);
    }
    name.contains("reason").then_some(MATTER.len())
}

/// A record by the fields that matter; `known` are texts that the reader knows already, such as the symbol.
pub(super) fn record(record: &RecordEntry, known: &[&str]) -> String {
    let mut told: Vec<(usize, &str, String)> = Vec::new();
    for (name, field) in &record.fields {
        let Some(rank) = matters(name) else { continue };
        let text = value(field);
        // A side beside the same action, an empty reason.
        let repeats = told.iter().any(|(_, _, other)| *other == text && text.len() > 2);
        if text.is_empty() || repeats || known.contains(&text.as_str()) {
            continue;
        }
        told.push((rank, name, text));
    }
    if told.is_empty() {
        let news =
            record.fields.iter().filter(|(_, field)| !known.contains(&value(field).as_str()));
        told = news.take(6).map(|(name, field)| (0, name.as_str(), value(field))).collect();
    }
    told.sort_by_key(|(rank, _, _)| *rank);
    let reasons = told.iter().filter(|(rank, _, _)| *rank >= MATTER.len()).count().min(2);
    let kept = told.len().saturating_sub(reasons).min(FIELDS);
    let last = told.split_off(told.len() - reasons.min(told.len()));
    told.truncate(kept);
    told.extend(last);
    let mut out = String::new();
    for (_, name, text) in told {
        let space = if out.is_empty() { "" } else { " " };
        let _ = match text.contains(' ') {
            true => write!(out, "{space}{name}={text:?}"),
            false => write!(out, "{space}{name}={text}"),
        };
    }
    out
}

pub(super) fn body(body: &BodyEntry, known: &[&str]) -> String {
    match body {
        BodyEntry::Record(_, one) => record(one, known),
        BodyEntry::Raw(fields) => {
            let fields =
                fields.iter().map(|(name, text)| (name.clone(), Value::Text(text.clone())));
            record(&RecordEntry { name: String::new(), fields: fields.collect() }, known)
        }
    }
}

pub(super) fn key_value(value: &KeyValue, known: &[&str]) -> String {
    match value {
        KeyValue::Hash(one) | KeyValue::Json(one) => record(one, known),
        KeyValue::Text(text) => format!("{:?}", cut(text)),
    }
}

/// A stream without the prefix that all have.
pub(super) fn short(stream: &str) -> &str {
    stream.strip_prefix("quantum:stream:").unwrap_or(stream)
}

/// Prices and quantities of a run in decimals.
pub(super) struct Grids<'a>(pub(super) &'a [Instrument]);

impl Grids<'_> {
    fn of(&self, symbol: SymbolIndex) -> Option<&Instrument> {
        self.0.get(usize::from(symbol.0))
    }

    pub(super) fn symbol(&self, symbol: SymbolIndex) -> String {
        match self.of(symbol) {
            Some(instrument) => instrument.symbol.to_string(),
            None => format!("symbol {}", symbol.0),
        }
    }

    fn qty(&self, symbol: SymbolIndex, qty: QtyLots) -> String {
        match self.of(symbol) {
            Some(instrument) => decimal(Decimal::new(qty.0, instrument.qty_decimals.min(28))),
            None => format!("{} lots", qty.0),
        }
    }

    fn price(&self, symbol: SymbolIndex, price: PriceTicks) -> String {
        match self.of(symbol) {
            Some(instrument) => decimal(Decimal::new(price.0, instrument.price_decimals.min(28))),
            None => format!("{} ticks", price.0),
        }
    }

    pub(super) fn new_order(&self, order: &NewOrder) -> String {
        let mut out = format!("{} {}", order.order_type.as_str(), order.side.as_str());
        if let Some(qty) = order.quantity {
            let _ = write!(out, " {}", self.qty(order.symbol, qty));
        }
        let _ = write!(out, " {}", self.symbol(order.symbol));
        if let Some(price) = order.price {
            let _ = write!(out, " at {}", self.price(order.symbol, price));
        }
        if let Some(price) = order.trigger_price {
            let _ = write!(out, " trigger {}", self.price(order.symbol, price));
        }
        if order.reduces() {
            out.push_str(" reduce-only");
        }
        if order.close_position {
            out.push_str(" close-position");
        }
        let _ = write!(out, " as {}", order.client_order_id.0);
        out
    }

    pub(super) fn order(&self, order: &OrderState) -> String {
        format!(
            "order {} {} {} {} of {} {}, filled {}",
            order.client_order_id.0,
            order.status.as_str(),
            order.side.as_str(),
            self.qty(order.symbol, order.executed_qty),
            self.qty(order.symbol, order.orig_qty),
            self.symbol(order.symbol),
            if order.executed_qty.0 == 0 {
                "nothing".to_owned()
            } else {
                format!("for {} USDT", decimal(order.cum_quote))
            },
        )
    }

    pub(super) fn request(&self, request: &Request) -> String {
        match request {
            Request::NewOrder(order) => format!("ORDER {}", self.new_order(order)),
            Request::NewAlgoOrder(order) => format!("CONDITIONAL ORDER {}", self.new_order(order)),
            Request::BatchOrders(orders) => {
                let all: Vec<String> = orders.iter().map(|order| self.new_order(order)).collect();
                format!("ORDERS {}", all.join("; "))
            }
            Request::SetLeverage { symbol, leverage } => {
                format!("asks the exchange for leverage {leverage} of {}", self.symbol(*symbol))
            }
            other => {
                let of = symbol_of(other).map_or(String::new(), |s| format!(" {}", self.symbol(s)));
                format!("asks the exchange: {}{of}", request_name(other))
            }
        }
    }

    pub(super) fn exchange(&self, event: &ExchangeEvent) -> String {
        match event {
            ExchangeEvent::Response { outcome, .. } => match outcome {
                Outcome::Refused(error) => format!("refused: {error}"),
                Outcome::Unknown => "no answer: nobody knows what became of it".to_owned(),
                Outcome::Done(Answer::Order(order)) => self.order(order),
                Outcome::Done(answer) => {
                    let text = format!("{answer:?}");
                    let name = text.split(['(', ' ']).next().unwrap_or_default();
                    format!("answer {name}")
                }
            },
            ExchangeEvent::User { event, .. } => self.user(event),
        }
    }

    fn user(&self, event: &UserEvent) -> String {
        match event {
            UserEvent::OrderTradeUpdate { execution, order, fill, liquidation } => {
                let mut out = format!("{} {}", execution.as_str(), self.order(order));
                if let Some(fill) = fill {
                    let (qty, price) =
                        (self.qty(order.symbol, fill.qty), self.price(order.symbol, fill.price));
                    let _ = write!(out, "; fill {qty} at {price}");
                    if !fill.realized_pnl.is_zero() {
                        let _ = write!(out, ", realised {}", decimal(fill.realized_pnl));
                    }
                }
                if *liquidation {
                    out.push_str("; LIQUIDATION");
                }
                out
            }
            UserEvent::TradeLite { order, fill } => format!(
                "fill ahead of the rest: {} at {}",
                self.qty(order.symbol, fill.qty),
                self.price(order.symbol, fill.price)
            ),
            UserEvent::AccountUpdate { reason, balance, positions } => {
                let mut out = format!("account ({})", reason.as_str());
                if let Some(balance) = balance {
                    let _ = write!(out, " wallet {}", decimal(balance.wallet_balance));
                }
                for position in positions {
                    let _ = write!(
                        out,
                        ", {} {}",
                        self.symbol(position.symbol),
                        self.qty(position.symbol, position.position_amt)
                    );
                }
                out
            }
            UserEvent::MarginCall { .. } => "MARGIN CALL".to_owned(),
            other => cut(&format!("{other:?}")),
        }
    }

    /// What went out, in a line.
    pub(super) fn went_out(&self, entry: &JournalEntry, known: &[&str]) -> String {
        use JournalEntry as J;
        match entry {
            J::Publish { stream, body: told, .. } => {
                format!("{}: {}", short(stream), body(told, known))
            }
            J::Set { key, value, life } => {
                let life = life.map_or(String::new(), |life| format!(" for {} s", life.secs()));
                format!("set {key}{life}: {}", key_value(value, known))
            }
            J::Member { key, field, value, .. } => format!("into {key}: {field} {}", cut(value)),
            J::Delete(key) => format!("delete {key}"),
            J::Expire(key, life) => format!("{key} expires in {} s", life.secs()),
            J::Submit { request, .. } => self.request(request),
            J::CallOut { body: told, .. } => format!("asks {}", body(told, known)),
            J::ReplyOut { body: told, .. } => format!("answers {}", body(told, known)),
            J::Outside(_, numbers) => format!("numbers of a model {numbers:?}"),
            other => other.text(&[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(fields: &[(&str, Value)]) -> RecordEntry {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        RecordEntry { name: "Made".to_owned(), fields: fields.collect() }
    }

    #[test]
    fn a_record_is_told_by_what_matters() {
        let text = |text: &str| Value::Text(text.to_owned());
        let one = made(&[
            ("correlation_id", text("4711")),
            ("k_sigma_spike", Value::Float(0.0)),
            ("symbol", text("SOLUSDT")),
            ("action", text("SELL")),
            ("side", text("SELL")),
            ("confidence", Value::Float(0.781_597_002_205)),
            ("qty", Value::Decimal(Decimal::new(28_550_000, 7))),
            ("reason", text("ok")),
        ]);
        assert_eq!(
            record(&one, &["SOLUSDT"]),
            "action=SELL qty=2.855 confidence=0.781597 reason=ok"
        );
    }

    #[test]
    fn a_record_without_any_of_it_is_told_by_its_first_fields() {
        let one = made(&[("bars", Value::Unsigned(3)), ("odd", Value::Bool(true))]);
        assert_eq!(record(&one, &[]), "bars=3 odd=true");
    }

    #[test]
    fn floats_have_six_digits() {
        assert_eq!(float(90_357.901_234), "90357.9");
        assert_eq!(float(0.000_012_345_678), "0.0000123457");
        assert_eq!(float(0.0), "0");
    }
}
