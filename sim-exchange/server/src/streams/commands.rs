//! SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY and GET_PROPERTY.
//!
//! A refusal has `code` and `msg`, as the documentation shows it, and the same again in `error` beside the
//! `id`, as live servers send it: clients read the one or the other.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Method {
    Subscribe,
    Unsubscribe,
    ListSubscriptions,
    SetProperty,
    GetProperty,
}

#[derive(Deserialize)]
struct Raw {
    method: Method,
    #[serde(default)]
    params: Option<Vec<Value>>,
}

/// A command that can be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Subscribe(Vec<Box<str>>),
    Unsubscribe(Vec<Box<str>>),
    List,
    SetCombined(bool),
    GetCombined,
}

/// A command that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: i32,
    pub(super) msg: String,
    pub(super) id: Value,
    /// What came is no JSON: the connection ends.
    pub(super) ends: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    code: i32,
    msg: &'a str,
}

#[derive(Serialize)]
struct RefusedBody<'a> {
    code: i32,
    msg: &'a str,
    error: Body<'a>,
    id: &'a Value,
}

#[derive(Serialize)]
struct DoneBody<'a> {
    result: &'a Value,
    id: &'a Value,
}

/// `{"result":…,"id":…}`.
pub(super) fn done(result: &Value, id: &Value) -> String {
    serde_json::to_string(&DoneBody { result, id }).unwrap_or_default()
}

impl Refused {
    /// -2 of a request that makes no sense.
    pub(super) fn request(msg: impl Into<String>, id: Value) -> Refused {
        Refused { code: 2, msg: format!("Invalid request: {}", msg.into()), id, ends: false }
    }

    pub(super) fn json(&self) -> String {
        let (code, msg) = (self.code, self.msg.as_str());
        let body = RefusedBody { code, msg, error: Body { code, msg }, id: &self.id };
        serde_json::to_string(&body).unwrap_or_default()
    }
}

/// Reads what a client has sent; with it the id, as it came.
pub(super) fn read(text: &[u8]) -> Result<(Command, Value), Refused> {
    let value: Value = serde_json::from_slice(text).map_err(|error| {
        let msg = format!("Invalid JSON: {error}");
        Refused { code: 3, msg, id: Value::Null, ends: true }
    })?;
    let Value::Object(mut fields) = value else {
        return Err(Refused::request("a request must be an object", Value::Null));
    };
    let id = fields.remove("id").unwrap_or_default();
    let raw = serde_json::from_value(Value::Object(fields));
    let Raw { method, params } =
        raw.map_err(|error| Refused::request(error.to_string(), id.clone()))?;
    let is_id = id.is_null() || id.is_string() || id.is_i64() || id.is_u64();
    if !is_id {
        return Err(Refused::request("request ID must be an unsigned integer", id));
    }
    let params = params.unwrap_or_default();
    let command = match method {
        Method::Subscribe => names(params).map(Command::Subscribe),
        Method::Unsubscribe => names(params).map(Command::Unsubscribe),
        Method::ListSubscriptions => Ok(Command::List),
        Method::SetProperty | Method::GetProperty => property(method, &params),
    };
    match command {
        Ok(command) => Ok((command, id)),
        Err((code, msg)) => Err(Refused { code, msg, id, ends: false }),
    }
}

fn names(params: Vec<Value>) -> Result<Vec<Box<str>>, (i32, String)> {
    let name = |value: Value| match value {
        Value::String(name) => Ok(name.into_boxed_str()),
        _ => Err((2, "Invalid request: a stream's name must be a string".to_owned())),
    };
    params.into_iter().map(name).collect()
}

fn property(method: Method, params: &[Value]) -> Result<Command, (i32, String)> {
    let request = |msg: &str| Err((2, format!("Invalid request: {msg}")));
    let most = if method == Method::SetProperty { 2 } else { 1 };
    if params.len() > most {
        return request("too many parameters");
    }
    match params.first() {
        Some(Value::String(name)) if name == "combined" => {}
        Some(Value::String(_)) => return Err((0, "Unknown property".to_owned())),
        _ => return request("property name must be a string"),
    }
    match (method, params.get(1)) {
        (Method::GetProperty, _) => Ok(Command::GetCombined),
        (_, Some(Value::Bool(combined))) => Ok(Command::SetCombined(*combined)),
        _ => Err((1, "Invalid value type: expected Boolean".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_given_back_as_they_came() {
        for id in
            ["1", "18446744073709551615", "-3", r#""0fe3""#, r#""9d32157c-a556-4d27""#, "null"]
        {
            let text = format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{id}}}"#);
            let (command, got) = read(text.as_bytes()).unwrap();
            assert_eq!((command, got.to_string().as_str()), (Command::List, id));
            assert_eq!(done(&Value::Null, &got), format!(r#"{{"result":null,"id":{id}}}"#));
        }
        assert_eq!(read(br#"{"method":"LIST_SUBSCRIPTIONS"}"#).unwrap().1, Value::Null);
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        let refused = |text: &str| read(text.as_bytes()).map(|(command, _)| command).unwrap_err();
        let cases = [
            (
                r#"{"method":"FOO","id":1}"#,
                2,
                "Invalid request: unknown variant `FOO`, expected one of `SUBSCRIBE`",
            ),
            (r#"{"id":1}"#, 2, "Invalid request: missing field `method`"),
            (
                r#"{"method":"SUBSCRIBE","params":[1],"id":1}"#,
                2,
                "Invalid request: a stream's name",
            ),
            (
                r#"{"method":"SUBSCRIBE","params":[],"id":1.5}"#,
                2,
                "Invalid request: request ID must be",
            ),
            (
                r#"{"method":"GET_PROPERTY","params":[],"id":1}"#,
                2,
                "Invalid request: property name must",
            ),
            (r#"{"method":"GET_PROPERTY","params":["x"],"id":1}"#, 0, "Unknown property"),
            (
                r#"{"method":"GET_PROPERTY","params":["combined",true],"id":1}"#,
                2,
                "Invalid request: too many",
            ),
            (
                r#"{"method":"SET_PROPERTY","params":["combined",1],"id":1}"#,
                1,
                "Invalid value type",
            ),
            ("[]", 2, "Invalid request: a request must be an object"),
            ("5", 2, "Invalid request: a request must be an object"),
            (r#""x""#, 2, "Invalid request: a request must be an object"),
            ("null", 2, "Invalid request: a request must be an object"),
            ("{}", 2, "Invalid request: missing field `method`"),
            (r#"{"method""#, 3, "Invalid JSON: "),
        ];
        for (text, code, msg) in cases {
            let refused = refused(text);
            assert_eq!((refused.code, refused.msg.starts_with(msg)), (code, true), "{refused:?}");
            assert_eq!(refused.ends, code == 3);
        }
        assert_eq!(refused(r#"{"id":7}"#).id, 7);
        let json = refused(r#"{"method":"FOO","id":"a"}"#).json();
        let value: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (&value["code"], &value["error"]["code"], &value["id"]),
            (&2.into(), &2.into(), &"a".into())
        );
    }
}
