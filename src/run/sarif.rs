//! SARIF 2.1.0, as code scanning reads it: a rule for each expectation and each other kind of fault, a
//! result for each fault, at its line of the scenario file.

use std::collections::BTreeMap;

use serde_sarif::sarif::{
    ArtifactLocation, Location, Message, MultiformatMessageString, PhysicalLocation, Region,
    ReportingDescriptor, Result as SarifResult, ResultLevel, Run, Sarif, Tool, ToolComponent,
};

use super::outcome::{Fault, Judged};

/// The log of a suite.
pub fn text(judged: &[Judged]) -> Result<String, String> {
    let mut rules: BTreeMap<String, ReportingDescriptor> = BTreeMap::new();
    for one in judged {
        for fault in &one.faults {
            rules.entry(rule_id(one, fault)).or_insert_with(|| rule(one, fault));
        }
    }
    let places: BTreeMap<&str, i64> = rules.keys().map(String::as_str).zip(0..).collect();
    let results: Vec<SarifResult> = judged
        .iter()
        .flat_map(|one| one.faults.iter().map(move |fault| (one, fault)))
        .map(|(one, fault)| {
            let id = rule_id(one, fault);
            let place = places.get(id.as_str()).copied().unwrap_or(-1);
            result(one, fault, id, place)
        })
        .collect();
    let driver = ToolComponent::builder()
        .name("qsim")
        .semantic_version(env!("CARGO_PKG_VERSION"))
        .rules(rules.into_values().collect::<Vec<_>>())
        .build();
    let run = Run::builder().tool(Tool::builder().driver(driver).build()).results(results).build();
    let log = Sarif::builder()
        .version(serde_json::json!("2.1.0"))
        .schema("https://json.schemastore.org/sarif-2.1.0.json")
        .runs(vec![run])
        .build();
    serde_json::to_string_pretty(&log).map(|text| text + "\n").map_err(|e| format!("SARIF: {e}"))
}

/// An expectation is a rule of its file; the other kinds are rules of all.
fn rule_id(one: &Judged, fault: &Fault) -> String {
    match &fault.expectation {
        Some(name) => format!("{}/{name}", one.case.file),
        None => format!("qsim/{}", fault.kind.name()),
    }
}

fn rule(one: &Judged, fault: &Fault) -> ReportingDescriptor {
    let text = match &fault.expectation {
        Some(name) => format!("{}: {name}", one.case.file),
        None => super::outcome::meaning(fault.kind).to_owned(),
    };
    ReportingDescriptor::builder()
        .id(rule_id(one, fault))
        .short_description(MultiformatMessageString::builder().text(text).build())
        .build()
}

fn result(one: &Judged, fault: &Fault, id: String, rule: i64) -> SarifResult {
    let mut lines = vec![format!("{}: {}", one.case.label(), fault.sentence())];
    lines.extend(fault.moment());
    lines.extend(fault.story.clone());
    lines.push(format!("again: {}", one.again));
    let region = Region::builder().start_line(fault.line as i64).build();
    let place = PhysicalLocation::builder()
        .artifact_location(ArtifactLocation::builder().uri(uri(&fault.file)).build())
        .region(region)
        .build();
    // So that code scanning knows a finding again when lines of the file have moved.
    let finding = format!("{}/{id}", one.case.label());
    let print = blake3::hash(finding.as_bytes()).to_hex().to_string();
    SarifResult::builder()
        .rule_id(id.clone())
        .rule_index(rule)
        .level(ResultLevel::Error)
        .message(Message::builder().text(lines.join("\n")).build())
        .locations(vec![Location::builder().physical_location(place).build()])
        .partial_fingerprints(BTreeMap::from([("case/v1".to_owned(), print)]))
        .build()
}

/// A path as a relative reference: what has a meaning of its own in a URI, or no place in one, is escaped.
fn uri(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            _ => text += &format!("%{byte:02X}"),
        }
    }
    if text.starts_with('/') { format!("file://{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_become_references() {
        assert_eq!(uri("scenarios/a b#1.toml"), "scenarios/a%20b%231.toml");
        assert_eq!(uri("/tmp/ä.toml"), "file:///tmp/%C3%A4.toml");
    }
}
