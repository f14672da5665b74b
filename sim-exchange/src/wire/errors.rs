//! Refusals as Binance words them.

use serde::{Deserialize, Serialize};

/// The body of a refused request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Such as -2019.
    pub code: i32,
    /// Such as "Margin is insufficient.".
    pub msg: Box<str>,
}

/// `{"code":200,"msg":"success"}`: the answer to a change that shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// 200.
    pub code: i32,
    /// What was done.
    pub msg: Box<str>,
}
