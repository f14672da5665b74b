//! The worked examples of the two specifications, read from their text at run time: each is run against
//! the crate, or named with the reason why not.

#![allow(clippy::expect_used, clippy::panic, reason = "tests and their helpers")]

mod ehr;
mod formula;
mod harness;
mod mse;
