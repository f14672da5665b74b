//! The JSON schema of scenario files, for editors.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

use crate::{INVARIANTS, Scenario};

/// Tables that a file may leave to what it includes, wholly or in part.
const IN_PARTS: [&str; 2] = ["Market", "Recorded"];

/// The schema (draft 7, which editors of TOML know).
pub fn schema() -> Json {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<Scenario>().to_value();
    if let Some(definitions) = schema.get_mut("definitions").and_then(Json::as_object_mut) {
        for name in IN_PARTS {
            definitions
                .get_mut(name)
                .and_then(Json::as_object_mut)
                .map(|table| table.remove("required"));
        }
    }
    let Some(root) = schema.as_object_mut() else { return schema };
    root.insert("title".to_owned(), json!("qsim scenario"));
    root.remove("required");
    let Some(properties) = root.get_mut("properties").and_then(Json::as_object_mut) else {
        return schema;
    };
    if let Some(off) = properties.get_mut("invariants") {
        *off = invariants();
    }
    let variant = variant(properties);
    properties.insert(
        "include".to_owned(),
        json!({
            "description": "Files that this one stands over, beside it; later ones stand over earlier ones.",
            "type": "array",
            "items": { "type": "string" }
        }),
    );
    properties.insert(
        "variants".to_owned(),
        json!({
            "description": "The same scenario with something else in it, by name.",
            "type": "object",
            "additionalProperties": variant
        }),
    );
    schema
}

/// A variant: what it says of itself, and what it changes.
fn variant(of_file: &Map<String, Json>) -> Json {
    let mut properties = of_file.clone();
    for key in ["name", "expect", "invariants", "protection"] {
        properties.remove(key);
    }
    let own = json!({
        "relapse": { "type": "boolean", "description": "It brings the incident back, and has to fail." },
        "fails": { "type": "string", "description": "The expectation at which a relapse has to fail." },
        "incident": {
            "type": "string",
            "description": "Why what a relapse changes beside `pipeline` is the incident's own configuration."
        }
    });
    properties.extend(own.as_object().cloned().unwrap_or_default());
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

fn invariants() -> Json {
    let of = |(name, about): &(&str, &str)| {
        (
            (*name).to_owned(),
            json!({ "type": "string", "description": format!("Why this does not hold here:{about}") }),
        )
    };
    let off: Map<String, Json> = INVARIANTS.iter().map(of).collect();
    json!({
        "description": "What does not hold here.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "off": { "type": "object", "additionalProperties": false, "properties": off }
        }
    })
}
