//! Puts a scenario together from its file, the files that it includes and its variants, and knows of each key
//! in which file and line it stands.
//!
//! Each text is parsed behind as many blanks as all texts before it are long: so the places that the parser
//! notes are places in all texts together, and a message about a key of an included file names that file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use datasets::nearest;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::{Scenario, ScenarioError, text};

/// Files within files; more is a circle, or nobody can follow it.
const INCLUDES_DEEP: usize = 8;

/// A place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, Deserialize)]
pub struct Place {
    /// Which file.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1.
    pub column: usize,
}

impl Place {
    /// A problem here, or of the whole of `origin` if this is nowhere.
    pub(crate) fn fault(&self, origin: &str, problem: String) -> ScenarioError {
        if self.line == 0 {
            return ScenarioError::Build { origin: origin.to_owned(), problem };
        }
        let Place { file, line, column } = self.clone();
        ScenarioError::Text { origin: file, line, column, problem }
    }
}

/// A text and where it begins among all.
struct Source {
    origin: String,
    text: String,
    begin: usize,
}

/// The texts of a scenario.
#[derive(Default)]
struct Sources(Vec<Source>);

impl Sources {
    /// Reads `text` and, before it, all that it includes.
    fn add(&mut self, origin: &str, content: &str, deep: usize) -> Result<(), ScenarioError> {
        for (include, offset) in
            includes(content).map_err(|error| text::error(origin, content, &error))?
        {
            let fault = |problem: String| {
                let Place { line, column, .. } = text::place(origin, content, offset);
                ScenarioError::Text { origin: origin.to_owned(), line, column, problem }
            };
            let folder = Path::new(origin).parent().unwrap_or(Path::new(""));
            let path: PathBuf = folder.join(&include);
            if deep >= INCLUDES_DEEP {
                return Err(fault(format!(
                    "include {include:?} is the {INCLUDES_DEEP}th file within a file: does one of them include itself?"
                )));
            }
            let content = std::fs::read_to_string(&path).map_err(|error| {
                fault(format!("include {include:?}: {error}; it is looked for beside this file"))
            })?;
            self.add(&path.display().to_string(), &content, deep + 1)?;
        }
        let begin = self.0.last().map_or(0, |last| last.begin + last.text.len() + 1);
        self.0.push(Source { origin: origin.to_owned(), text: content.to_owned(), begin });
        Ok(())
    }

    /// The texts, each at its place.
    fn padded(&self) -> Vec<String> {
        let padded = |source: &Source| format!("{}{}", " ".repeat(source.begin), source.text);
        self.0.iter().map(padded).collect()
    }

    fn place(&self, offset: usize) -> Place {
        let source = self.0.iter().rev().find(|source| source.begin <= offset);
        source.map_or_else(Place::default, |source| {
            text::place(&source.origin, &source.text, offset - source.begin)
        })
    }

    fn error(&self, error: &toml::de::Error) -> ScenarioError {
        let Place { file, line, column } = self.place(error.span().map_or(0, |span| span.start));
        ScenarioError::Text {
            origin: file,
            line,
            column,
            problem: text::with_suggestion(error.message()),
        }
    }

    fn fault(&self, offset: usize, problem: String) -> ScenarioError {
        let Place { file, line, column } = self.place(offset);
        ScenarioError::Text { origin: file, line, column, problem }
    }
}

/// The files that a text includes, each with its place in the text.
fn includes(content: &str) -> Result<Vec<(String, usize)>, toml::de::Error> {
    let table = DeTable::parse(content)?;
    let Some(include) = table.get_ref().get("include") else { return Ok(Vec::new()) };
    let names =
        Vec::<Spanned<String>>::deserialize(toml::de::ValueDeserializer::from(include.clone()))?;
    Ok(names.into_iter().map(|name| (name.get_ref().clone(), name.span().start)).collect())
}

/// Lays `over` on `table`: tables key by key, everything else replaced.
fn merge<'t>(table: &mut DeTable<'t>, over: DeTable<'t>) {
    for (key, value) in over {
        let span = value.span();
        match (table.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut), value.into_inner()) {
            (Some(DeValue::Table(below)), DeValue::Table(above)) => merge(below, above),
            (_, value) => {
                table.remove(key.get_ref().as_ref());
                table.insert(key, Spanned::new(span, value));
            }
        }
    }
}

/// What a variant says of itself, beside what it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct VariantHead {
    relapse: bool,
    fails: Option<(String, usize)>,
    incident: String,
    description: Option<String>,
}

/// Tables that a relapse may change, if it says why in `incident`; `pipeline` it may change anyway.
const OF_INCIDENTS: [&str; 6] = ["account", "exchange", "links", "market", "state", "timeline"];
/// What no variant changes: it is the same scenario, judged by the same expectations.
const OF_THE_FILE: [&str; 6] =
    ["name", "expect", "invariants", "include", "variants", "protection"];

fn text_of(value: &Spanned<DeValue<'_>>) -> Option<String> {
    value.get_ref().as_str().map(str::to_owned)
}

/// Takes a variant's own keys out of its table.
fn head(
    name: &str,
    key_at: usize,
    table: &mut DeTable<'_>,
    sources: &Sources,
) -> Result<VariantHead, ScenarioError> {
    let mut head = VariantHead::default();
    let wrong = |at: usize, what: &str| Err(sources.fault(at, format!("[variants.{name}] {what}")));
    if let Some(relapse) = table.remove("relapse") {
        match relapse.get_ref().as_bool() {
            Some(value) => head.relapse = value,
            None => return wrong(relapse.span().start, "relapse is true or false"),
        }
    }
    if let Some(fails) = table.remove("fails") {
        match text_of(&fails) {
            Some(text) => head.fails = Some((text, fails.span().start)),
            None => return wrong(fails.span().start, "fails is the name of an expectation"),
        }
    }
    if let Some(incident) = table.remove("incident") {
        match text_of(&incident).filter(|text| !text.trim().is_empty()) {
            Some(text) => head.incident = text,
            None => {
                return wrong(
                    incident.span().start,
                    "incident says in words why that is the incident's own configuration",
                );
            }
        }
    }
    if let Some(description) = table.remove("description") {
        head.description = text_of(&description);
        if head.description.is_none() {
            return wrong(description.span().start, "description is a text");
        }
    }
    if head.relapse && head.fails.is_none() {
        return wrong(
            key_at,
            "is a relapse and does not say at which expectation it fails: add fails = \"...\"",
        );
    }
    if !head.relapse && head.fails.is_some() {
        return wrong(key_at, "has `fails` and is no relapse: add relapse = true, or remove fails");
    }
    for (key, _) in table.iter() {
        let (name_of_key, at) = (key.get_ref().as_ref(), key.span().start);
        if OF_THE_FILE.contains(&name_of_key) {
            return wrong(
                at,
                &format!("has {name_of_key:?}, which a variant cannot change: remove it"),
            );
        }
        if !head.relapse || (name_of_key == "pipeline" && only_audited(table)) {
            continue;
        }
        if name_of_key == "pipeline" {
            if head.incident.is_empty() {
                return wrong(
                    at,
                    "is a relapse and changes settings beside `audited`: say with `incident = \"...\"` why they are the incident's own configuration",
                );
            }
            continue;
        }
        if !OF_INCIDENTS.contains(&name_of_key) {
            return wrong(
                at,
                &format!(
                    "is a relapse and has {name_of_key:?}: it may change `pipeline` only, or with `incident = \"why\"` one of {}",
                    OF_INCIDENTS.join(", ")
                ),
            );
        }
        if head.incident.is_empty() {
            return wrong(
                at,
                &format!(
                    "is a relapse and changes {name_of_key:?}: say with `incident = \"...\"` why that is the incident's own configuration"
                ),
            );
        }
    }
    Ok(head)
}

/// Whether a variant's pipeline brings old behaviour back by its name, and changes nothing else.
fn only_audited(table: &DeTable<'_>) -> bool {
    let pipeline = table.get("pipeline").and_then(|pipeline| pipeline.get_ref().as_table());
    pipeline.is_some_and(|pipeline| pipeline.iter().all(|(key, _)| key.get_ref() == "audited"))
}

/// Whether all of `base` is in `other`, in its order: a relapse may add to what befalls a run, and takes nothing out.
fn keeps<T: PartialEq>(base: &[T], other: &[T]) -> bool {
    let mut rest = other.iter();
    base.iter().all(|one| rest.any(|other| other == one))
}

/// The scenario of a text and one for each of its variants, the file's own first.
pub(crate) fn cases(origin: &str, content: &str) -> Result<Vec<Scenario>, ScenarioError> {
    let mut sources = Sources::default();
    sources.add(origin, content, 0)?;
    let padded = sources.padded();
    let mut base = DeTable::default();
    for text in &padded {
        let parsed = DeTable::parse(text).map_err(|error| sources.error(&error))?;
        merge(&mut base, parsed.into_inner());
    }
    base.remove("include");
    let variants = base.remove("variants");
    let mut found = vec![read(base.clone(), &sources, origin)?];
    let Some(variants) = variants else { return Ok(found) };
    let at = variants.span().start;
    let DeValue::Table(variants) = variants.into_inner() else {
        return Err(sources.fault(at, "variants is a table: write [variants.NAME]".into()));
    };
    // In the order of the file, which is that of their places.
    let mut variants: Vec<_> = variants.into_iter().collect();
    variants.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in variants {
        let (name, at) = (key.get_ref().to_string(), key.span().start);
        let DeValue::Table(mut over) = value.into_inner() else {
            return Err(sources.fault(at, format!("[variants.{name}] is a table")));
        };
        let head = head(&name, at, &mut over, &sources)?;
        let mut table = base.clone();
        merge(&mut table, over);
        let mut scenario = read(table, &sources, origin)?;
        if let Some((fails, at)) = &head.fails {
            let names = scenario.expectation_names();
            if !names.contains(&fails.as_str()) {
                let near = nearest(fails, &names)
                    .map_or(String::new(), |near| format!("; did you mean {near:?}?"));
                return Err(sources.fault(
                    *at,
                    format!(
                        "[variants.{name}] fails = {fails:?} is no expectation of this file{near}"
                    ),
                ));
            }
        }
        if head.relapse
            && let Some(base) = found.first()
        {
            let kept = [
                ("timeline", keeps(&base.timeline, &scenario.timeline)),
                ("state.streams", keeps(&base.state.streams, &scenario.state.streams)),
            ];
            if let Some((what, _)) = kept.iter().find(|(_, kept)| !kept) {
                return Err(sources.fault(at, format!("[variants.{name}] is a relapse and takes something out of `{what}`, or changes it: an array replaces the file's, so repeat all of it and add to it")));
            }
        }
        name_problem(&name).map_or(Ok(()), |problem| Err(sources.fault(at, problem)))?;
        scenario.variant = name;
        scenario.relapse = head.relapse;
        scenario.fails = head.fails.map(|(fails, _)| fails).unwrap_or_default();
        scenario.description = head.description.unwrap_or(scenario.description);
        scenario.incident = head.incident;
        found.push(scenario);
    }
    Ok(found)
}

/// The keys of a file with all that it includes and, if one is named, those of a variant laid over them.
pub(crate) fn table(
    origin: &str,
    content: &str,
    variant: &str,
) -> Result<toml::Table, ScenarioError> {
    // All that is wrong with the file is said here, with its place.
    let cases = cases(origin, content)?;
    if !cases.iter().any(|case| case.variant == variant) {
        let names: Vec<&str> = cases.iter().skip(1).map(|case| case.variant.as_str()).collect();
        let near = nearest(variant, &names)
            .map_or(String::new(), |near| format!("; did you mean {near:?}?"));
        let problem = format!("it has no variant {variant:?}{near}");
        return Err(ScenarioError::Build { origin: origin.to_owned(), problem });
    }
    let mut sources = Sources::default();
    sources.add(origin, content, 0)?;
    let padded = sources.padded();
    let mut base = DeTable::default();
    for text in &padded {
        let parsed = DeTable::parse(text).map_err(|error| sources.error(&error))?;
        merge(&mut base, parsed.into_inner());
    }
    base.remove("include");
    let variants = base.remove("variants").map(Spanned::into_inner);
    if let Some(DeValue::Table(mut variants)) = variants
        && let Some(DeValue::Table(mut over)) = variants.remove(variant).map(Spanned::into_inner)
    {
        head(variant, 0, &mut over, &sources)?;
        merge(&mut base, over);
    }
    toml::Table::deserialize(toml::de::Deserializer::from(Spanned::new(0..0, base)))
        .map_err(|error| sources.error(&error))
}

/// A variant's name becomes part of a file's name.
fn name_problem(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let fits = (1..=60).contains(&name.len()) && name.chars().all(plain) && name != "default";
    (!fits).then(|| {
        format!("[variants.{name}]: a variant's name is up to 60 letters, digits, - and _, and not `default`")
    })
}

fn read(table: DeTable<'_>, sources: &Sources, origin: &str) -> Result<Scenario, ScenarioError> {
    contradiction(&table, sources)?;
    let places = expectation_places(&table, sources);
    let whole = Spanned::new(0..0, table);
    let mut scenario =
        Scenario::deserialize(toml::de::Deserializer::from(whole)).map_err(|error| match error
            .span()
        {
            // A missing key of the file itself has no place of its own.
            Some(span) if span.is_empty() && span.start == 0 => sources.fault(
                sources.0.last().map_or(0, |last| last.begin),
                text::with_suggestion(error.message()),
            ),
            _ => sources.error(&error),
        })?;
    for (number, expectation) in scenario.expect.iter_mut().enumerate() {
        expectation.place = places.get(&number).cloned().unwrap_or_default();
    }
    scenario.finish(origin)?;
    Ok(scenario)
}

/// Refuses keys that stand in for each other: nobody would see which of them holds.
fn contradiction(table: &DeTable<'_>, sources: &Sources) -> Result<(), ScenarioError> {
    let exchange = table.get("exchange").and_then(|exchange| exchange.get_ref().as_table());
    let Some((exchange, latency)) =
        exchange.and_then(|exchange| Some((exchange, exchange.get_key_value("latency")?.0)))
    else {
        return Ok(());
    };
    for name in ["request_latency_us", "response_latency_us"] {
        if let Some((key, _)) = exchange.get_key_value(name) {
            let Place { file, line, .. } = sources.place(latency.span().start);
            return Err(sources.fault(
                key.span().start,
                format!("{name} contradicts [exchange.latency] ({file}:{line}), which says both ways: remove one of them"),
            ));
        }
    }
    Ok(())
}

/// Where each `[[expect]]` stands.
fn expectation_places(table: &DeTable<'_>, sources: &Sources) -> BTreeMap<usize, Place> {
    let Some(DeValue::Array(all)) = table.get("expect").map(Spanned::get_ref) else {
        return BTreeMap::new();
    };
    all.iter().enumerate().map(|(number, one)| (number, sources.place(one.span().start))).collect()
}
