//! `set_key`: a key is set.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::{Lasts, Plan, Setting, Step, When, given};

/// A key gets a value, as an operator would give it; what it held is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetKey {
    /// Which key.
    pub key: String,
    /// A text, the members of a list, or the fields of a hash.
    pub value: KeyValue,
    /// How long it lives, such as `900s`; for ever without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
}

/// What a key gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum KeyValue {
    /// SET.
    Text(String),
    /// RPUSH.
    List(Vec<String>),
    /// HSET.
    Hash(BTreeMap<String, String>),
}

impl Step for SetKey {
    const LASTS: Lasts = Lasts::Never;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let _ = setting;
        let key = self.key.as_str();
        let mut push = |words: Vec<&str>| plan.actions.push((when.from, given::command(words)));
        let life = self.ttl.as_deref().map(|ttl| given::span("ttl", ttl)).transpose()?;
        match &self.value {
            KeyValue::Text(text) => push(vec!["SET", key, text]),
            KeyValue::List(members) if !members.is_empty() => {
                push(vec!["DEL", key]);
                push(
                    ["RPUSH", key].into_iter().chain(members.iter().map(String::as_str)).collect(),
                );
            }
            KeyValue::Hash(fields) if !fields.is_empty() => {
                push(vec!["DEL", key]);
                let fields =
                    fields.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
                push(["HSET", key].into_iter().chain(fields).collect());
            }
            KeyValue::List(_) | KeyValue::Hash(_) => {
                return Err("value is empty: give at least one member, or use delete_key".into());
            }
        }
        if let Some(life) = life {
            push(vec!["PEXPIRE", key, &life.millis().to_string()]);
        }
        Ok(())
    }

    fn sentence(&self) -> String {
        let ttl = self.ttl.as_ref().map_or(String::new(), |ttl| format!(" for {ttl}"));
        format!("{} is set{ttl}", self.key)
    }
}
