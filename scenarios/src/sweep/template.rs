//! The scenario that is varied: its keys as they are written, in which each trial sets its own.

use std::path::Path;

use engine::Nanos;
use serde::Deserialize;
use serde_json::Value as Json;
use sweeps::folds::Span;
use toml::Value as Toml;

use crate::compose;
use crate::{Scenario, ScenarioError};

/// A scenario before it is one.
#[derive(Clone, Debug)]
pub(super) struct Template {
    origin: String,
    table: toml::Table,
}

/// A path such as `pipeline.trading_bot.threshold`, `timeline.0.at` or `state.keys."a:b".text`, in its parts.
pub(super) fn parts(path: &str) -> Result<Vec<String>, String> {
    let wrong = || {
        format!("path {path:?} is none: write keys with points between them, as in a scenario file")
    };
    let mut table: toml::Table = toml::from_str(&format!("{path} = 0")).map_err(|_| wrong())?;
    let mut parts = Vec::new();
    loop {
        let mut keys = std::mem::take(&mut table).into_iter();
        let (Some((key, value)), None) = (keys.next(), keys.next()) else { return Err(wrong()) };
        parts.push(key);
        match value {
            Toml::Table(below) => table = below,
            _ => return Ok(parts),
        }
    }
}

/// A value of an axis as a scenario file would have it.
fn toml_of(value: &Json) -> Result<Toml, String> {
    Ok(match value {
        Json::Bool(value) => Toml::Boolean(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Toml::Integer(whole),
            (None, Some(float)) => Toml::Float(float),
            _ => return Err(format!("{number} is too large for a scenario file")),
        },
        Json::String(text) => Toml::String(text.clone()),
        Json::Array(all) => Toml::Array(all.iter().map(toml_of).collect::<Result<_, _>>()?),
        Json::Object(all) => {
            let one = |(key, value): (&String, &Json)| Ok((key.clone(), toml_of(value)?));
            Toml::Table(all.iter().map(one).collect::<Result<_, String>>()?)
        }
        Json::Null => return Err("null is no value of a scenario file".to_owned()),
    })
}

/// Lays `over` on `table`: tables key by key, everything else replaced.
pub(super) fn lay(table: &mut toml::Table, over: &toml::Table) {
    for (key, value) in over {
        match (table.get_mut(key), value) {
            (Some(Toml::Table(below)), Toml::Table(above)) => lay(below, above),
            _ => {
                table.insert(key.clone(), value.clone());
            }
        }
    }
}

/// A market of the other kind takes the place of that which is there.
fn one_market(table: &mut toml::Table, over: Option<&Toml>) {
    let Some(Toml::Table(market)) = table.get_mut("market") else { return };
    for (new, old) in [("synthetic", "recorded"), ("recorded", "synthetic")] {
        if over.is_some_and(|over| over.get(new).is_some()) {
            market.remove(old);
        }
    }
}

/// Sets the value at a path; tables on the way are made, places of arrays have to be there.
fn set(at: &mut Toml, parts: &[String], value: Toml) -> Result<(), String> {
    let Some((part, rest)) = parts.split_first() else {
        match (at, value) {
            (Toml::Table(below), Toml::Table(above)) => lay(below, &above),
            (at, value) => *at = value,
        }
        return Ok(());
    };
    match at {
        Toml::Array(all) => {
            let count = all.len();
            let place = part.parse::<usize>().ok().filter(|place| *place < count);
            let place = place.ok_or_else(|| {
                format!("there is no place {part:?} in an array of {count}, counted from 0")
            })?;
            set(&mut all[place], rest, value)
        }
        Toml::Table(table) => {
            let fresh = || Toml::Table(toml::Table::new());
            set(table.entry(part.clone()).or_insert_with(fresh), rest, value)
        }
        _ => Err(format!("{part:?} lies below a value that is no table")),
    }
}

/// The scenario of a file, or one of its variants, with these values set at their paths, such as
/// `pipeline.trading_bot.min_confidence`.
///
/// # Errors
/// The file, a variant that it has not, or a path or value that makes no scenario.
pub fn scenario_with<'v>(
    path: &Path,
    variant: &str,
    values: impl Iterator<Item = (&'v str, &'v Json)>,
) -> Result<Scenario, ScenarioError> {
    let origin = path.display().to_string();
    let cases = Scenario::read_cases(path)?;
    let known: Vec<String> = cases.iter().skip(1).map(|case| case.variant.clone()).collect();
    let Some(case) = cases.into_iter().find(|case| case.variant == variant) else {
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let problem = format!("there is no variant {variant:?}; known are: {known}");
        return Err(ScenarioError::Build { origin, problem });
    };
    let mut values = values.peekable();
    if values.peek().is_none() {
        return Ok(case);
    }
    let io = |source| ScenarioError::Io { path: path.to_owned(), source };
    let content = std::fs::read_to_string(path).map_err(io)?;
    let varied = Template::read(&origin, &content, variant)?;
    let mut scenario = varied.scenario(case.name, None, values, None)?;
    scenario.variant = case.variant;
    Ok(scenario)
}

impl Template {
    /// The scenario of a file, or one of its variants.
    pub(super) fn read(
        origin: &str,
        content: &str,
        variant: &str,
    ) -> Result<Template, ScenarioError> {
        let table = compose::table(origin, content, variant)?;
        Ok(Template { origin: origin.to_owned(), table })
    }

    /// The scenario of its text.
    pub(super) fn of_text(origin: &str, text: &str) -> Result<Template, ScenarioError> {
        let table = text.parse::<toml::Table>();
        let table = table.map_err(|error| crate::text::error(origin, text, &error))?;
        Ok(Template { origin: origin.to_owned(), table })
    }

    /// Where it was read.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// The keys as text: it tells one sweep from another, and all of it to another process.
    pub(super) fn text(&self) -> String {
        self.table.to_string()
    }

    /// The scenario with a mix laid over it, then these values set, then its market cut to a window.
    pub(super) fn scenario<'v>(
        &self,
        name: String,
        over: Option<&toml::Table>,
        values: impl Iterator<Item = (&'v str, &'v Json)>,
        window: Option<Span>,
    ) -> Result<Scenario, ScenarioError> {
        let build = |problem: String| ScenarioError::Build { origin: self.origin.clone(), problem };
        let mut table = self.table.clone();
        if let Some(over) = over {
            one_market(&mut table, over.get("market"));
            lay(&mut table, over);
        }
        let mut whole = Toml::Table(table);
        for (path, value) in values {
            let parts = parts(path).map_err(build)?;
            let value = toml_of(value).map_err(|p| build(format!("{path}: {p}")))?;
            if let (Toml::Table(table), [only]) = (&mut whole, &parts[..])
                && only == "market"
            {
                one_market(table, Some(&value));
            }
            set(&mut whole, &parts, value).map_err(|p| build(format!("{path}: {p}")))?;
        }
        if let Some(Span { from, to }) = window {
            let span = [("from", from), ("to", to)];
            let span = span.map(|(key, at)| (key.to_owned(), Toml::String(Nanos(at).to_string())));
            let window = Toml::Table(span.into_iter().collect());
            set(&mut whole, &["market".to_owned(), "window".to_owned()], window).map_err(build)?;
        }
        let mut scenario = Scenario::deserialize(whole)
            .map_err(|error| build(crate::text::with_suggestion(error.message())))?;
        scenario.name = name;
        scenario.finish(&self.origin)?;
        Ok(scenario)
    }
}
