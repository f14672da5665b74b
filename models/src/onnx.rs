//! ONNX graphs, through `tract`.

use std::sync::Arc;

#[allow(clippy::wildcard_imports, reason = "its traits have no other way in")]
use tract_onnx::prelude::*;

/// A graph that is ready to run.
#[derive(Debug)]
pub(crate) struct OnnxModel {
    runnable: Arc<TypedRunnableModel>,
    inputs: usize,
}

impl OnnxModel {
    /// The graph, and how many numbers it gives.
    pub(crate) fn read(bytes: &[u8], inputs: usize) -> Result<(OnnxModel, usize), String> {
        let mut reader = bytes;
        let text = |error: TractError| format!("{error:#}");
        let graph = tract_onnx::onnx().model_for_read(&mut reader).map_err(text)?;
        let shape = [1, inputs];
        let model: TypedModel = graph
            .with_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), shape))
            .and_then(|graph| graph.into_optimized())
            .map_err(text)?;
        let runnable = model.into_runnable().map_err(text)?;
        let model = OnnxModel { runnable, inputs };
        let outputs = model.outputs(&vec![0.0; inputs]).ok_or("it does not run")?;
        Ok((model, outputs.len()))
    }

    fn outputs(&self, inputs: &[f64]) -> Option<Vec<f64>> {
        let row: Vec<f32> = inputs.iter().map(|value| *value as f32).collect();
        let tensor = Tensor::from_shape(&[1, self.inputs], &row).ok()?;
        let found = self.runnable.run(tvec!(tensor.into_tvalue())).ok()?;
        let found = found.first()?.cast_to::<f32>().ok()?.into_owned();
        let found = found.try_as_plain_ram().ok()?.as_slice::<f32>().ok()?;
        Some(found.iter().map(|value| f64::from(*value)).collect())
    }

    /// Fills `out`; `None` where the graph fails or gives another count than when it was opened.
    pub(crate) fn run(&self, inputs: &[f64], out: &mut [f64]) -> Option<()> {
        let found = self.outputs(inputs)?;
        if found.len() != out.len() {
            return None;
        }
        out.copy_from_slice(&found);
        Some(())
    }
}
