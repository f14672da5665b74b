//! `qsim.sweep`: many variants of a scenario, on all cores.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use scenarios::RunOptions;
use scenarios::sweep::{
    Local, Results, Sweep, SweepEnded, SweepFile, SweepProgress, TrialResult, columns, summary,
};

use crate::errors::refused;
use crate::run::data_folder;
use crate::table::Table;
use crate::values::python_of;

/// So often somebody looks whether Ctrl-C was pressed.
const LOOKS: Duration = Duration::from_millis(50);

/// The results of a sweep.
#[pyclass(frozen, module = "qsim")]
pub struct SweepResults {
    file: SweepFile,
    all: Vec<TrialResult>,
    folder: PathBuf,
}

#[pymethods]
impl SweepResults {
    /// Where they are kept.
    #[getter]
    fn folder(&self) -> &Path {
        &self.folder
    }

    /// A row a trial: its number, digest and seed, ``param.…`` for each axis, ``objective.…``, ``metric.…`` and ``figure.…``,
    /// the returns of its periods, who ran it, and as ``result`` all of it as JSON.
    #[getter]
    fn trials(&self) -> PyResult<Table> {
        let objectives: Vec<String> =
            self.file.objectives.iter().map(|of| of.name.clone()).collect();
        let paths: Vec<String> = self.file.axes.iter().map(|axis| axis.path.clone()).collect();
        Table::of_cells(columns(&self.all, &objectives, &paths))
    }

    /// What it came to: trials ``done`` and ``failed``, numbers of the ``best`` ones first and of the Pareto ``front``, the
    /// ``deflated`` Sharpe ratio, the probability of backtest ``overfitting``, and the ``neighbourhood`` of the best: each a
    /// dict, or a str that says why nobody knows.
    #[getter]
    fn summary<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let summary = summary(&self.file, &self.all);
        python_of(py, &serde_json::to_value(&summary).map_err(refused)?)
    }

    /// The trials as a ``polars.DataFrame``, without a copy.
    fn to_polars<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.trials()?.into_bound_py_any(py)?.call_method0("to_polars")
    }

    /// The trials as a ``pandas.DataFrame``.
    fn to_pandas<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.trials()?.into_bound_py_any(py)?.call_method0("to_pandas")
    }

    fn __len__(&self) -> usize {
        self.all.len()
    }

    fn __repr__(&self) -> String {
        let name = &self.file.name;
        format!(
            "<qsim.SweepResults {name}: {} trials in {}>",
            self.all.len(),
            self.folder.display()
        )
    }
}

/// Tells the waiting thread that a trial has ended.
struct Told(Mutex<Sender<Result<(), String>>>);

impl SweepProgress for Told {
    fn ended(&self, result: &TrialResult) {
        let told = result.error.clone().map_or(Ok(()), Err);
        // Nobody listens any more when the sweep is being interrupted.
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).send(told);
    }
}

/// Runs a sweep file, or goes on with it where it was interrupted.
///
/// ``into`` is the folder of its results (else the file's name with ``.sweep``): what has ended is kept there, so that after
/// Ctrl-C, a kill or an exception the same call goes on, with the same results. ``jobs`` is how many trials run at the same
/// time (else one a core). ``progress`` is called as ``progress(done, total)`` after each trial; an exception that it raises
/// ends the sweep as Ctrl-C does.
///
/// Raises ``QsimError`` for whatever cannot be run; what goes wrong in a trial stands in its row as ``error``.
#[pyfunction]
#[pyo3(signature = (path, *, into=None, data=None, jobs=None, progress=None))]
pub fn sweep(
    py: Python<'_>,
    path: PathBuf,
    into: Option<PathBuf>,
    data: Option<PathBuf>,
    jobs: Option<usize>,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<SweepResults> {
    let sweep = Sweep::read(&path).map_err(refused)?;
    let into = into.unwrap_or_else(|| path.with_extension("sweep"));
    let mut results = Results::open(&into, &sweep).map_err(refused)?;
    let total = sweep.trials().map_err(refused)?;
    let options = RunOptions { data: data_folder(data), ..RunOptions::default() };
    let engine = Local::new(options, false);
    // No more threads than cores, if nobody says otherwise: rayon's own rule.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs.unwrap_or(0)).build();
    let pool = pool.map_err(refused)?;
    let stop = AtomicBool::new(false);
    let mut done = results.count() as u64;
    let (tell, told) = mpsc::channel();
    let told = Mutex::new(told);
    let mut raised = None;
    let ended = std::thread::scope(|scope| {
        let (sweep, engine, stop, results) = (&sweep, &engine, &stop, &mut results);
        let runs = scope.spawn(move || {
            let progress = Told(Mutex::new(tell));
            pool.install(|| sweep.run_all(engine, results, stop, &progress))
        });
        loop {
            let heard = py
                .detach(|| told.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LOOKS));
            if heard == Err(RecvTimeoutError::Disconnected) {
                break;
            }
            let trial = heard.is_ok();
            done += u64::from(trial);
            let called = py.check_signals().and_then(|()| match &progress {
                Some(progress) if trial && raised.is_none() => {
                    progress.call1((done, total)).map(drop)
                }
                _ => Ok(()),
            });
            if let Err(error) = called {
                stop.store(true, Ordering::Relaxed);
                raised.get_or_insert(error);
            }
        }
        py.detach(|| runs.join())
    });
    if let Some(error) = raised {
        return Err(error);
    }
    let ended = ended.map_err(|_| refused("a bug in qsim ended the sweep; please report it"))?;
    match ended.map_err(refused)? {
        SweepEnded::Whole => {}
        SweepEnded::Interrupted => return Err(refused("the sweep was interrupted")),
    }
    let all = results.all().cloned().collect();
    Ok(SweepResults { file: sweep.file().clone(), all, folder: into })
}

/// The results of a sweep that is in ``folder``, whole or as far as it has come.
#[pyfunction]
pub fn read_sweep(folder: PathBuf) -> PyResult<SweepResults> {
    let (file, all) = Results::read(&folder).map_err(refused)?;
    Ok(SweepResults { file, all, folder })
}
