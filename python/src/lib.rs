//! The native half of the Python package `qsim`: runs, sweeps, strategies and predictors in Python.
//!
//! Invariant: what Python is told of a run is virtual time and what follows from it; whoever runs Python's code decides nothing
//! by the machine's clock or by threads. So a run is repeatable as far as the Python code is.

mod context;
mod errors;
mod predictor;
mod run;
mod strategy;
mod sweep;
mod table;
mod values;

use pyo3::prelude::*;

/// The native half of `qsim`; import that.
#[pymodule]
fn _qsim(py: Python<'_>, module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("QsimError", py.get_type::<errors::QsimError>())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<table::Table>()?;
    module.add_class::<run::Run>()?;
    module.add_class::<sweep::SweepResults>()?;
    module.add_class::<context::Context>()?;
    module.add_class::<context::Instrument>()?;
    module.add_class::<context::Bar>()?;
    module.add_class::<context::Trade>()?;
    module.add_class::<context::Order>()?;
    module.add_class::<context::Fill>()?;
    module.add_class::<context::Account>()?;
    module.add_function(wrap_pyfunction!(run::run, module)?)?;
    module.add_function(wrap_pyfunction!(sweep::sweep, module)?)?;
    module.add_function(wrap_pyfunction!(sweep::read_sweep, module)?)
}
