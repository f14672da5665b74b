//! Refusals as Binance words them. The table of all of them is in [`VenueError`].

use std::fmt::Display;

use engine::ExchangeError;
use serde::{Deserialize, Serialize};

use super::VenueError;

/// The body of a refused request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Such as -2019.
    pub code: i32,
    /// Such as "Margin is insufficient.".
    pub msg: Box<str>,
}

impl From<ExchangeError> for ErrorBody {
    fn from(error: ExchangeError) -> ErrorBody {
        ErrorBody { code: error.code, msg: error.msg }
    }
}

impl From<ErrorBody> for ExchangeError {
    fn from(body: ErrorBody) -> ExchangeError {
        ExchangeError { code: body.code, msg: body.msg }
    }
}

/// `{"code":200,"msg":"success"}`: the answer to a change that shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// 200.
    pub code: i32,
    /// What was done.
    pub msg: Box<str>,
}

/// One row of the table of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorRow {
    /// Such as -2019. Some codes have several texts.
    pub code: i32,
    /// The status of HTTP.
    pub http: u16,
    /// Its text, with `%s` where something is to be named.
    pub text: &'static str,
}

impl ErrorRow {
    /// How many things its text names.
    pub fn places(&self) -> usize {
        self.text.matches("%s").count()
    }
}

impl VenueError {
    /// The refusal, for a text that names nothing.
    pub fn error(self) -> ExchangeError {
        self.naming(&[])
    }

    /// The refusal with `names` in the places of its text, one each and in their order. A place without a
    /// name stays `%s`.
    pub fn naming(self, names: &[&dyn Display]) -> ExchangeError {
        let row = self.row();
        debug_assert_eq!(row.places(), names.len(), "one name for each place of {:?}", row.text);
        let mut names = names.iter();
        let mut msg = String::with_capacity(row.text.len());
        for (i, piece) in row.text.split("%s").enumerate() {
            if i > 0 {
                msg.push_str(&names.next().map_or_else(|| "%s".to_owned(), ToString::to_string));
            }
            msg.push_str(piece);
        }
        ExchangeError { code: row.code, msg: msg.into_boxed_str() }
    }
}
