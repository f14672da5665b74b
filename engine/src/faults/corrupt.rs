//! Damage to an entry on its way.

use std::sync::Arc;

use crate::{Body, Fields, NamedRng};

/// How an entry is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corruption {
    /// The second half of its fields is missing, and the second half of the last one that is left.
    Truncate,
    /// In every value a bit is turned over, so that it is no text any more.
    Flip,
    /// One field is missing: the payload where there is one, else one that is drawn.
    Remove,
}

impl Corruption {
    /// The damaged entry.
    pub(crate) fn damage(self, body: &Body, rng: &mut NamedRng) -> Body {
        let mut fields: Fields = body.to_fields().into_owned();
        match self {
            Corruption::Truncate => {
                fields.0.truncate(fields.0.len().div_ceil(2));
                if let Some((_, value)) = fields.0.last_mut() {
                    *value = value[..value.len() / 2].into();
                }
            }
            Corruption::Flip => {
                for (_, value) in &mut fields.0 {
                    let at = rng.below(value.len() as u64) as usize;
                    if let Some(byte) = value.get_mut(at) {
                        *byte ^= 0x80;
                    }
                }
            }
            Corruption::Remove => {
                let payload = fields.0.iter().position(|(name, _)| **name == *b"payload");
                let at = payload.unwrap_or_else(|| rng.below(fields.0.len() as u64) as usize);
                if at < fields.0.len() {
                    fields.0.remove(at);
                }
            }
        }
        Body::Fields(Arc::new(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damaged(how: Corruption, pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let body = how.damage(&Body::fields(pairs), &mut NamedRng::new(1, "damage"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        body.to_fields().0.iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn each_kind_of_damage_leaves_what_it_says() {
        let entry = [("event_type", "tick"), ("payload", "{\"a\":1}"), ("source", "us")];
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let left = damaged(Corruption::Truncate, &entry);
        assert_eq!(left, [pair("event_type", "tick"), pair("payload", "{\"a")]);
        let left = damaged(Corruption::Remove, &entry);
        assert_eq!(left, [pair("event_type", "tick"), pair("source", "us")]);
        let body = Corruption::Flip.damage(&Body::fields(&entry), &mut NamedRng::new(1, "damage"));
        for (name, _) in entry {
            assert_eq!(body.to_fields().get(name), None, "{name} is no text any more");
        }
        assert!(damaged(Corruption::Remove, &[]).is_empty());
        assert_eq!(damaged(Corruption::Truncate, &[("a", "")]), [pair("a", "")]);
    }
}
