//! Block bootstraps: a series is put together anew from blocks of itself, so that what depends on the near
//! past stays as it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draws::Draws;

/// How blocks are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// Blocks of one length from anywhere inside the series; its ends are drawn less often. Source:
    /// Künsch (1989), "The Jackknife and the Bootstrap for General Stationary Observations", Annals of
    /// Statistics 17.
    Moving,
    /// Blocks of one length from the series as a ring. Source: Politis, Romano (1992), "A Circular
    /// Block-Resampling Procedure for Stationary Data", in: Exploring the Limits of Bootstrap.
    Circular,
    /// Blocks of geometric length from the series as a ring, so that the new series is stationary.
    /// Source: Politis, Romano (1994), "The Stationary Bootstrap", JASA 89.
    Stationary,
}

/// Items `start..start + len` of the source, which follow one another in the new series too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The place of the first item in the source.
    pub start: usize,
    /// How many items.
    pub len: usize,
}

/// Why a series cannot be resampled so.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BootstrapError {
    /// Nothing to draw from.
    #[error("the series has no items")]
    Empty,
    /// Blocks are longer than the series, or empty.
    #[error("blocks of {block} do not fit a series of {items}; give a length from 1 to {items}")]
    Block {
        /// The length that was given.
        block: usize,
        /// The length of the series.
        items: usize,
    },
    /// A share is none.
    #[error("confidence = {0}: give a number between 0 and 1, such as 0.95")]
    Confidence(f64),
    /// No error bar without replicates.
    #[error("{0} replicates: give at least 2")]
    Replicates(u64),
}

/// The blocks of one replicate, which together are as long as the source. A block that runs over the end
/// of the ring comes as two.
#[derive(Clone, Debug)]
pub struct Blocks {
    kind: BlockKind,
    items: usize,
    block: usize,
    left: usize,
    /// What is left of a block after the end of the ring.
    rest: usize,
    draws: Draws,
}

impl Blocks {
    /// The blocks of replicate `replicate` of a series of `items`, each `block` long (on average, for the
    /// stationary bootstrap).
    ///
    /// # Errors
    /// If the series is empty, or the block empty or longer than the series.
    pub fn new(
        kind: BlockKind,
        items: usize,
        block: usize,
        seed: u64,
        replicate: u64,
    ) -> Result<Blocks, BootstrapError> {
        if items == 0 {
            return Err(BootstrapError::Empty);
        }
        if block == 0 || block > items {
            return Err(BootstrapError::Block { block, items });
        }
        let draws = Draws::new(seed, "bootstrap", "", replicate);
        Ok(Blocks { kind, items, block, left: items, rest: 0, draws })
    }

    /// The length of the next block.
    fn length(&mut self) -> usize {
        if self.kind != BlockKind::Stationary || self.block == 1 {
            return self.block;
        }
        // Geometric with mean `block`: 1 + floor(ln U / ln(1 - 1/block)) with U in (0, 1].
        let u = 1.0 - self.draws.unit();
        let going_on = libm::log1p(-1.0 / self.block as f64);
        1 + libm::floor(libm::log(u) / going_on).min(self.items as f64) as usize
    }
}

impl Iterator for Blocks {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        if self.left == 0 {
            return None;
        }
        let (start, len) = if self.rest > 0 {
            (0, self.rest)
        } else {
            let starts = match self.kind {
                BlockKind::Moving => self.items - self.block + 1,
                BlockKind::Circular | BlockKind::Stationary => self.items,
            };
            (self.draws.below(starts as u64) as usize, self.length())
        };
        let len = len.min(self.left);
        let inside = len.min(self.items - start);
        self.rest = len - inside;
        self.left -= inside;
        Some(Block { start, len: inside })
    }
}

/// A statistic with its error bar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorBar {
    /// The statistic of the series itself.
    pub value: f64,
    /// The standard deviation of the statistic over the replicates.
    pub standard_error: f64,
    /// Its quantile at `(1 - confidence) / 2`.
    pub low: f64,
    /// Its quantile at `(1 + confidence) / 2`.
    pub high: f64,
}

/// How sure a statistic of a series is: its percentile interval over `replicates` of the series (Efron,
/// Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13). NaN where a replicate has none.
///
/// # Errors
/// As [`Blocks::new`]; if there are fewer than two replicates, or the confidence is not between 0 and 1.
pub fn error_bar(
    series: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    (kind, block): (BlockKind, usize),
    seed: u64,
    replicates: u64,
    confidence: f64,
) -> Result<ErrorBar, BootstrapError> {
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(BootstrapError::Confidence(confidence));
    }
    if replicates < 2 {
        return Err(BootstrapError::Replicates(replicates));
    }
    let mut values = Vec::new();
    let mut resampled = Vec::with_capacity(series.len());
    for replicate in 0..replicates {
        resampled.clear();
        for Block { start, len } in Blocks::new(kind, series.len(), block, seed, replicate)? {
            resampled.extend_from_slice(&series[start..start + len]);
        }
        values.push(statistic(&resampled));
    }
    let standard_error = crate::robust::standard_deviation(&values);
    let quantile = |q| crate::robust::quantile(&values, q);
    Ok(ErrorBar {
        value: statistic(series),
        standard_error,
        low: quantile((1.0 - confidence) / 2.0),
        high: quantile((1.0 + confidence) / 2.0),
    })
}
