//! `qsim.run`: a scenario from its first instant to its end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use reports::metrics::Settings;
use scenarios::sweep::{MetricSettings, scenario_with};
use scenarios::{
    Guests, RunOptions, RunRecord, ScenarioReport, Verdict, closed_trades, open_trades,
    run_measures, run_returns, run_with, trade_cells,
};
use strategies::Predictor;

use crate::context::float;
use crate::errors::{Raised, refused};
use crate::predictor::PythonPredictor;
use crate::strategy::PythonStrategy;
use crate::table::{Column, Table};
use crate::values::{json_of, python_of};

/// Weight of a predictor that has none of its own.
const WEIGHT: f64 = 0.25;

/// The folder or URL that is given, or that of the environment, as which stores are reached from here on.
pub(crate) fn data_folder(given: Option<PathBuf>) -> Option<PathBuf> {
    let all = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let otherwise = std::env::temp_dir().join("qsim-data");
    scenarios::set_access(scenarios::Access::of(all, otherwise, |text| eprintln!("qsim: {text}")));
    let from_environment = || std::env::var_os("QSIM_DATA").filter(|value| !value.is_empty());
    given.or_else(|| from_environment().map(Into::into))
}

/// A run that has ended.
#[pyclass(frozen, module = "qsim")]
pub struct Run {
    name: String,
    seed: u64,
    symbols: Vec<String>,
    report: ScenarioReport,
    record: RunRecord,
}

/// As `[metrics]` of a sweep file has them.
fn settings(
    period: &str,
    risk_free_rate: f64,
    target_return: f64,
    tail_level: f64,
) -> PyResult<Settings> {
    let period = period.to_owned();
    let file = MetricSettings { period, risk_free_rate, target_return, tail_level };
    file.settings().map_err(refused)
}

#[pymethods]
impl Run {
    /// Name of the scenario.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// Seed of all its random streams.
    #[getter]
    fn seed(&self) -> u64 {
        self.seed
    }

    /// Its symbols, in their order.
    #[getter]
    fn symbols(&self) -> Vec<String> {
        self.symbols.clone()
    }

    /// ``pass`` if all expectations of the file hold, else ``fail``.
    #[getter]
    fn verdict(&self) -> &'static str {
        match self.report.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Error => "error",
        }
    }

    /// BLAKE3 of all that came in and went out, in hex: the run's identity, the same as ``qsim run`` prints.
    #[getter]
    fn digest(&self) -> &str {
        &self.report.digest
    }

    /// Events handled: market events, and inputs of services.
    #[getter]
    fn events(&self) -> u64 {
        self.report.events
    }

    /// Length of the run, in virtual seconds.
    #[getter]
    fn virtual_seconds(&self) -> f64 {
        self.report.virtual_seconds
    }

    /// Expectations that do not hold: ``name``, ``found``, and where known ``at`` and ``entry`` of the first violation.
    #[getter]
    fn failed<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        python_of(py, &serde_json::to_value(&self.report.failed).map_err(refused)?)
    }

    /// What was noticed.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.report.warnings.clone()
    }

    /// What was assumed.
    #[getter]
    fn assumptions(&self) -> Vec<String> {
        self.report.assumptions.clone()
    }

    /// All figures by their names: of the exchange, such as ``wallet_balance`` and ``fills``, and ``service.counter`` of each
    /// service.
    #[getter]
    fn figures(&self) -> BTreeMap<String, f64> {
        self.report.figures.iter().map(|(name, value)| (name.clone(), float(*value))).collect()
    }

    /// The metrics by their names, such as ``sharpe``, ``max_drawdown`` and ``trades``; none where one is undefined.
    ///
    /// ``period`` is the span whose returns are looked at, such as ``1d`` or ``1h``; the rates are of a year (0.04 is 4 %);
    /// ``tail_level`` is the confidence of value at risk and expected shortfall.
    #[pyo3(signature = (period="1d", *, risk_free_rate=None, target_return=None, tail_level=None))]
    fn metrics(
        &self,
        period: &str,
        risk_free_rate: Option<f64>,
        target_return: Option<f64>,
        tail_level: Option<f64>,
    ) -> PyResult<BTreeMap<&'static str, Option<f64>>> {
        let usual = Settings::default();
        let settings = settings(
            period,
            risk_free_rate.unwrap_or(usual.risk_free_rate),
            target_return.unwrap_or(usual.target_return),
            tail_level.unwrap_or(usual.tail_level),
        )?;
        let measured = run_measures(&self.record, &self.symbols, &settings).map_err(refused)?;
        Ok(measured.values().map(|(metric, value)| (metric.name, value)).collect())
    }

    /// Returns of the run's periods, from its first instant on.
    #[pyo3(signature = (period="1d"))]
    fn returns(&self, period: &str) -> PyResult<Vec<f64>> {
        let settings = settings(period, 0.0, 0.0, Settings::default().tail_level)?;
        run_returns(&self.record, engine::Nanos(settings.period_ns)).map_err(refused)
    }

    /// Equity over time: ``time``, ``equity`` (wallet and unrealised profit), and positions at mark price, longs and shorts
    /// alike (``gross``) or set off (``net``); in USDT.
    #[getter]
    fn equity(&self) -> PyResult<Table> {
        let record = &self.record;
        let times = record.sampled_at.iter().map(|time| Some(time.0)).collect();
        Table::of(named([
            ("time", Column::Times(times)),
            ("equity", Column::Floats(record.equity.clone())),
            ("gross", Column::Floats(record.gross.clone())),
            ("net", Column::Floats(record.net.clone())),
        ]))
    }

    /// Fills in their order; amounts in USDT, quantities in units of the base asset.
    #[getter]
    fn fills(&self) -> PyResult<Table> {
        let all = &self.record.fills;
        let floats = |of: fn(&scenarios::RecordedFill) -> rust_decimal::Decimal| {
            Column::Floats(all.iter().map(|fill| float(of(fill))).collect())
        };
        let bools =
            |of: fn(&scenarios::RecordedFill) -> bool| Column::Bools(all.iter().map(of).collect());
        let texts = |of: &dyn Fn(&scenarios::RecordedFill) -> String| {
            Column::Texts(all.iter().map(|fill| Some(of(fill))).collect())
        };
        Table::of(named([
            ("time", Column::Times(all.iter().map(|fill| Some(fill.time.0)).collect())),
            ("symbol", texts(&|fill| self.symbol(fill.symbol))),
            ("side", texts(&|fill| if fill.buys { "BUY" } else { "SELL" }.to_owned())),
            ("price", floats(|fill| fill.price)),
            ("quantity", floats(|fill| fill.qty)),
            ("notional", floats(|fill| fill.notional)),
            ("commission", floats(|fill| fill.commission)),
            ("maker", bools(|fill| fill.maker)),
            ("forced", bools(|fill| fill.forced)),
            ("order_id", texts(&|fill| fill.client_order_id.to_string())),
        ]))
    }

    /// Trades that have ended, in the order of their ends, in the columns of ``qsim report --format parquet``; amounts in USDT,
    /// quantities in units of the base asset, ``mae`` and ``mfe`` as shares of the entry price.
    #[getter]
    fn trades(&self) -> PyResult<Table> {
        Table::of_cells(trade_cells(closed_trades(&self.record, &self.symbols)))
    }

    /// Trades that are open at the end, in the same columns; their numbers go on from those of ``trades``.
    #[getter]
    fn open_trades(&self) -> PyResult<Table> {
        Table::of_cells(trade_cells(open_trades(&self.record, &self.symbols)))
    }

    /// Equity as a ``polars.DataFrame``, without a copy.
    fn to_polars<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.equity()?.into_bound_py_any(py)?.call_method0("to_polars")
    }

    /// Equity as a ``pandas.DataFrame`` with ``time`` as its index.
    fn to_pandas<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let frame = self.equity()?.into_bound_py_any(py)?.call_method0("to_pandas")?;
        frame.call_method1("set_index", ("time",))
    }

    fn __repr__(&self) -> String {
        format!(
            "<qsim.Run {} seed {}: {}, {}>",
            self.name,
            self.seed,
            self.verdict(),
            self.digest()
        )
    }
}

impl Run {
    fn symbol(&self, place: usize) -> String {
        self.symbols.get(place).cloned().unwrap_or_default()
    }
}

fn named<const N: usize>(columns: [(&str, Column); N]) -> Vec<(String, Column)> {
    columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect()
}

fn predictors_of(
    given: Option<&Bound<'_, PyDict>>,
    raised: &Raised,
) -> PyResult<Vec<Arc<dyn Predictor>>> {
    let mut all: Vec<Arc<dyn Predictor>> = Vec::new();
    for (name, callable) in given.into_iter().flatten() {
        let weight = match callable.getattr_opt("weight")? {
            Some(weight) => weight.extract()?,
            None => WEIGHT,
        };
        all.push(Arc::new(PythonPredictor {
            name: name.extract()?,
            weight,
            callable: callable.unbind(),
            raised: raised.clone(),
        }));
    }
    Ok(all)
}

/// Runs a scenario file to its end.
///
/// ``variant`` is one of the file's variants; ``set`` puts values at paths such as ``pipeline.trading_bot.min_confidence`` or
/// ``market.synthetic.minutes``; ``data`` is the folder with imported market data (else the environment's ``QSIM_DATA``);
/// ``seed`` replaces the file's.
///
/// ``strategy`` is an object with the callbacks of ``qsim.Strategy``: it trades in place of the file's pipeline, on the same
/// market and exchange. ``predictors`` are callables by name, which get the 18 features of the signal models as a dict and
/// give the chance that the price rises, or those of SELL, HOLD and BUY; they vote in the pipeline's ensemble, with their
/// attribute ``weight`` (0.25 without one), one with the name of a built-in model in its place and with its weight.
///
/// The run has its own, virtual time, and a digest that is the same for the same file, data, seed and Python code, as long as
/// that code draws on nothing else: no clock, no unseeded chance, no order of a set. An exception that it raises ends the run
/// and is raised here; so does Ctrl-C. Other Python threads go on while it runs.
///
/// Raises ``QsimError`` for whatever cannot be run, in words.
#[pyfunction]
#[pyo3(signature = (path, *, variant="", set=None, data=None, seed=None, strategy=None, predictors=None))]
#[allow(clippy::too_many_arguments, reason = "they are Python's, which names them")]
pub fn run(
    py: Python<'_>,
    path: PathBuf,
    variant: &str,
    set: Option<BTreeMap<String, Bound<'_, PyAny>>>,
    data: Option<PathBuf>,
    seed: Option<u64>,
    strategy: Option<Bound<'_, PyAny>>,
    predictors: Option<Bound<'_, PyDict>>,
) -> PyResult<Run> {
    let set: PyResult<BTreeMap<String, serde_json::Value>> =
        set.into_iter().flatten().map(|(path, value)| Ok((path, json_of(&value)?))).collect();
    let set = set?;
    let values = set.iter().map(|(path, value)| (path.as_str(), value));
    let mut scenario = scenario_with(&path, variant, values).map_err(refused)?;
    scenario.seed = seed.unwrap_or(scenario.seed);
    let raised = Raised::default();
    let mut guests =
        Guests { predictors: predictors_of(predictors.as_ref(), &raised)?, ..Guests::default() };
    if let Some(strategy) = strategy {
        if !guests.predictors.is_empty() {
            return Err(refused(
                "a strategy trades in place of the pipeline, and predictors vote in it: give one of the two",
            ));
        }
        if scenario.account.hedge_mode {
            return Err(refused(
                "account.hedge_mode: a strategy in Python has one position a symbol: remove it",
            ));
        }
        let why = "a strategy that is not the pipeline keeps no ledger".to_owned();
        scenario.invariants.off.entry("positions_recorded".to_owned()).or_insert(why);
        guests.strategy = Some(Box::new(PythonStrategy::new(&strategy, raised.clone())?));
    }
    let options = RunOptions { data: data_folder(data), record: true, ..RunOptions::default() };
    let ended = py.detach(|| run_with(&scenario, &options, guests, &raised));
    if let Some(error) = raised.take() {
        return Err(error);
    }
    let mut report = ended.map_err(refused)?;
    let record = report.record.take().unwrap_or_default();
    let symbols = scenario.symbols().iter().map(|one| one.as_str().to_owned()).collect();
    Ok(Run { name: scenario.case_name(), seed: scenario.seed, symbols, report, record })
}
