//! What the journal tells, as values of conditions: names are those of the wire, numbers are doubles.

use cel::Value;
use engine::{
    Body, ExchangeEvent, Instrument, KeyWrite, Nanos, NewOrder, OrderRef, OrderState, Outcome,
    QtyLots, Record, Request, SymbolIndex, UserEvent,
};
use pipeline::contracts::Shape;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Value as Json};

/// A JSON object on its way to a value.
pub(crate) type Object = Map<String, Json>;

/// The value of a JSON object.
pub(crate) fn value(json: &Json) -> Value {
    cel::to_value(json).unwrap_or(Value::Null)
}

/// A number as a double.
pub(crate) fn number(value: f64) -> Json {
    serde_json::Number::from_f64(value).map_or(Json::Null, Json::Number)
}

pub(crate) fn decimal(value: Decimal) -> Json {
    number(value.to_f64().unwrap_or(f64::NAN))
}

/// Text of the wire: numbers and truth values as such.
pub(crate) fn plain(text: &str) -> Json {
    match text {
        "true" | "True" => Json::Bool(true),
        "false" | "False" => Json::Bool(false),
        "null" | "None" => Json::Null,
        _ => match text.parse::<f64>() {
            Ok(float) if float.is_finite() && looks_like_a_number(text) => number(float),
            _ => Json::String(text.to_owned()),
        },
    }
}

fn looks_like_a_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'))
        && text.bytes().any(|b| b.is_ascii_digit())
}

/// Whether a field of this type is text whatever it looks like: a plan's id may be all digits.
fn is_text(kind: &str) -> bool {
    ["String", "Cow", "CorrelationId", "Symbol"].iter().any(|text| kind.contains(text))
}

fn field(shape: Option<&Shape>, name: &str, text: &str) -> Json {
    let kind = shape.and_then(|shape| {
        let place = shape.fields.iter().position(|field| *field == name)?;
        shape.kinds.get(place)
    });
    if kind.is_some_and(|kind| kind.contains("JsonText")) {
        return serde_json::from_str(text).map_or(Json::Null, doubles);
    }
    let text_anyway = kind.is_some_and(|kind| is_text(kind)) || name.ends_with("_id");
    if text_anyway { Json::String(text.to_owned()) } else { plain(text) }
}

/// Numbers of any JSON as doubles, because conditions know no others.
pub(crate) fn doubles(json: Json) -> Json {
    match json {
        Json::Number(n) => n.as_f64().map_or(Json::Null, number),
        Json::Array(all) => Json::Array(all.into_iter().map(doubles).collect()),
        Json::Object(all) => Json::Object(all.into_iter().map(|(k, v)| (k, doubles(v))).collect()),
        other => other,
    }
}

/// The fields of a record.
pub(crate) fn record(record: &dyn Record, shape: Option<&Shape>) -> Object {
    let mut object = Object::new();
    // What is absent is null, so that a condition may ask for it.
    object.extend(record.field_names().iter().map(|name| ((*name).to_owned(), Json::Null)));
    record.for_each_field(&mut |name, text| {
        object.insert(name.to_owned(), field(shape, name, text));
    });
    object
}

/// The fields of an entry, whatever envelope it came in.
pub(crate) fn entry(body: &Body, shape: Option<&Shape>) -> Object {
    let mut object = match body {
        Body::Message(message) => record(message.record(), shape),
        Body::Fields(fields) => {
            let mut object = Object::new();
            let names = shape.iter().flat_map(|shape| shape.fields);
            object.extend(names.map(|name| ((*name).to_owned(), Json::Null)));
            for (name, text) in &fields.0 {
                let (name, text) = (String::from_utf8_lossy(name), String::from_utf8_lossy(text));
                object.insert(name.clone().into_owned(), field(shape, &name, &text));
            }
            let payload = fields.get("payload").and_then(|text| serde_json::from_str(text).ok());
            if let Some(Json::Object(inside)) = payload {
                object.extend(inside.into_iter().map(|(name, json)| (name, doubles(json))));
            }
            object
        }
    };
    if let Some(id) = body.correlation_id() {
        object.insert("correlation_id".to_owned(), Json::String(id.to_string()));
    }
    object
}

/// What a key became.
pub(crate) fn key_write(key: &str, write: &KeyWrite<'_>, life: Option<Nanos>) -> Object {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut object = Object::new();
    let (op, value) = match write {
        KeyWrite::Text(bytes) => ("set", plain(&text(bytes))),
        KeyWrite::Hash(one) => ("hash", Json::Object(record(*one, None))),
        KeyWrite::Json(one) => ("json", Json::Object(record(*one, None))),
        KeyWrite::Deleted => ("deleted", Json::Null),
        KeyWrite::Expires(_) => ("expires", Json::Null),
        KeyWrite::Member(field, bytes) => {
            object.insert("field".to_owned(), Json::String((*field).to_owned()));
            ("member", plain(&text(bytes)))
        }
    };
    object.insert("key".to_owned(), Json::String(key.to_owned()));
    object.insert("op".to_owned(), Json::String(op.to_owned()));
    object.insert("value".to_owned(), value);
    object.insert("ttl".to_owned(), life.map_or(Json::Null, |life| number(life.as_secs_f64())));
    object
}

/// Turns grid numbers into prices and quantities.
#[derive(Clone, Copy)]
pub(crate) struct Grids<'a>(pub(crate) &'a [Instrument]);

impl Grids<'_> {
    pub(crate) fn symbol(&self, symbol: SymbolIndex) -> Json {
        let found = self.0.get(usize::from(symbol.0));
        found.map_or(Json::Null, |found| Json::String(found.symbol.to_string()))
    }

    pub(crate) fn qty(&self, symbol: SymbolIndex, qty: QtyLots) -> Json {
        let found = self.0.get(usize::from(symbol.0));
        found.map_or(Json::Null, |found| number(found.qty_f64(qty)))
    }

    pub(crate) fn price(&self, symbol: SymbolIndex, price: engine::PriceTicks) -> Json {
        let found = self.0.get(usize::from(symbol.0));
        found.map_or(Json::Null, |found| number(found.price_f64(price)))
    }

    /// An order as the exchange knows it.
    pub(crate) fn order(&self, order: &OrderState) -> Object {
        let words = [
            ("side", word(&order.side)),
            ("status", word(&order.status)),
            ("type", word(&order.order_type)),
            ("position_side", word(&order.position_side)),
            ("symbol", self.symbol(order.symbol)),
            ("client_order_id", Json::String(order.client_order_id.0.to_string())),
            ("order_id", number(order.order_id.0 as f64)),
            ("qty", self.qty(order.symbol, order.orig_qty)),
            ("executed_qty", self.qty(order.symbol, order.executed_qty)),
            ("price", order.price.map_or(Json::Null, |price| self.price(order.symbol, price))),
            ("reduce_only", Json::Bool(order.reduce_only)),
        ];
        words.into_iter().map(|(name, json)| (name.to_owned(), json)).collect()
    }

    /// What a service asks of the exchange.
    pub(crate) fn request(&self, request: &Request) -> Object {
        let mut object = match request {
            Request::NewOrder(order) | Request::TestOrder(order) | Request::NewAlgoOrder(order) => {
                self.new_order(order)
            }
            Request::ModifyOrder(change) => self.order_ref(change.symbol, &change.order),
            Request::CancelOrder { symbol, order } | Request::QueryOrder { symbol, order } => {
                self.order_ref(*symbol, order)
            }
            _ => Object::new(),
        };
        let kind = word(request);
        // Of a variant with fields serde tells an object under its name.
        let kind = match kind {
            Json::Object(fields) => {
                fields.into_iter().next().map_or(Json::Null, |(name, _)| Json::String(name))
            }
            other => other,
        };
        object.insert("kind".to_owned(), kind);
        object
    }

    /// An order that a request names.
    fn order_ref(&self, symbol: SymbolIndex, order: &OrderRef) -> Object {
        let (name, id) = match order {
            OrderRef::Id(id) => ("order_id", number(id.0 as f64)),
            OrderRef::Client(id) => ("client_order_id", Json::String(id.0.to_string())),
        };
        let words = [("symbol", self.symbol(symbol)), (name, id)];
        words.into_iter().map(|(name, json)| (name.to_owned(), json)).collect()
    }

    fn new_order(&self, order: &NewOrder) -> Object {
        let words = [
            ("side", word(&order.side)),
            ("type", word(&order.order_type)),
            ("symbol", self.symbol(order.symbol)),
            ("client_order_id", Json::String(order.client_order_id.0.to_string())),
            ("qty", order.quantity.map_or(Json::Null, |qty| self.qty(order.symbol, qty))),
            ("reduce_only", Json::Bool(order.reduces())),
            ("close_position", Json::Bool(order.close_position)),
        ];
        words.into_iter().map(|(name, json)| (name.to_owned(), json)).collect()
    }

    /// An update of an order; with its fill if it has one.
    pub(crate) fn order_update(&self, event: &ExchangeEvent) -> Option<Object> {
        let ExchangeEvent::User {
            event: UserEvent::OrderTradeUpdate { execution, order, fill, liquidation },
            ..
        } = event
        else {
            return None;
        };
        let mut object = self.order(order);
        object.insert("execution".to_owned(), word(execution));
        object.insert("liquidation".to_owned(), Json::Bool(*liquidation));
        let nothing = || [Json::Null, Json::Null, Json::Null, Json::Null];
        let of_fill = fill.as_ref().map_or_else(nothing, |fill| {
            [
                self.qty(order.symbol, fill.qty),
                self.price(order.symbol, fill.price),
                decimal(fill.realized_pnl),
                decimal(fill.commission),
            ]
        });
        for (name, json) in
            ["fill_qty", "fill_price", "realized_pnl", "commission"].iter().zip(of_fill)
        {
            object.insert((*name).to_owned(), json);
        }
        Some(object)
    }

    /// How a request ended.
    pub(crate) fn outcome(&self, outcome: &Outcome) -> Object {
        let mut object = Object::new();
        let (name, code, message) = match outcome {
            Outcome::Done(_) => ("done", Json::Null, Json::Null),
            Outcome::Refused(error) => {
                ("refused", number(f64::from(error.code)), Json::String(error.msg.to_string()))
            }
            Outcome::Unknown => ("unknown", Json::Null, Json::Null),
        };
        object.insert("outcome".to_owned(), Json::String(name.to_owned()));
        object.insert("code".to_owned(), code);
        object.insert("message".to_owned(), message);
        object
    }
}

fn word<T: serde::Serialize>(value: &T) -> Json {
    serde_json::to_value(value).unwrap_or(Json::Null)
}
