//! Errors on their way between Rust and Python.

use std::sync::{Arc, Mutex, PoisonError};

use engine::Nanos;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use scenarios::Progress;

pyo3::create_exception!(
    qsim,
    QsimError,
    PyException,
    "What qsim refuses: in words, with the remedy."
);

/// An error of ours, with its message.
pub(crate) fn refused(error: impl std::fmt::Display) -> PyErr {
    QsimError::new_err(error.to_string())
}

/// The first exception that Python's code raised in a run. Shared by all that call it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Raised(Arc<Mutex<Option<PyErr>>>);

impl Raised {
    /// Keeps it, if it is the first.
    pub(crate) fn keep(&self, error: PyErr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Whether there is one: Python's code is not called any more, and the run ends at its next slice.
    pub(crate) fn is_some(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Takes it.
    pub(crate) fn take(&self) -> Option<PyErr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Ends a run when Python's code has raised something, or somebody has pressed Ctrl-C.
impl Progress for Raised {
    fn advanced(&self, _: u64, _: u64, _: Nanos) {
        if let Err(interrupt) = Python::attach(|py| py.check_signals()) {
            self.keep(interrupt);
        }
    }

    fn stop(&self) -> Option<String> {
        self.is_some().then(|| "Python's code raised an exception".to_owned())
    }
}
