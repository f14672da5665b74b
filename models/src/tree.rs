//! Gradient-boosted trees, through `hessboost`.

use hessboost::model::{BoostedModel, Iterations, ModelFormat};

/// Features that a row may have: it lies on the stack.
const INPUTS_MAX: usize = 32;

/// Trees.
#[derive(Debug)]
pub(crate) struct TreeModel {
    model: BoostedModel,
}

impl TreeModel {
    pub(crate) fn read(bytes: &[u8], inputs: usize) -> Result<TreeModel, String> {
        let format = ModelFormat::detect(bytes).ok_or("it is of no format that is known")?;
        let model = BoostedModel::decode(bytes, format).map_err(|error| error.to_string())?;
        let own = model.n_features();
        if own != inputs || own > INPUTS_MAX {
            return Err(format!("it takes {own} features, not {inputs}"));
        }
        Ok(TreeModel { model })
    }

    pub(crate) fn outputs(&self) -> usize {
        self.model.prediction_width()
    }

    /// Fills `out`; `None` where the model refuses the row.
    pub(crate) fn run(&self, inputs: &[f64], out: &mut [f64]) -> Option<()> {
        let mut row = [0.0f32; INPUTS_MAX];
        let row = row.get_mut(..inputs.len())?;
        row.iter_mut().zip(inputs).for_each(|(slot, value)| *slot = *value as f32);
        let mut found = [0.0f32; super::OUTPUTS_MAX];
        let found = found.get_mut(..out.len())?;
        self.model.predict_row_into(row, Iterations::Best, found).ok()?;
        out.iter_mut().zip(found).for_each(|(slot, value)| *slot = f64::from(*value));
        Some(())
    }
}
