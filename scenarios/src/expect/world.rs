//! The state of a run, as conditions see it.

use engine::{
    AccountBalance, AccountId, Bus, EntryId, Instrument, Kernel, Nanos, OrderState, PositionRisk,
    ServiceId, Ttl, nearest,
};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use sim_exchange::SimExchange;

use super::condition::Needs;
use super::judge::Judge;
use super::observer::stream_of;
use super::values::{self, Grids, Object, decimal, number};
use crate::timeline::stream;

/// A run in memory.
pub(crate) type Run = Kernel<SimExchange, Box<dyn engine::Feed + Send>>;

/// What does not change in a run.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) services: Vec<String>,
}

impl World {
    /// Refuses a condition on a stream, a service or a figure that is not there.
    pub(crate) fn check(judge: &Judge, name: &str, services: &[String]) -> Result<(), String> {
        for (_, condition, _) in judge.parts() {
            let fault = |problem: String| format!("expectation {name:?}: {problem}");
            for event in &condition.needs.streams {
                stream("streams", event).map_err(fault)?;
            }
            let known: Vec<&str> = services.iter().map(String::as_str).collect();
            for service in &condition.needs.services {
                if !known.contains(&service.as_str()) {
                    let near = nearest(service, &known)
                        .map_or(String::new(), |near| format!("; did you mean {near:?}?"));
                    return Err(fault(format!("services: no service {service:?} runs{near}")));
                }
            }
            for figure in &condition.needs.figures {
                super::figure::unknown_figure(name, figure, services).map_or(Ok(()), Err)?;
            }
        }
        Ok(())
    }

    /// As much of the state as a condition needs.
    pub(crate) fn state(&self, kernel: &mut Run, needs: &Needs) -> Object {
        let mut state = Object::new();
        for name in &needs.names {
            let json = match name.as_str() {
                "account" => account(&kernel.exchange().account_balance()),
                "positions" => self.positions(kernel, false),
                "held" => self.positions(kernel, true),
                "orders" => self.orders(kernel),
                "keys" => keyed(&needs.keys, |key| key_value(kernel, key)),
                "ttl" => keyed(&needs.ttl, |key| ttl(kernel, key)),
                "streams" => keyed(&needs.streams, |event| stream_state(kernel, event)),
                "services" => {
                    keyed(&needs.services, |name| self.service(kernel, name, needs.service_state))
                }
                "figures" => {
                    let figures = crate::run::figures(kernel);
                    keyed(&needs.figures, |name| {
                        decimal(figures.get(name).copied().unwrap_or(Decimal::ZERO))
                    })
                }
                _ => continue,
            };
            state.insert(name.clone(), json);
        }
        state
    }

    fn positions(&self, kernel: &Run, held: bool) -> Json {
        let rows = kernel.exchange().positions_of(AccountId::default());
        if held {
            return Json::Array(
                rows.iter().map(|risk| Json::Object(self.position(risk))).collect(),
            );
        }
        let mut all = Object::new();
        for (place, instrument) in self.instruments.iter().enumerate() {
            let own = rows.iter().find(|risk| usize::from(risk.symbol.0) == place);
            // A flat one has nothing but its amount.
            let flat = || Object::from_iter([("amt".to_owned(), number(0.0))]);
            let row = own.map_or_else(flat, |risk| self.position(risk));
            all.insert(instrument.symbol.to_string(), Json::Object(row));
        }
        Json::Object(all)
    }

    fn position(&self, risk: &PositionRisk) -> Object {
        let grids = Grids(&self.instruments);
        let mut object = Object::new();
        object.insert("symbol".to_owned(), grids.symbol(risk.symbol));
        object.insert("amt".to_owned(), grids.qty(risk.symbol, risk.position_amt));
        object.insert("mark_price".to_owned(), grids.price(risk.symbol, risk.mark_price));
        for (name, value) in [
            ("entry_price", risk.entry_price),
            ("unrealized_profit", risk.unrealized_profit),
            ("liquidation_price", risk.liquidation_price),
            ("initial_margin", risk.initial_margin),
            ("maint_margin", risk.maint_margin),
        ] {
            object.insert(name.to_owned(), decimal(value));
        }
        object.insert("leverage".to_owned(), number(f64::from(risk.leverage)));
        let side = serde_json::to_value(risk.position_side).unwrap_or(Json::Null);
        object.insert("position_side".to_owned(), side);
        object
    }

    fn orders(&self, kernel: &Run) -> Json {
        let grids = Grids(&self.instruments);
        let order = |order: &OrderState| Json::Object(grids.order(order));
        Json::Array(
            kernel.exchange().open_orders_of(AccountId::default()).into_iter().map(order).collect(),
        )
    }

    fn service(&self, kernel: &Run, name: &str, with_state: bool) -> Json {
        let Some(place) = self.services.iter().position(|service| service == name) else {
            return Json::Null;
        };
        let service = ServiceId(place as u16);
        let mut object = Object::new();
        let life = kernel.life(service).unwrap_or_default();
        object.insert("alive".to_owned(), Json::Bool(life.alive));
        object.insert("failed".to_owned(), Json::Bool(life.failed));
        object.insert("starts".to_owned(), number(f64::from(life.starts)));
        object.insert("crashes".to_owned(), number(f64::from(life.crashes)));
        if with_state && let Some(state) = kernel.state(service) {
            let saved = state.save().map_or(Json::Null, values::doubles);
            object.insert("state".to_owned(), saved);
        }
        Json::Object(object)
    }
}

fn keyed(names: &std::collections::BTreeSet<String>, mut of: impl FnMut(&str) -> Json) -> Json {
    Json::Object(names.iter().map(|name| (name.clone(), of(name))).collect())
}

fn account(balance: &AccountBalance) -> Json {
    let rows = [
        ("wallet_balance", balance.wallet_balance),
        ("margin_balance", balance.margin_balance),
        ("unrealized_profit", balance.unrealized_profit),
        ("available_balance", balance.available_balance),
        ("initial_margin", balance.initial_margin),
        ("maint_margin", balance.maint_margin),
    ];
    Json::Object(rows.iter().map(|(name, value)| ((*name).to_owned(), decimal(*value))).collect())
}

/// What a key holds: text, or JSON where it is some, a hash as its fields, a list as its members.
fn key_value(kernel: &mut Run, key: &str) -> Json {
    let now = kernel.now();
    let bus: &mut dyn Bus = kernel.bus_mut();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if let Ok(found) = bus.get(now, key) {
        return found.map_or(Json::Null, |bytes| {
            let text = text(&bytes);
            match serde_json::from_str::<Json>(&text) {
                Ok(json @ (Json::Object(_) | Json::Array(_))) => values::doubles(json),
                _ => values::plain(&text),
            }
        });
    }
    if let Ok(fields) = bus.hgetall(now, key) {
        let field = |(name, value): (String, Vec<u8>)| {
            let json = values::plain(&text(&value));
            (name, json)
        };
        return Json::Object(fields.into_iter().map(field).collect());
    }
    let list = bus.lrange(now, key, 1_000).unwrap_or_default();
    Json::Array(list.iter().map(|member| values::plain(&text(member))).collect())
}

/// Seconds that a key has left; -1 for ever, -2 where there is none.
fn ttl(kernel: &mut Run, key: &str) -> Json {
    let now = kernel.now();
    number(match kernel.bus_mut().ttl(now, key) {
        Ttl::Absent => -2.0,
        Ttl::Persistent => -1.0,
        Ttl::Left(left) => left.as_secs_f64(),
    })
}

fn stream_state(kernel: &mut Run, event: &str) -> Json {
    let now: Nanos = kernel.now();
    let Ok(stream) = stream("streams", event) else { return Json::Null };
    let bus = kernel.bus_mut();
    let mut object = Object::new();
    let length = bus.xlen(now, stream.name).unwrap_or_default();
    object.insert("length".to_owned(), number(length as f64));
    let mut newest = Vec::new();
    let _ = bus.xrevrange(now, stream.name, EntryId::MAX, EntryId::ZERO, 1, &mut newest);
    let shape = stream_of(stream.name).map(|stream| &stream.shape);
    let last = newest.pop();
    let age = last.as_ref().map_or(Json::Null, |entry| {
        number((now.millis() - i64::try_from(entry.id.ms).unwrap_or(i64::MAX)) as f64 / 1e3)
    });
    object.insert("age".to_owned(), age);
    let last = last.and_then(|entry| entry.body);
    let last = last.map_or(Json::Null, |body| Json::Object(values::entry(&body, shape)));
    object.insert("last".to_owned(), last);
    let mut groups = Object::new();
    for group in bus.xinfo_groups(now, stream.name).unwrap_or_default() {
        let mut one = Object::new();
        one.insert("pending".to_owned(), number(group.pending as f64));
        one.insert("lag".to_owned(), group.lag.map_or(Json::Null, |lag| number(lag as f64)));
        let read = group.entries_read.map_or(Json::Null, |read| number(read as f64));
        one.insert("read".to_owned(), read);
        groups.insert(group.name, Json::Object(one));
    }
    object.insert("groups".to_owned(), Json::Object(groups));
    Json::Object(object)
}
