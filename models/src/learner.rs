//! A learner on journaled outcomes: gradient-boosted trees that tell the chance of a rise from what the models
//! saw when a trade was decided. It is judged on the later part of the time, which it has not seen, against
//! the one number that knows nothing of the market: the share of rises before.

use hessboost::config::{TrainingParams, TreeMethod};
use hessboost::data::DMatrix;
use hessboost::model::{BoostedModel, Iterations, ModelFormat};
use hessboost::objective::{Objective, RegLoss};
use hessboost::training::train;
use strategies::Features;

/// What the models saw, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When the outcome was known, in ns.
    pub time: i64,
    /// In the order of [`Features::NAMES`].
    pub features: [f64; 18],
    /// The price rose between entry and exit.
    pub rose: bool,
}

/// How it learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearnSettings {
    /// Share of the samples, the latest ones, that are held out.
    pub held_out: f64,
    /// Trees.
    pub rounds: usize,
    /// Depth of each.
    pub depth: usize,
    /// Share of each that counts.
    pub rate: f64,
    /// Samples of either part at least.
    pub samples_min: usize,
}

impl Default for LearnSettings {
    fn default() -> Self {
        LearnSettings { held_out: 0.3, rounds: 60, depth: 3, rate: 0.1, samples_min: 20 }
    }
}

/// Why nothing was learned.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// Too few outcomes.
    #[error(
        "{samples} outcomes, of which {held_out} are held out: at least {least} of each are needed; give journals of longer runs, or more of them"
    )]
    TooFew {
        /// Those to learn from.
        samples: usize,
        /// Those to judge by.
        held_out: usize,
        /// Least of either.
        least: usize,
    },
    /// A share that is none.
    #[error("the held-out share is {0}: give more than 0 and less than 1")]
    HeldOut(f64),
    /// The tree crate.
    #[error("the trees could not be grown: {0}; check the settings of the learner")]
    Trees(String),
}

/// How good a forecast was on the held-out part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// Mean of −ln of the chance that was given to what happened: less is better.
    pub log_loss: f64,
    /// Mean square of the distance to what happened: less is better.
    pub brier: f64,
    /// Share of forecasts on the right side of one half.
    pub accuracy: f64,
}

/// What was learned, and how it compares.
#[derive(Debug)]
pub struct Learned {
    model: BoostedModel,
    /// Samples that it learned from.
    pub samples: usize,
    /// Samples that it was judged by.
    pub held_out: usize,
    /// Share of rises among those that it learned from: the constant.
    pub base_rate: f64,
    /// Of the trees, on the held-out part.
    pub trees: Judgement,
    /// Of the constant, on the held-out part.
    pub constant: Judgement,
}

impl Learned {
    /// Whether the trees told the held-out part better than the constant, by the log loss.
    #[must_use]
    pub fn beats_the_constant(&self) -> bool {
        self.trees.log_loss < self.constant.log_loss
    }

    /// The model as a file that the AI engine reads (XGBoost's JSON).
    ///
    /// # Errors
    /// [`LearnError`] when the model cannot be written in this form.
    pub fn file(&self) -> Result<Vec<u8>, LearnError> {
        self.model.encode(ModelFormat::XgboostJson).map_err(trees)
    }
}

fn trees(error: hessboost::error::HessboostError) -> LearnError {
    LearnError::Trees(error.to_string())
}

/// Learns from the earlier samples and is judged by the later ones; their order does not matter.
///
/// # Errors
/// [`LearnError`] for too few samples and for settings that make no sense.
pub fn learn(samples: &[Sample], settings: &LearnSettings) -> Result<Learned, LearnError> {
    let LearnSettings { held_out, samples_min, .. } = *settings;
    if !(held_out > 0.0 && held_out < 1.0) {
        return Err(LearnError::HeldOut(held_out));
    }
    let finite = |sample: &&Sample| sample.features.iter().all(|value| value.is_finite());
    let mut samples: Vec<Sample> = samples.iter().filter(finite).copied().collect();
    samples.sort_by_key(|sample| sample.time);
    let mut split = samples.len() - (samples.len() as f64 * held_out) as usize;
    // Outcomes of one instant are not torn apart: the later part begins after all that were known before.
    while split > 0 && split < samples.len() && samples[split].time == samples[split - 1].time {
        split += 1;
    }
    let (earlier, later) = samples.split_at(split);
    if earlier.len() < samples_min || later.len() < samples_min {
        return Err(LearnError::TooFew {
            samples: earlier.len(),
            held_out: later.len(),
            least: samples_min,
        });
    }
    let model = grown(earlier, settings)?;
    let rises = earlier.iter().filter(|sample| sample.rose).count() as f64;
    // Laplace: a constant of 0 or 1 would be infinitely wrong once.
    let base_rate = (rises + 1.0) / (earlier.len() as f64 + 2.0);
    let mut chances = Vec::with_capacity(later.len());
    for sample in later {
        chances.push(f64::from(model.predict_row(&row(sample), Iterations::Best).map_err(trees)?));
    }
    Ok(Learned {
        samples: earlier.len(),
        held_out: later.len(),
        base_rate,
        trees: judged(later, chances.iter().copied()),
        constant: judged(later, std::iter::repeat(base_rate)),
        model,
    })
}

fn row(sample: &Sample) -> [f32; 18] {
    sample.features.map(|value| value as f32)
}

fn grown(samples: &[Sample], settings: &LearnSettings) -> Result<BoostedModel, LearnError> {
    let rows: Vec<f32> = samples.iter().flat_map(row).collect();
    let labels: Vec<f32> = samples.iter().map(|s| if s.rose { 1.0 } else { 0.0 }).collect();
    let data = DMatrix::from_dense(&rows, samples.len(), Features::NAMES.len())
        .and_then(|data| data.with_labels(&labels))
        .map_err(trees)?;
    let params = TrainingParams::builder()
        .objective(Objective::BinaryLogistic(RegLoss::default()))
        .tree_method(TreeMethod::Exact)
        .max_depth(settings.depth)
        .eta(settings.rate)
        .nthread(1)
        .build()
        .map_err(trees)?;
    train(&params, &data, settings.rounds).map_err(trees)
}

fn judged(samples: &[Sample], chances: impl Iterator<Item = f64>) -> Judgement {
    let count = samples.len() as f64;
    let mut judgement = Judgement { log_loss: 0.0, brier: 0.0, accuracy: 0.0 };
    for (sample, chance) in samples.iter().zip(chances) {
        let chance = chance.clamp(1e-9, 1.0 - 1e-9);
        let (given, happened) = if sample.rose { (chance, 1.0) } else { (1.0 - chance, 0.0) };
        judgement.log_loss -= strategies::numbers::natural_log(given) / count;
        judgement.brier += (chance - happened) * (chance - happened) / count;
        judgement.accuracy += if given > 0.5 { 1.0 / count } else { 0.0 };
    }
    judgement
}
