//! The settings of a journal's header as a file says them: without defaults, and within the window.

use engine::Nanos;
use serde_json::{Map, Value as Json};

use super::super::recording::Recording;
use crate::Scenario;
use crate::events::instant;

/// What the drafted file says of itself.
const OWN: [&str; 6] = ["name", "description", "expected", "expect", "protection", "state"];

/// The settings of the run that are no defaults.
pub(super) fn own(recording: &Recording, scenario: &Scenario) -> Result<Json, String> {
    let json =
        |scenario: &Scenario| serde_json::to_value(scenario).map_err(|error| error.to_string());
    let plain = Scenario::parse("default.toml", "[market.synthetic]\n");
    let plain = json(&plain.map_err(|error| error.to_string())?)?;
    let mut own = json(scenario)?;
    let seed = own.get("seed").cloned();
    let model = |json: &Json| json.pointer("/market/synthetic/model").cloned();
    let other_model =
        (model(&own) != model(&plain)).then(|| own.pointer("/market/synthetic").cloned());
    without(&mut own, &plain);
    let Some(table) = own.as_object_mut() else {
        return Err(format!("{}: its header holds no scenario", recording.path));
    };
    for name in OWN {
        table.remove(name);
    }
    if let Some(seed) = seed {
        table.insert("seed".to_owned(), seed);
    }
    let market = table.entry("market").or_insert_with(|| Json::Object(Map::new()));
    if scenario.market.synthetic.is_some() && market.get("synthetic").is_none() {
        market["synthetic"] = Json::Object(Map::new());
    }
    // Another model has other defaults.
    if let Some(Some(whole)) = other_model {
        market["synthetic"] = whole;
    }
    // What the bus held before the run belongs to a run from the beginning.
    if scenario.market.synthetic.is_some()
        && let Some(state) = recording.header.pointer("/scenario/state")
    {
        table.insert("state".to_owned(), state.clone());
    }
    Ok(own)
}

/// Takes out what is as it is by default, and tables that are empty then.
fn without(own: &mut Json, plain: &Json) {
    let (Some(own), Some(plain)) = (own.as_object_mut(), plain.as_object()) else { return };
    for (key, default) in plain {
        let Some(value) = own.get_mut(key) else { continue };
        if value == default {
            own.remove(key);
            continue;
        }
        if value.is_object() && default.is_object() {
            without(value, default);
            if value.as_object().is_some_and(Map::is_empty) {
                own.remove(key);
            }
        }
    }
}

/// Leaves of the timeline, the events of the exchange and the gaps of the prices what is before `until`. With
/// `from` it also drops what was before it, and times become absolute.
pub(super) fn keep_before(settings: &mut Json, start: Nanos, until: Nanos, from: Option<Nanos>) {
    for place in ["/timeline", "/exchange/events", "/market/gaps"] {
        let Some(steps) = settings.pointer_mut(place).and_then(Json::as_array_mut) else {
            continue;
        };
        let time = |step: &Json, key: &str| {
            let text = step.get(key).and_then(Json::as_str)?;
            instant(key, text, start).ok()
        };
        steps.retain(|step| {
            let (at, end) = (time(step, "at"), time(step, "until"));
            let last = end.or(at);
            at.is_none_or(|at| at < until) && last.zip(from).is_none_or(|(last, from)| last >= from)
        });
        for step in steps {
            for key in ["at", "until"] {
                let Some(at) = time(step, key) else { continue };
                let at = Nanos(at.0.min(until.0)).max(from.unwrap_or(Nanos(i64::MIN)));
                if from.is_some() || key == "until" {
                    step[key] = Json::String(at.to_string());
                }
            }
        }
    }
    for (table, list) in [("", "timeline"), ("/exchange", "events"), ("/market", "gaps")] {
        if let Some(table) = settings.pointer_mut(table).and_then(Json::as_object_mut)
            && table.get(list).and_then(Json::as_array).is_some_and(Vec::is_empty)
        {
            table.remove(list);
        }
    }
}

/// As TOML; what is null is left out.
pub(super) fn toml(settings: &Json) -> Result<String, String> {
    let value = value(settings).unwrap_or_else(|| toml::Value::Table(toml::Table::new()));
    toml::to_string(&value).map_err(|error| error.to_string())
}

fn value(json: &Json) -> Option<toml::Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(truth) => toml::Value::Boolean(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => toml::Value::Integer(whole),
            None => toml::Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => toml::Value::String(text.clone()),
        Json::Array(all) => toml::Value::Array(all.iter().filter_map(value).collect()),
        Json::Object(all) => {
            let all = all.iter().filter_map(|(key, one)| Some((key.clone(), value(one)?)));
            toml::Value::Table(all.collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_are_not_said() {
        let mut own = json!({"a": 1, "t": {"b": 2, "c": 3}, "u": {"d": 4}, "new": null});
        without(&mut own, &json!({"a": 1, "t": {"b": 2, "c": 9}, "u": {"d": 4}}));
        assert_eq!(own, json!({"t": {"c": 3}, "new": null}));
        assert_eq!(toml(&own), Ok("[t]\nc = 3\n".to_owned()));
    }

    #[test]
    fn the_timeline_ends_with_the_window() {
        let mut settings = json!({"timeline": [
            {"at": "1m", "crash": {}}, {"at": "3m", "until": "9m", "drop": {}}, {"at": "8m", "crash": {}},
        ]});
        let start = Nanos::from_secs(60 * 60);
        let at = |minutes: i64| start + Nanos::from_secs(60 * minutes);
        keep_before(&mut settings, start, at(5), None);
        let kept = settings["timeline"].as_array().map(Vec::len);
        assert_eq!(kept, Some(2));
        assert_eq!(settings["timeline"][1]["until"], json!("1970-01-01T01:05:00Z"));
        keep_before(&mut settings, start, at(5), Some(at(2)));
        assert_eq!(settings["timeline"][0]["at"], json!("1970-01-01T01:03:00Z"), "{settings}");
    }
}
