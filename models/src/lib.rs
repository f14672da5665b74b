//! Model files behind the trait of the built-in predictors: gradient-boosted trees and ONNX graphs. A crate of
//! its own, because those that read them take long to compile and few who build the pipeline need them.
//!
//! Invariant: a file that cannot be used is refused when it is opened; after that a model that goes wrong has no
//! opinion, and never stops a run. What it says goes through [`Outside`], so that a replay does not depend on
//! a processor's kernels.

mod error;
mod learner;
mod onnx;
mod tree;

use std::path::Path;

use strategies::{Features, Outside, Prediction, Predictor, PredictorFault, opinion_of};

pub use error::ModelError;
pub use learner::{Judgement, LearnError, LearnSettings, Learned, Sample, learn};

/// Numbers that a model gives at most.
const OUTPUTS_MAX: usize = 3;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Gradient-boosted trees: XGBoost's JSON or UBJSON, LightGBM's text, or hessboost's own forms.
    Tree,
    /// An ONNX graph with one input of `[1, inputs]` floats and one output of one or three numbers.
    Onnx,
}

#[derive(Debug)]
enum Engine {
    Tree(Box<tree::TreeModel>),
    Onnx(onnx::OnnxModel),
}

/// The outputs of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outputs {
    numbers: [f64; OUTPUTS_MAX],
    count: usize,
}

impl Outputs {
    /// As many as the model has.
    #[must_use]
    pub fn as_slice(&self) -> &[f64] {
        &self.numbers[..self.count]
    }
}

/// A model that was read from a file.
#[derive(Debug)]
pub struct ModelFile {
    name: String,
    weight: f64,
    outputs: usize,
    engine: Engine,
}

impl ModelFile {
    /// Opens a file of a model that takes so many inputs, and runs it once.
    ///
    /// # Errors
    /// [`ModelError`] names the file, what is wrong with it and what to do.
    pub fn open(
        name: &str,
        kind: Kind,
        path: &Path,
        weight: f64,
        inputs: usize,
    ) -> Result<ModelFile, ModelError> {
        let bytes = std::fs::read(path)
            .map_err(|source| ModelError::Unreadable { path: path.to_owned(), source })?;
        let (engine, outputs) = match kind {
            Kind::Tree => {
                let model = tree::TreeModel::read(&bytes, inputs)
                    .map_err(|problem| ModelError::Tree { path: path.to_owned(), problem })?;
                let outputs = model.outputs();
                (Engine::Tree(Box::new(model)), outputs)
            }
            Kind::Onnx => {
                let (model, outputs) = onnx::OnnxModel::read(&bytes, inputs)
                    .map_err(|problem| ModelError::Onnx { path: path.to_owned(), problem })?;
                (Engine::Onnx(model), outputs)
            }
        };
        if outputs != 1 && outputs != OUTPUTS_MAX {
            return Err(ModelError::Shape { path: path.to_owned(), outputs });
        }
        Ok(ModelFile { name: name.to_owned(), weight, outputs, engine })
    }

    /// Runs the model; where it fails, its outputs are NaN.
    pub fn run(&self, inputs: &[f64], outside: &mut dyn Outside) -> Outputs {
        let mut numbers = [f64::NAN; OUTPUTS_MAX];
        outside.numbers(&mut numbers[..self.outputs], &mut |out| {
            let done = match &self.engine {
                Engine::Tree(model) => model.run(inputs, out),
                Engine::Onnx(model) => model.run(inputs, out),
            };
            if done.is_none() {
                out.fill(f64::NAN);
            }
        });
        Outputs { numbers, count: self.outputs }
    }
}

impl Predictor for ModelFile {
    fn name(&self) -> &str {
        &self.name
    }
    fn weight(&self) -> f64 {
        self.weight
    }
    fn predict(
        &self,
        features: &Features,
        prices: usize,
        outside: &mut dyn Outside,
    ) -> Result<Prediction, PredictorFault> {
        opinion_of(self.run(&features.values(), outside).as_slice(), prices)
    }
}
