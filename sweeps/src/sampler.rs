//! Which points to try, in which order.
//!
//! Invariant: the trials that are left are a function of the space, the method, the seed and the results
//! of the trials before. So a sweep that was interrupted goes on as if it had not been, and the number of
//! workers changes nothing.

mod kernel;
mod tpe;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draws::Draws;
use crate::pareto::Direction;
use crate::{Coordinate, Point, Space};

/// How often a point is drawn again before a constraint is taken for one that nothing meets.
pub const DRAWS_MAX: u64 = 10_000;
/// The length of the Sobol sequence, and the most axes that it has.
const SOBOL_POINTS: u64 = 1 << 16;
/// More trials than any sweep could run.
const TRIALS_MAX: u64 = 100_000_000;

/// A method of sampling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Method {
    /// Every combination of the values of all axes; the last axis changes fastest. Points that the
    /// constraint excludes are left out, and the others numbered without gaps.
    Grid,
    /// Independent draws. A point that the constraint excludes is drawn again.
    Random {
        /// How many trials.
        trials: u64,
    },
    /// One trial in each of `trials` equally likely parts of every axis. Source: McKay, Beckman, Conover
    /// (1979), "A Comparison of Three Methods for Selecting Values of Input Variables", Technometrics 21.
    /// A point that the constraint excludes is first drawn again inside its parts, then (after half of
    /// the draws) anywhere.
    LatinHypercube {
        /// How many trials.
        trials: u64,
    },
    /// The Sobol sequence with the scrambling of Owen (by hash: Burley 2020, "Practical Hash-based Owen
    /// Scrambling", JCGT 9); at most 65,536 points. The balance is best if `trials` is a power of two.
    /// Points that the constraint excludes are passed over, and the sequence goes on.
    Sobol {
        /// How many trials.
        trials: u64,
    },
    /// Tree-structured Parzen estimator: Bergstra, Bardenet, Bengio, Kégl (2011), "Algorithms for
    /// Hyper-Parameter Optimization", NIPS 24. Asks for `batch` trials at a time, all of which must be
    /// told before the next batch.
    Tpe {
        /// How many trials.
        trials: u64,
        /// How many trials are asked for at a time: as many as there may be workers. It belongs to the
        /// sweep, not to the machine, as it changes the trials.
        #[serde(default = "batch")]
        batch: u32,
        /// Trials are random until so many have succeeded.
        #[serde(default = "startup")]
        startup: u32,
    },
}

fn batch() -> u32 {
    8
}

fn startup() -> u32 {
    16
}

/// A point to try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// From zero, without gaps.
    pub number: u64,
    /// The values of the axes.
    pub point: Point,
}

/// What became of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The objectives, in their order. One that is NaN makes the trial a failed one.
    Done(Vec<f64>),
    /// The trial gave no result.
    Failed,
}

/// A trial of an earlier session, with its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// The point that was tried.
    pub point: Point,
    /// What became of it.
    pub outcome: Outcome,
}

/// Why a method does not fit a space.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SamplerError {
    /// A grid needs to know how many values it takes.
    #[error(
        "axis `{0}` has no end of values, which a grid cannot try: give it `points` (or `step`)"
    )]
    NoPoints(String),
    /// The grid, or what was asked for, is too large.
    #[error("{trials} trials are over {most}: {remedy}")]
    TooMany {
        /// What was asked for; "more than can be counted" otherwise.
        trials: String,
        /// The most that there may be.
        most: u64,
        /// What to change.
        remedy: &'static str,
    },
    /// Nothing to do.
    #[error("`{0}` is zero: give at least 1")]
    Zero(&'static str),
    /// The Sobol sequence has not so many dimensions.
    #[error("{axes} axes are over {most} of the Sobol sequence: use `random`")]
    TooManyAxes {
        /// How many axes there are.
        axes: usize,
        /// The most that there may be.
        most: u32,
    },
    /// TPE needs to know what is better.
    #[error("method `tpe` seeks the best, but no objective is given: give one, or use `sobol`")]
    NoObjective,
    /// More trials have run than there are.
    #[error("{past} trials have run, but the sweep has {trials}: is it the same sweep file?")]
    PastTooLong {
        /// How many have run.
        past: usize,
        /// How many there are.
        trials: u64,
    },
    /// A result of an earlier session does not belong to this sweep.
    #[error("trial {0} of the past has values that no axis has: is it the same sweep file?")]
    PastElsewhere(usize),
}

/// Why no further trial can be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError<E: std::error::Error + 'static> {
    /// The constraint could not be evaluated.
    #[error("constraint at trial {number}")]
    Constraint {
        /// The number of the trial that was sought.
        number: u64,
        /// What went wrong.
        source: E,
    },
    /// Hardly any point meets the constraint.
    #[error(
        "trial {number}: none of {draws} points that were drawn meets the constraint; widen the axes or \
         loosen the constraint"
    )]
    NothingHolds {
        /// The number of the trial that was sought.
        number: u64,
        /// How many points were drawn.
        draws: u64,
    },
    /// The Sobol sequence is at its end.
    #[error(
        "trial {number}: only {number} of 65,536 points of the Sobol sequence meet the constraint; use \
         `random`, or fewer trials"
    )]
    SobolEnds {
        /// The number of the trial that was sought.
        number: u64,
    },
}

/// Gives the trials of a sweep one after the other.
#[derive(Debug)]
pub struct Sampler {
    space: Space,
    method: Method,
    seed: u64,
    directions: Vec<Direction>,
    /// Trials in all; of a grid, its cells before the constraint.
    trials: u64,
    /// The number of the next trial.
    next: u64,
    /// The next cell of the grid or point of the sequence.
    cursor: u64,
    /// Of a Latin hypercube: the order of the parts, one list an axis.
    parts: Vec<Vec<usize>>,
    /// Of a Sobol sequence: the scrambling, one number an axis.
    scrambles: Vec<u32>,
    /// Where the trials of TPE lie, by number.
    places: Vec<Vec<Coordinate>>,
    /// What TPE knows from the trials below a number, for one batch.
    model: Option<(u64, tpe::Model)>,
    outcomes: BTreeMap<u64, Outcome>,
    /// All trials below it have an outcome.
    told: u64,
    /// Trials of the past that the cursor has not passed yet.
    skip: u64,
}

impl Sampler {
    /// A sampler that goes on after the trials `past`, which are all of a sweep's first trials in order;
    /// none for a sweep that begins. `directions` say what is better, one an objective.
    ///
    /// # Errors
    /// If the method does not fit the space, or the past does not fit the sweep.
    pub fn new(
        space: Space,
        method: Method,
        seed: u64,
        directions: &[Direction],
        past: Vec<Past>,
    ) -> Result<Sampler, SamplerError> {
        let trials = trials(&space, method)?;
        if past.len() as u64 > trials {
            return Err(SamplerError::PastTooLong { past: past.len(), trials });
        }
        if let Some(place) = past.iter().position(|past| space.coordinates(&past.point).is_none()) {
            return Err(SamplerError::PastElsewhere(place));
        }
        if matches!(method, Method::Tpe { .. }) && directions.is_empty() {
            return Err(SamplerError::NoObjective);
        }
        let parts = match method {
            Method::LatinHypercube { .. } => space
                .paths()
                .map(|path| Draws::new(seed, "latin order", path, 0).permutation(trials as usize))
                .collect(),
            _ => Vec::new(),
        };
        let scrambles =
            space.paths().map(|path| Draws::new(seed, "sobol", path, 0).bits()).collect();
        let next = past.len() as u64;
        let mut sampler = Sampler {
            space,
            method,
            seed,
            directions: directions.to_vec(),
            trials,
            next,
            cursor: 0,
            parts,
            scrambles,
            places: Vec::new(),
            model: None,
            outcomes: BTreeMap::new(),
            told: 0,
            skip: next,
        };
        for (number, past) in (0..).zip(past) {
            sampler.remember(&past.point);
            sampler.tell(number, past.outcome);
        }
        Ok(sampler)
    }

    /// How many trials there are; of a grid, before the constraint.
    pub fn trials(&self) -> u64 {
        self.trials
    }

    /// Whether the next trials need results that were not told yet.
    pub fn waits(&self) -> bool {
        self.next < self.trials && self.known_until().is_none()
    }

    /// Tells what became of a trial, in any order. Only TPE listens.
    pub fn tell(&mut self, number: u64, outcome: Outcome) {
        if matches!(self.method, Method::Tpe { .. }) {
            self.outcomes.insert(number, outcome);
            while self.outcomes.contains_key(&self.told) {
                self.told += 1;
            }
        }
    }

    /// Up to `most` further trials. None if all were given, or if the sampler [waits](Sampler::waits).
    /// `holds` is the constraint: whether a point may be tried. It must depend on the point alone.
    ///
    /// # Errors
    /// If the constraint fails, or hardly any point meets it.
    pub fn ask<E: std::error::Error + 'static>(
        &mut self,
        most: usize,
        holds: impl Fn(&Point) -> Result<bool, E>,
    ) -> Result<Vec<Trial>, AskError<E>> {
        let mut given = Vec::new();
        while given.len() < most && self.next < self.trials {
            let Some(known) = self.known_until() else { break };
            let Some(point) = self.point(known, &holds)? else { break };
            given.push(Trial { number: self.next, point });
            self.next += 1;
        }
        Ok(given)
    }

    /// How many results the next trial may know; nothing while one of them is missing.
    fn known_until(&self) -> Option<u64> {
        let Method::Tpe { batch, .. } = self.method else { return Some(0) };
        let known = self.next - self.next % u64::from(batch);
        (self.told >= known).then_some(known)
    }

    /// The point of the next trial; nothing at the end of a grid.
    fn point<E: std::error::Error + 'static>(
        &mut self,
        known: u64,
        holds: &impl Fn(&Point) -> Result<bool, E>,
    ) -> Result<Option<Point>, AskError<E>> {
        match self.method {
            Method::Grid | Method::Sobol { .. } => self.scan(holds),
            Method::Random { .. } => {
                let mut draws = self.streams("random");
                let at = |_: u64| self.space.at_drawn(&mut draws);
                drawn(self.next, at, holds).map(Some)
            }
            Method::LatinHypercube { .. } => {
                let mut draws = self.streams("latin");
                let (parts, trial) = (&self.parts, self.next as usize);
                let at = |draw: u64| {
                    let mut units: Vec<f64> = draws.iter_mut().map(Draws::unit).collect();
                    if draw < DRAWS_MAX / 2 {
                        for (unit, parts) in units.iter_mut().zip(parts) {
                            *unit = (parts[trial] as f64 + *unit) / parts.len() as f64;
                        }
                    }
                    self.space.at(|axis, _| units[axis])
                };
                drawn(self.next, at, holds).map(Some)
            }
            Method::Tpe { startup, .. } => {
                let mut model = match self.model.take() {
                    Some((at, model)) if at == known => model,
                    _ => tpe::Model::new(
                        &self.space,
                        &self.directions,
                        &self.places[..known as usize],
                        &self.outcomes,
                        startup,
                    ),
                };
                let mut draws = self.streams("tpe");
                let at = |_: u64| model.point(&self.space, &mut draws);
                let point = drawn(self.next, at, holds)?;
                self.model = Some((known, model));
                self.remember(&point);
                Ok(Some(point))
            }
        }
    }

    fn remember(&mut self, point: &Point) {
        if matches!(self.method, Method::Tpe { .. }) {
            self.places.push(self.space.coordinates(point).unwrap_or_default());
        }
    }

    /// One stream of random numbers an axis, for the next trial.
    fn streams(&self, purpose: &str) -> Vec<Draws> {
        self.space.paths().map(|path| Draws::new(self.seed, purpose, path, self.next)).collect()
    }

    /// The next point in the order of the grid or the sequence that holds.
    fn scan<E: std::error::Error + 'static>(
        &mut self,
        holds: &impl Fn(&Point) -> Result<bool, E>,
    ) -> Result<Option<Point>, AskError<E>> {
        let grid = self.method == Method::Grid;
        let end = if grid { self.trials } else { SOBOL_POINTS };
        while self.cursor < end {
            let point = if grid { self.cell(self.cursor) } else { self.sobol(self.cursor as u32) };
            self.cursor += 1;
            let number = self.next;
            if holds(&point).map_err(|source| AskError::Constraint { number, source })? {
                if self.skip == 0 {
                    return Ok(Some(point));
                }
                self.skip -= 1;
            }
        }
        if grid { Ok(None) } else { Err(AskError::SobolEnds { number: self.next }) }
    }

    /// A cell of the grid: the digits of its number, the last axis the lowest.
    fn cell(&self, number: u64) -> Point {
        let mut left = number;
        let mut values = Vec::with_capacity(self.space.dimensions());
        for (path, domain) in self.space.axes().iter().rev() {
            let levels = domain.levels().unwrap_or(1);
            values.push((path.clone(), domain.level(left % levels)));
            left /= levels;
        }
        Point(values.into_iter().rev().collect())
    }

    /// A point of the sequence, each coordinate in the middle of its 2^-32.
    fn sobol(&self, number: u32) -> Point {
        use sobol_burley::parts::{owen_scramble_rev, sobol_rev};
        self.space.at(|axis, _| {
            let plain = sobol_rev(number.reverse_bits(), axis as u32);
            let scrambled = owen_scramble_rev(plain, self.scrambles[axis]).reverse_bits();
            (f64::from(scrambled) + 0.5) / 4_294_967_296.0
        })
    }
}

/// The first of the points drawn that holds.
fn drawn<E: std::error::Error + 'static>(
    number: u64,
    mut at: impl FnMut(u64) -> Point,
    holds: &impl Fn(&Point) -> Result<bool, E>,
) -> Result<Point, AskError<E>> {
    for draw in 0..DRAWS_MAX {
        let point = at(draw);
        if holds(&point).map_err(|source| AskError::Constraint { number, source })? {
            return Ok(point);
        }
    }
    Err(AskError::NothingHolds { number, draws: DRAWS_MAX })
}

/// How many trials the method gives.
fn trials(space: &Space, method: Method) -> Result<u64, SamplerError> {
    let too_many = |trials: String, most, remedy| SamplerError::TooMany { trials, most, remedy };
    let (trials, batch) = match method {
        Method::Grid => {
            let mut cells = Some(1_u64);
            for (path, domain) in space.axes() {
                let levels = domain.levels().ok_or_else(|| SamplerError::NoPoints(path.clone()))?;
                cells = cells.and_then(|cells| cells.checked_mul(levels));
            }
            let uncountable = || {
                let text = "more than can be counted".to_owned();
                too_many(text, TRIALS_MAX, "give fewer points, or use `sobol`")
            };
            (cells.ok_or_else(uncountable)?, 1)
        }
        Method::Random { trials }
        | Method::LatinHypercube { trials }
        | Method::Sobol { trials } => (trials, 1),
        Method::Tpe { trials, batch, .. } => (trials, batch),
    };
    if trials == 0 {
        return Err(SamplerError::Zero("trials"));
    }
    if batch == 0 {
        return Err(SamplerError::Zero("batch"));
    }
    if trials > TRIALS_MAX {
        let remedy = "give fewer trials, or fewer points an axis";
        return Err(too_many(trials.to_string(), TRIALS_MAX, remedy));
    }
    if matches!(method, Method::Sobol { .. }) {
        if trials > SOBOL_POINTS {
            return Err(too_many(trials.to_string(), SOBOL_POINTS, "use `random`"));
        }
        let most = sobol_burley::NUM_DIMENSIONS;
        if space.dimensions() > most as usize {
            return Err(SamplerError::TooManyAxes { axes: space.dimensions(), most });
        }
    }
    Ok(trials)
}
