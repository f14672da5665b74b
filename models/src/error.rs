//! Why a model file cannot be used.

use std::path::PathBuf;

/// Why a model file cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file system refused.
    #[error("{}: {source}; give the path of a model file that can be read", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No trees, or others than are wanted.
    #[error("{}: no usable tree model: {problem}; give a file that `qsim pipeline learn`, XGBoost (JSON, UBJSON) or LightGBM (text) wrote for the 18 features", path.display())]
    Tree {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// No graph, or another than is wanted.
    #[error("{}: no usable ONNX model: {problem}; export it with one float input of [1, features] and one float output", path.display())]
    Onnx {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// It gives neither one number nor three.
    #[error("{}: the model gives {outputs} numbers: give one that tells the chance of a rise, or those of SELL, HOLD and BUY", path.display())]
    Shape {
        /// Which file.
        path: PathBuf,
        /// How many.
        outputs: usize,
    },
}
