//! Parameters of a request, wherever they came: the query, the form body, or both.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use rust_decimal::Decimal;
use sim_exchange::wire::VenueError;

use super::Failure;

/// Names and values, decoded. Of duplicates the first wins, and the query comes before the body.
#[derive(Clone, Debug, Default)]
pub struct Params<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Params<'a> {
    /// Of a raw query and a raw form body.
    pub fn parse(query: &'a str, body: &'a str) -> Params<'a> {
        let pieces = query.split('&').chain(body.split('&')).filter(|piece| !piece.is_empty());
        let pair = |piece: &'a str| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            (decoded(name), decoded(value))
        };
        Params(pieces.map(pair).collect())
    }

    /// Of names and values that are decoded already.
    pub fn of(pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>) -> Params<'a> {
        Params(pairs)
    }

    /// All of them, in the order in which they came.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// A value; none where it was not sent or is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| &**value).filter(|value| !value.is_empty())
    }

    /// A value that has to be there: -1102.
    pub fn need(&self, name: &str) -> Result<&str, Failure> {
        self.get(name).ok_or_else(|| Failure::missing(name))
    }

    /// An integer, if it was sent: -1102 where it is none.
    pub fn int(&self, name: &str) -> Result<Option<i64>, Failure> {
        self.get(name).map(|text| text.parse().map_err(|_| Failure::missing(name))).transpose()
    }

    /// An integer that has to be there: -1102.
    pub fn need_int(&self, name: &str) -> Result<i64, Failure> {
        self.int(name)?.ok_or_else(|| Failure::missing(name))
    }

    /// A decimal, if it was sent: -1102 where it is none.
    pub fn decimal(&self, name: &str) -> Result<Option<Decimal>, Failure> {
        let read = |text: &str| Decimal::from_str_exact(text).map_err(|_| Failure::missing(name));
        self.get(name).map(read).transpose()
    }

    /// `true` or `false` in any case, if it was sent: -1102 where it is neither.
    pub fn bool(&self, name: &str) -> Result<Option<bool>, Failure> {
        let read = |text: &str| match text {
            _ if text.eq_ignore_ascii_case("true") => Ok(true),
            _ if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(Failure::missing(name)),
        };
        self.get(name).map(read).transpose()
    }

    /// `limit`, within 1 and `most`: -1130.
    pub fn limit(&self, default: usize, most: usize) -> Result<usize, Failure> {
        let Some(limit) = self.int("limit")? else { return Ok(default) };
        let fits = usize::try_from(limit).ok().filter(|limit| (1..=most).contains(limit));
        fits.ok_or_else(|| VenueError::InvalidParameter.naming(&[&"limit"]).into())
    }
}

/// As forms encode: `+` is a blank, `%` begins a byte. What is no UTF-8 is replaced.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Cow::Borrowed(text);
    }
    let text = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&text).decode_utf8_lossy().into_owned())
}

/// The text of a JSON value that is a parameter: strings without their quotes, numbers and booleans as they
/// were sent, lists and objects as their JSON; none for null.
pub(crate) fn text_of(value: &serde_json::value::RawValue) -> Option<Cow<'_, str>> {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'"') => {
            let plain = text.get(1..text.len() - 1)?;
            if plain.contains('\\') {
                return serde_json::from_str(text).ok().map(Cow::Owned);
            }
            Some(Cow::Borrowed(plain))
        }
        _ if text == "null" => None,
        _ => Some(Cow::Borrowed(text)),
    }
}
