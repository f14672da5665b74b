//! Whether two entries say the same, but for ids and times, which are others in every run.

use engine::{BodyEntry, ExchangeEvent, JournalEntry, KeyValue, RecordEntry, Request, Value};

use super::super::causes::is_plan;
use super::super::recording::Recording;

pub(super) fn same(a: &Recording, one: u32, b: &Recording, other: u32) -> bool {
    use JournalEntry as J;
    match (a.entry(one), b.entry(other)) {
        (J::Publish { body: one, .. }, J::Publish { body: other, .. })
        | (J::CallOut { body: one, .. }, J::CallOut { body: other, .. })
        | (J::ReplyOut { body: one, .. }, J::ReplyOut { body: other, .. }) => {
            same_body(&one, &other)
        }
        (J::Set { value: one, life, .. }, J::Set { value: other, life: life_b, .. }) => {
            life == life_b && same_value(&one, &other)
        }
        (J::Member { field, value, .. }, J::Member { field: field_b, value: value_b, .. }) => {
            field == field_b && same_text(&value, &value_b)
        }
        (J::Submit { request: one, .. }, J::Submit { request: other, .. }) => {
            same_request(one, other)
        }
        (J::Reply { answered, .. }, J::Reply { answered: other, .. }) => answered == other,
        (J::Action(one), J::Action(other)) => one == other,
        (J::Outside(_, one), J::Outside(_, other)) => one == other,
        (J::Exchange(one), J::Exchange(other)) => same_event(&one, &other),
        (J::PositionRisk { rows: one, .. }, J::PositionRisk { rows: other, .. }) => {
            let short = |row: &engine::PositionRisk| (row.symbol, row.position_amt, row.leverage);
            one.iter().map(short).eq(other.iter().map(short))
        }
        // Timers, deliveries, deletions and the like say no more than that they are.
        (one, other) => std::mem::discriminant(&one) == std::mem::discriminant(&other),
    }
}

fn same_body(a: &BodyEntry, b: &BodyEntry) -> bool {
    match (a, b) {
        (BodyEntry::Record(_, one), BodyEntry::Record(_, other)) => same_record(one, other),
        (BodyEntry::Raw(one), BodyEntry::Raw(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|((name, text), (name_b, text_b))| {
                    name == name_b && (varies(name) || same_text(text, text_b))
                })
        }
        _ => false,
    }
}

fn same_value(a: &KeyValue, b: &KeyValue) -> bool {
    match (a, b) {
        (KeyValue::Hash(one), KeyValue::Hash(other))
        | (KeyValue::Json(one), KeyValue::Json(other)) => same_record(one, other),
        (KeyValue::Text(one), KeyValue::Text(other)) => same_text(one, other),
        _ => false,
    }
}

fn same_record(a: &RecordEntry, b: &RecordEntry) -> bool {
    a.name == b.name
        && a.fields.len() == b.fields.len()
        && a.fields.iter().zip(&b.fields).all(|((name, one), (name_b, other))| {
            let same = match (one, other) {
                (Value::Id(_), Value::Id(_)) | (Value::Time(_), Value::Time(_)) => true,
                (Value::Text(one), Value::Text(other)) => same_text(one, other),
                (one, other) => one == other,
            };
            name == name_b && (same || varies(name))
        })
}

/// Ids and times by their names.
fn varies(field: &str) -> bool {
    let ends = ["_id", "_ts", "_epoch", "_at", "timestamp", "age_sec", "uptime"];
    field == "ts" || field == "time" || ends.iter().any(|end| field.ends_with(end))
}

fn same_text(a: &str, b: &str) -> bool {
    // A number of so many digits is a time or an id.
    let is_time =
        |text: &str| text.len() >= 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    a == b || (is_plan(a) && is_plan(b)) || (is_time(a) && is_time(b))
}

fn same_request(a: Request, b: Request) -> bool {
    let plain = |mut request: Request| {
        match &mut request {
            Request::NewOrder(order) | Request::NewAlgoOrder(order) | Request::TestOrder(order) => {
                order.client_order_id = engine::ClientOrderId("".into());
            }
            Request::BatchOrders(orders) => {
                for order in orders {
                    order.client_order_id = engine::ClientOrderId("".into());
                }
            }
            Request::QueryOrder { order, .. } | Request::CancelOrder { order, .. } => {
                *order = engine::OrderRef::Client(engine::ClientOrderId("".into()));
            }
            _ => {}
        }
        request
    };
    plain(a) == plain(b)
}

fn same_event(a: &ExchangeEvent, b: &ExchangeEvent) -> bool {
    let text = |event: &ExchangeEvent| {
        let mut kept = String::new();
        for part in format!("{event:?}").split([',', '{', '}']) {
            let name = part.trim_start().split(':').next().unwrap_or_default();
            if !(name == "time" || varies(name) || name == "request" || name == "client_order_id") {
                kept.push_str(part);
            }
        }
        kept
    };
    text(a) == text(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_times_are_no_difference_and_values_are() {
        let made = |plan: &str, qty: u64| RecordEntry {
            name: "Plan".to_owned(),
            fields: vec![
                ("plan_id".to_owned(), Value::Text(plan.to_owned())),
                ("asked_at".to_owned(), Value::Unsigned(qty * 1_000)),
                ("qty".to_owned(), Value::Unsigned(qty)),
            ],
        };
        let one = made("d2eedcfbadb23c88", 1);
        assert!(same_record(&one, &made("6345bf2dc5289aed", 1)));
        assert!(!same_record(&one, &made("d2eedcfbadb23c88", 2)));
        assert!(same_text("1767242340222", "1767242350110.25"));
        assert!(!same_text("41", "42"));
    }
}
