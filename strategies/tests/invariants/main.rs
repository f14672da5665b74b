//! What holds for any input of the exit, harvest, risk and permit rules (EHR): fractions stay fractions,
//! stops only tighten, more of what is bad never yields more of what is good, nothing is NaN.

#![allow(clippy::expect_used, clippy::panic, reason = "tests and their helpers")]

mod harvest;
mod leverage;
mod permits;
mod portfolio;
mod risk;
mod support;
mod words;
