//! The parameters of one call: as a query for REST, as JSON with a payload for the WebSocket API.

use std::fmt::{Display, Write as _};

use super::secret::Keys;
use super::sign::encode_into;

/// Parameters in the order in which they were added. Their texts share one allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Params {
    text: String,
    items: Vec<Item>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    name: &'static str,
    begin: u32,
    end: u32,
    /// JSON shows it as a number, not as a string.
    number: bool,
}

impl Params {
    pub(super) fn new() -> Params {
        Params { text: String::with_capacity(192), items: Vec::with_capacity(20) }
    }

    fn push(&mut self, name: &'static str, value: impl Display, number: bool) {
        let begin = self.text.len() as u32;
        // A String never refuses.
        let _ = write!(self.text, "{value}");
        self.items.push(Item { name, begin, end: self.text.len() as u32, number });
    }

    /// A text, a decimal or a boolean: a string in JSON.
    pub(super) fn text(&mut self, name: &'static str, value: impl Display) -> &mut Params {
        self.push(name, value, false);
        self
    }

    /// An integer: a number in JSON.
    pub(super) fn number(&mut self, name: &'static str, value: impl Display) -> &mut Params {
        self.push(name, value, true);
        self
    }

    fn value(&self, item: Item) -> &str {
        &self.text[item.begin as usize..item.end as usize]
    }

    /// What was given for a name.
    #[cfg(test)]
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.items.iter().find(|item| item.name == name).map(|&item| self.value(item))
    }

    /// `a=1&b=2`, percent-encoded.
    pub(super) fn query(&self) -> String {
        let mut query = String::with_capacity(self.text.len() * 2 + 160);
        for &item in &self.items {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(item.name);
            query.push('=');
            encode_into(self.value(item), &mut query);
        }
        query
    }

    /// One object of JSON with strings only, for lists of orders.
    pub(super) fn json(&self) -> String {
        let mut json = String::with_capacity(self.text.len() * 2);
        for &item in &self.items {
            json.push(if json.is_empty() { '{' } else { ',' });
            json_text(item.name, &mut json);
            json.push(':');
            json_text(self.value(item), &mut json);
        }
        json.push('}');
        json
    }

    /// `a=1&b=2&timestamp=…&signature=…`.
    pub(super) fn signed_query(&self, keys: &Keys, recv_window: u32, stamp: i64) -> Option<String> {
        let mut query = self.query();
        if !query.is_empty() {
            query.push('&');
        }
        let _ = write!(query, "recvWindow={recv_window}&timestamp={stamp}");
        keys.signer.sign_query(&mut query)?;
        Some(query)
    }

    /// The frame of a signed request of the WebSocket API. The signature is over the sorted pairs.
    pub(super) fn signed_frame(
        &mut self,
        method: &str,
        id: u64,
        keys: &Keys,
        recv_window: u32,
        stamp: i64,
    ) -> Option<String> {
        let (texts, items) = (self.text.len(), self.items.len());
        self.text("apiKey", keys.api_key.expose())
            .number("recvWindow", recv_window)
            .number("timestamp", stamp);
        let frame = self.frame(method, id, keys);
        // The key and the stamp are of this frame only.
        self.text.truncate(texts);
        self.items.retain(|item| item.end as usize <= texts);
        debug_assert_eq!(self.items.len(), items, "what was there is there");
        frame
    }

    fn frame(&mut self, method: &str, id: u64, keys: &Keys) -> Option<String> {
        self.items.sort_unstable_by_key(|item| item.name);
        let mut payload = String::with_capacity(self.text.len() * 2 + 64);
        let mut frame = String::with_capacity(self.text.len() * 2 + 320);
        let _ = write!(frame, r#"{{"id":{id},"method":"{method}","params":{{"#);
        for &item in &self.items {
            let value = self.value(item);
            if !payload.is_empty() {
                payload.push('&');
            }
            payload.push_str(item.name);
            payload.push('=');
            payload.push_str(value);
            frame.push('"');
            frame.push_str(item.name);
            frame.push_str("\":");
            if item.number {
                frame.push_str(value);
            } else {
                json_text(value, &mut frame);
            }
            frame.push(',');
        }
        frame.push_str("\"signature\":\"");
        // Hexadecimal digits and base64 need no escape.
        keys.signer.sign(payload.as_bytes(), &mut frame)?;
        frame.push_str("\"}}");
        Some(frame)
    }
}

/// Appends a string of JSON.
fn json_text(value: &str, out: &mut String) {
    out.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::super::secret::Secret;
    use super::*;

    fn keys() -> Keys {
        Keys::new(Secret::new("KEY"), &Secret::new("hush")).unwrap()
    }

    #[test]
    fn a_frame_is_signed_over_its_sorted_pairs() {
        let keys = keys();
        let mut params = Params::new();
        params.text("symbol", "BTCUSDT").number("orderId", 7).text("newClientOrderId", "q\"1");
        let before = params.clone();
        let frame = params.signed_frame("order.cancel", 3, &keys, 5000, 1_700_000_000_000).unwrap();
        let value: serde_json::Value = serde_json::from_str(&frame).unwrap();
        assert_eq!(value["id"], 3);
        assert_eq!(value["params"]["orderId"], 7);
        assert_eq!(value["params"]["newClientOrderId"], "q\"1");
        let mut signature = String::new();
        let payload = "apiKey=KEY&newClientOrderId=q\"1&orderId=7&recvWindow=5000&symbol=BTCUSDT&timestamp=1700000000000";
        keys.signer.sign(payload.as_bytes(), &mut signature).unwrap();
        assert_eq!(value["params"]["signature"], signature);
        assert_eq!(params.query().len(), before.query().len(), "it can be sent again");
        assert!(!format!("{params:?}").contains("KEY"), "the key does not stay");
    }

    #[test]
    fn a_query_is_signed_as_it_is_sent() {
        let mut params = Params::new();
        params.text("symbol", "BTCUSDT").text("origClientOrderId", "a:1");
        let query = params.signed_query(&keys(), 4000, 12).unwrap();
        let (signed, signature) = query.split_once("&signature=").unwrap();
        assert_eq!(signed, "symbol=BTCUSDT&origClientOrderId=a%3A1&recvWindow=4000&timestamp=12");
        assert_eq!(signature.len(), 64);
    }
}
