//! What holds for any input of the market, signal, entry and learning rules (MSE): nothing is NaN,
//! probabilities and shares stay within theirs, no order is larger than asked, exits are never held up.

#![allow(clippy::expect_used, clippy::panic, reason = "tests and their helpers")]

mod confidence;
mod gates;
mod learned;
mod market;
mod orders;
mod positions;
mod saved;
mod sizes;
mod support;
