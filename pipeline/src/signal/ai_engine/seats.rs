//! Who votes: the built-in models, and model files behind the same trait.

use std::sync::Arc;

use engine::Context;
use serde::{Deserialize, Serialize};
use strategies::{Features, Outside, Prediction, Predictor, PredictorFault, predictor};

/// Models that vote at most: the vote is counted without an allocation.
pub(super) const SEATS_MAX: usize = 16;

/// What a model file is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// Gradient-boosted trees: XGBoost's JSON or UBJSON, LightGBM's text, or what `qsim pipeline learn` writes.
    Tree,
    /// An ONNX graph.
    Onnx,
}

/// What a model file is for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ModelRole {
    /// It votes.
    #[default]
    Vote,
    /// It is the meta agent above the vote: eight inputs instead of eighteen.
    Meta,
}

/// A model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSetting {
    /// Its name in telemetry.
    pub name: String,
    /// What it is made of.
    pub kind: ModelKind,
    /// Where it is; a relative path begins where `qsim` was started.
    pub file: String,
    /// Its weight in the vote.
    #[serde(default = "weight_default")]
    pub weight: f64,
    /// What it is for.
    #[serde(default)]
    pub role: ModelRole,
}

fn weight_default() -> f64 {
    0.25
}

/// A model with a seat in the ensemble.
#[derive(Clone, Debug)]
pub(super) enum Seat {
    /// One of ours.
    BuiltIn(&'static dyn Predictor),
    /// A file, or one that no file names.
    Given(Arc<dyn Predictor>),
}

impl Seat {
    pub(super) fn model(&self) -> &dyn Predictor {
        match self {
            Seat::BuiltIn(model) => *model,
            Seat::Given(model) => &**model,
        }
    }

    pub(super) fn predict(
        &self,
        features: &Features,
        prices: usize,
        ctx: &mut Context<'_>,
    ) -> Result<Prediction, PredictorFault> {
        self.model().predict(features, prices, &mut Recorder(ctx))
    }
}

/// Outputs of model files are journaled as inputs of the run.
pub(super) struct Recorder<'a, 'b>(pub(super) &'a mut Context<'b>);

impl Outside for Recorder<'_, '_> {
    fn numbers(&mut self, out: &mut [f64], compute: &mut dyn FnMut(&mut [f64])) {
        self.0.outside(out, compute);
    }
}

/// All who vote, and the meta agent, if there is one.
pub(super) struct Seated {
    pub(super) voters: Vec<Seat>,
    pub(super) meta: Option<MetaSeat>,
}

/// The meta agent's model.
#[cfg(feature = "models")]
pub(super) type MetaSeat = Arc<models::ModelFile>;
/// Without model files there is none.
#[cfg(not(feature = "models"))]
pub(super) type MetaSeat = std::convert::Infallible;

/// Seats the models that the settings name, and those that are `given` beside them: one with the name of a built-in model
/// takes its seat. A model that stands there twice would vote twice; without one
/// there is never a signal.
pub(super) fn seat(
    names: &[String],
    files: &[ModelSetting],
    given: &[Arc<dyn Predictor>],
) -> Result<Seated, String> {
    let known = strategies::PREDICTORS.join(", ");
    if names.is_empty()
        && given.is_empty()
        && !files.iter().any(|file| file.role == ModelRole::Vote)
    {
        return Err(format!("predictors is empty: name some of {known}"));
    }
    let mut voters = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let Some(model) = predictor(name) else {
            return Err(format!("predictors: {name:?} is unknown; known are {known}"));
        };
        if names[..place].contains(name) {
            return Err(format!("predictors names {name:?} twice: remove one"));
        }
        voters.push(match given.iter().find(|one| one.name() == name) {
            Some(given) => Seat::Given(Arc::clone(given)),
            None => Seat::BuiltIn(model),
        });
    }
    for (place, model) in given.iter().enumerate() {
        let (name, weight) = (model.name(), model.weight());
        if given[..place].iter().any(|other| other.name() == name)
            || files.iter().any(|file| file.name == name)
        {
            return Err(format!("predictors: the name {name:?} is taken: give each its own"));
        }
        if !(0.0..=1.0).contains(&weight) {
            return Err(format!("predictors: weight of {name:?} is {weight}: give 0 to 1"));
        }
        if !names.iter().any(|one| one == name) {
            voters.push(Seat::Given(Arc::clone(model)));
        }
    }
    let mut seated = Seated { voters, meta: None };
    for (place, file) in files.iter().enumerate() {
        let name = &file.name;
        if names.contains(name) || files[..place].iter().any(|other| other.name == *name) {
            return Err(format!("models: the name {name:?} is taken: give each model its own"));
        }
        if !(0.0..=1.0).contains(&file.weight) {
            return Err(format!("models: weight of {name:?} is {}: give 0 to 1", file.weight));
        }
        open(file, &mut seated)?;
    }
    if seated.voters.len() > SEATS_MAX {
        return Err(format!("models: at most {SEATS_MAX} models vote: remove some"));
    }
    Ok(seated)
}

#[cfg(feature = "models")]
fn open(file: &ModelSetting, seated: &mut Seated) -> Result<(), String> {
    let kind = match file.kind {
        ModelKind::Tree => models::Kind::Tree,
        ModelKind::Onnx => models::Kind::Onnx,
    };
    let inputs = match file.role {
        ModelRole::Vote => Features::NAMES.len(),
        ModelRole::Meta => 8,
    };
    let path = std::path::Path::new(&file.file);
    let model = models::ModelFile::open(&file.name, kind, path, file.weight, inputs)
        .map_err(|error| format!("models: {}: {error}", file.name))?;
    match file.role {
        ModelRole::Vote => seated.voters.push(Seat::Given(Arc::new(model))),
        ModelRole::Meta if seated.meta.is_some() => {
            return Err("models: there is one meta agent at most: remove the others".to_owned());
        }
        ModelRole::Meta => seated.meta = Some(Arc::new(model)),
    }
    Ok(())
}

#[cfg(not(feature = "models"))]
fn open(file: &ModelSetting, _: &mut Seated) -> Result<(), String> {
    Err(format!(
        "models: {}: this build reads no model files: build it with `--features models`",
        file.name
    ))
}
