//! A model of the ensemble that is written in Python.

use std::fmt;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use strategies::{Features, Outside, Prediction, Predictor, PredictorFault, opinion_of};

use crate::errors::Raised;

/// Stands behind a single number, where the other numbers of three would be. No probability is below zero.
const ALONE: f64 = -1.0;

/// A Python callable with a seat in the ensemble.
pub(crate) struct PythonPredictor {
    pub(crate) name: String,
    pub(crate) weight: f64,
    pub(crate) callable: Py<PyAny>,
    pub(crate) raised: Raised,
}

impl fmt::Debug for PythonPredictor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PythonPredictor").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PythonPredictor {
    fn call(&self, features: &Features, out: &mut [f64]) -> PyResult<()> {
        Python::attach(|py| {
            let named = PyDict::new(py);
            for (name, value) in Features::NAMES.iter().zip(features.values()) {
                named.set_item(name, value)?;
            }
            let said = self.callable.bind(py).call1((named,))?;
            match said.extract::<f64>() {
                Ok(up) => out.copy_from_slice(&[up, ALONE, ALONE]),
                Err(_) => {
                    let three: (f64, f64, f64) = said.extract()?;
                    out.copy_from_slice(&[three.0, three.1, three.2]);
                }
            }
            Ok(())
        })
    }
}

impl Predictor for PythonPredictor {
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
        let mut numbers = [f64::NAN; 3];
        outside.numbers(&mut numbers, &mut |out| {
            out.fill(f64::NAN);
            if self.raised.is_some() {
                return;
            }
            if let Err(error) = self.call(features, out) {
                self.raised.keep(error);
                out.fill(f64::NAN);
            }
        });
        match numbers {
            [up, ALONE, ALONE] => opinion_of(&[up], prices),
            three => opinion_of(&three, prices),
        }
    }
}
