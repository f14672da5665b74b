//! The mathematics of a parameter sweep: which points to try, on which stretch of time, and what the
//! best of many tries is worth.
//!
//! Invariant: nothing here knows a scenario, a file, a thread or a clock. A result depends on the
//! arguments alone, seeds among them, and is the same on every machine: random numbers are ChaCha,
//! transcendental functions are `libm`'s, sums run in a fixed order.
//!
//! - [`Axis`], [`Space`], [`Point`]: what is varied.
//! - [`Sampler`]: grid, random, Latin hypercube, Sobol, TPE.
//! - [`folds`]: walk-forward windows, purged and combinatorial cross-validation.
//! - [`bootstrap`]: block bootstraps of a series.
//! - [`overfitting`]: probabilistic and deflated Sharpe ratio, probability of backtest overfitting.
//! - [`pareto`], [`robust`], [`neighbours`]: several objectives, several replicates, lonely peaks.

mod axis;
pub mod bootstrap;
mod domain;
mod draws;
pub mod folds;
pub mod neighbours;
mod normal;
mod number;
pub mod overfitting;
pub mod pareto;
pub mod robust;
mod sampler;
mod space;

pub use axis::{Axis, AxisError, Categorical, LogRange, Normal, NumberRange, UniformInterval};
pub use normal::{normal_cdf, normal_quantile};
pub use sampler::{AskError, Method, Outcome, Past, Sampler, SamplerError, Trial};
pub use space::{Coordinate, Point, Space, SpaceError};
