//! Probability of backtest overfitting by combinatorially symmetric cross-validation.
//!
//! Source: Bailey, Borwein, López de Prado, Zhu (2017), "The Probability of Backtest Overfitting", Journal
//! of Computational Finance 20.

use serde::{Deserialize, Serialize};

use crate::folds::choices;

/// Blocks beyond which the splits are too many: 20 blocks have 184,756.
const BLOCKS_MAX: usize = 20;

/// The returns of many trials, told one by one and kept as sums of blocks, so that memory depends on the
/// blocks and not on the periods.
#[derive(Clone, Debug)]
pub struct Cscv {
    /// The first period of each block, and the number of periods.
    edges: Vec<usize>,
    /// Sums of the returns and of their squares: one list a block, one value a trial.
    sums: Vec<Vec<f64>>,
    squares: Vec<Vec<f64>>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CscvError {
    /// Blocks must be halved.
    #[error("{0} blocks: give an even number from 2 to {BLOCKS_MAX}, such as 16")]
    Blocks(usize),
    /// Blocks of fewer than two periods have no Sharpe ratio.
    #[error(
        "{periods} periods are too few for {blocks} blocks; give fewer blocks or shorter periods"
    )]
    TooShort {
        /// The periods of each trial.
        periods: usize,
        /// The blocks that were asked for.
        blocks: usize,
    },
    /// A trial does not fit the others.
    #[error("a trial has {found} periods, where the others have {expected}")]
    Periods {
        /// The periods of this trial.
        found: usize,
        /// The periods of the others.
        expected: usize,
    },
    /// A return is not finite.
    #[error("the return of period {0} is not finite")]
    NotFinite(usize),
    /// There is no choice among fewer than two.
    #[error("{0} trials: give at least 2")]
    TooFewTrials(usize),
}

/// How much the choice of the best trial owes to chance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overfitting {
    /// The share of splits where the best trial of one half is in the worse half of the trials on the
    /// other (a logit of at most zero).
    pub probability: f64,
    /// One logit a split: `ln(w / (1 - w))` of the relative rank `w` of the chosen trial out of sample.
    pub logits: Vec<f64>,
    /// Slope of the chosen trial's ratio out of sample against that in sample: below zero, the better the
    /// one the worse the other. NaN if all ratios in sample are the same.
    pub slope: f64,
    /// Where that line meets zero.
    pub intercept: f64,
    /// The share of splits where the chosen trial loses money out of sample.
    pub probability_of_loss: f64,
    /// The ratios of the chosen trial, in sample and out of sample, one pair a split.
    pub ratios: Vec<(f64, f64)>,
}

impl Cscv {
    /// For trials of so many periods, in so many blocks of equal length (longer by one where the periods
    /// do not divide).
    ///
    /// # Errors
    /// If the number of blocks is odd or out of range, or blocks have fewer than two periods.
    pub fn new(periods: usize, blocks: usize) -> Result<Cscv, CscvError> {
        if blocks < 2 || blocks % 2 == 1 || blocks > BLOCKS_MAX {
            return Err(CscvError::Blocks(blocks));
        }
        if periods / blocks < 2 {
            return Err(CscvError::TooShort { periods, blocks });
        }
        let edges = (0..=blocks).map(|block| periods * block / blocks).collect();
        Ok(Cscv { edges, sums: vec![Vec::new(); blocks], squares: vec![Vec::new(); blocks] })
    }

    /// Adds the returns of a trial, one a period.
    ///
    /// # Errors
    /// If they are not as many as the others', or not finite.
    pub fn push(&mut self, returns: &[f64]) -> Result<(), CscvError> {
        let expected = self.edges.last().copied().unwrap_or(0);
        if returns.len() != expected {
            return Err(CscvError::Periods { found: returns.len(), expected });
        }
        if let Some(place) = returns.iter().position(|r| !r.is_finite()) {
            return Err(CscvError::NotFinite(place));
        }
        for (block, edge) in self.edges.windows(2).enumerate() {
            let returns = &returns[edge[0]..edge[1]];
            self.sums[block].push(returns.iter().sum());
            self.squares[block].push(returns.iter().map(|r| r * r).sum());
        }
        Ok(())
    }

    /// The answer, over all ways to take half of the blocks. The measure is the Sharpe ratio of a period
    /// (zero for a trial whose returns are all alike); of trials that are equally good in sample, the
    /// first is chosen; equal ones out of sample share their mean rank.
    ///
    /// # Errors
    /// If there are fewer than two trials.
    pub fn overfitting(&self) -> Result<Overfitting, CscvError> {
        let trials = self.sums[0].len();
        if trials < 2 {
            return Err(CscvError::TooFewTrials(trials));
        }
        let blocks = self.sums.len();
        // A split and its mirror share their two halves, so that each half is computed once.
        let splits = halves(blocks);
        let mut logits = vec![0.0; splits.len()];
        let mut ratios = vec![(0.0, 0.0); splits.len()];
        let (mut one, mut other) = (vec![0.0; trials], vec![0.0; trials]);
        let mut scratch = (vec![0.0; trials], vec![0.0; trials]);
        for place in 0..splits.len() / 2 {
            let mirror = splits.len() - 1 - place;
            self.sharpe_ratios(&splits[place], &mut scratch, &mut one);
            self.sharpe_ratios(&splits[mirror], &mut scratch, &mut other);
            (logits[place], ratios[place]) = chosen(&one, &other);
            (logits[mirror], ratios[mirror]) = chosen(&other, &one);
        }
        let share = |of: usize| of as f64 / splits.len() as f64;
        let (slope, intercept) = line(&ratios);
        Ok(Overfitting {
            probability: share(logits.iter().filter(|logit| **logit <= 0.0).count()),
            slope,
            intercept,
            probability_of_loss: share(ratios.iter().filter(|(_, out)| *out < 0.0).count()),
            logits,
            ratios,
        })
    }

    /// The Sharpe ratio of every trial over some of the blocks.
    fn sharpe_ratios(
        &self,
        blocks: &[usize],
        (sums, squares): &mut (Vec<f64>, Vec<f64>),
        out: &mut [f64],
    ) {
        sums.fill(0.0);
        squares.fill(0.0);
        let mut periods = 0;
        for block in blocks {
            periods += self.edges[block + 1] - self.edges[*block];
            for (sum, add) in sums.iter_mut().zip(&self.sums[*block]) {
                *sum += add;
            }
            for (square, add) in squares.iter_mut().zip(&self.squares[*block]) {
                *square += add;
            }
        }
        let count = periods as f64;
        let bessel = count / (count - 1.0);
        for ((out, sum), square) in out.iter_mut().zip(sums.iter()).zip(squares.iter()) {
            let mean = sum / count;
            let mean_square = square / count;
            let variance = mean_square - mean * mean;
            // Below it is the rounding of the sums.
            let alike = variance <= 1e-13 * mean_square;
            // `f64::sqrt` is exact on every machine, and many are computed at once.
            let ratio = mean / (variance * bessel).max(f64::MIN_POSITIVE).sqrt();
            *out = if alike { 0.0 } else { ratio };
        }
    }
}

/// All halves of the blocks, in lexicographic order: the mirror of the first is the last, and so on.
fn halves(blocks: usize) -> Vec<Vec<usize>> {
    choices(blocks, blocks / 2, usize::MAX).unwrap_or_default()
}

/// The logit of the trial that is best in sample, and its ratios in and out of sample.
fn chosen(inside: &[f64], outside: &[f64]) -> (f64, (f64, f64)) {
    let mut best = 0;
    for (trial, ratio) in inside.iter().enumerate() {
        if *ratio > inside[best] {
            best = trial;
        }
    }
    let out = outside[best];
    let below = outside.iter().filter(|ratio| **ratio < out).count();
    let equal = outside.iter().filter(|ratio| **ratio == out).count();
    let rank = below as f64 + (equal as f64 + 1.0) / 2.0;
    let relative = rank / (outside.len() as f64 + 1.0);
    (libm::log(relative / (1.0 - relative)), (inside[best], out))
}

/// Slope and intercept of the least-squares line.
fn line(pairs: &[(f64, f64)]) -> (f64, f64) {
    let count = pairs.len() as f64;
    let x = pairs.iter().map(|pair| pair.0).sum::<f64>() / count;
    let y = pairs.iter().map(|pair| pair.1).sum::<f64>() / count;
    let xx: f64 = pairs.iter().map(|pair| (pair.0 - x) * (pair.0 - x)).sum();
    let xy: f64 = pairs.iter().map(|pair| (pair.0 - x) * (pair.1 - y)).sum();
    let slope = if xx > 0.0 { xy / xx } else { f64::NAN };
    (slope, y - slope * x)
}
