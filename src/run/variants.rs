//! Reads the variants of a file.

use std::path::Path;

use scenarios::{Limits, Scenario, ScenarioError};

use super::case::DEFAULT;

/// A scenario of a file, with what is said of it.
pub struct Variant {
    /// Name of the scenario without the variant's.
    pub base: String,
    /// Name of the variant.
    pub variant: String,
    /// Whether it has to fail.
    pub relapse: bool,
    /// Where it has to fail.
    pub fails: Option<String>,
    /// What it may cost.
    pub limits: Limits,
    /// What is run.
    pub scenario: Scenario,
}

/// The file's own scenario and its variants.
pub fn read(path: &Path) -> Result<Vec<Variant>, ScenarioError> {
    let origin = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|source| ScenarioError::Io { path: path.to_owned(), source })?;
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(_) => toml::Table::new(),
    };
    let build = |problem: String| ScenarioError::Build { origin: origin.clone(), problem };
    let mut base = table.clone();
    let limits: Limits = match base.remove("limits") {
        Some(limits) => limits.try_into().map_err(|e: toml::de::Error| build(e.to_string()))?,
        None => Limits::default(),
    };
    let variants = base.remove("variants");
    let default = if base.len() == table.len() {
        Scenario::parse(&origin, &text)?
    } else {
        Scenario::parse(&origin, &base.to_string())?
    };
    let name = default.name.clone();
    let mut all = vec![Variant {
        base: name.clone(),
        variant: DEFAULT.into(),
        relapse: false,
        fails: None,
        limits,
        scenario: default,
    }];
    for (variant, over) in variants.iter().filter_map(toml::Value::as_table).flatten() {
        let mut over = over.as_table().cloned().unwrap_or_default();
        let relapse = over.remove("relapse").and_then(|v| v.as_bool()).unwrap_or(false);
        let fails = over.remove("fails").and_then(|v| v.as_str().map(str::to_owned));
        let mut merged = base.clone();
        merge(&mut merged, over);
        let mut scenario = Scenario::parse(&origin, &merged.to_string())?;
        scenario.name = format!("{name}.{variant}");
        all.push(Variant {
            base: name.clone(),
            variant: variant.clone(),
            relapse,
            fails,
            limits,
            scenario,
        });
    }
    Ok(all)
}

fn merge(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}
