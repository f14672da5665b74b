//! The scenario file: what market, which account and exchange, how the pipeline is set, and what is
//! expected of the run.

use std::path::{Path, PathBuf};

use datasets::perturbation::Perturbation;
use datasets::synthetic::{LaidEvent, SyntheticMarket};
use engine::{Nanos, Symbol};
use pipeline::PipelineSettings;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::exchange_settings::DELIVERY_MAX_US;
use crate::invariants::{INVARIANTS, Invariants};
use crate::links::Links;
use crate::state::State;
use crate::timeline::TimelineStep;
use crate::{
    Account, Expectation, Gap, Limits, LiveSettings, ScenarioError, Strategy, TradingVenue, Venue,
    alterations, compose, events, market,
};

/// Earliest and latest second that can be simulated: 2000-01-01 and 2200-01-01.
const FIRST_TIME_S: i64 = 946_684_800;
const LAST_TIME_S: i64 = 7_258_118_400;
/// A trillion USDT; sums of more could leave `Decimal`'s 28 digits.
const WALLET_MAX: i64 = 1_000_000_000_000;

/// What the scenario's verdict should be.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// All expectations hold.
    #[default]
    Pass,
    /// At least one does not: the file shows an incident.
    Fail,
}

/// One scenario, as its file says it and, in a journal's header, with all defaults filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name; the file's name when absent.
    #[serde(default)]
    pub name: String,
    /// What it shows.
    #[serde(default)]
    pub description: String,
    /// Seed of all random streams.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// What the verdict should be.
    #[serde(default)]
    pub expected: Expected,
    /// Where it trades: simulated, unless another venue is named. The one line that goes live.
    #[serde(default, skip_serializing_if = "is_default")]
    pub venue: TradingVenue,
    /// What only a live session reads.
    #[serde(default, skip_serializing_if = "is_default")]
    pub live: LiveSettings,
    /// Where prices come from.
    pub market: Market,
    /// The account.
    #[serde(default)]
    pub account: Account,
    /// The exchange.
    #[serde(default)]
    pub exchange: Venue,
    /// Delivery times inside the pipeline.
    #[serde(default)]
    pub links: Links,
    /// The services.
    #[serde(default)]
    pub pipeline: PipelineSettings,
    /// A strategy that trades in place of the pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// What keeps the incident from returning, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub protection: String,
    /// What lies on the bus before the first instant.
    #[serde(default, skip_serializing_if = "is_default")]
    pub state: State,
    /// What is done to the run at set times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<TimelineStep>,
    /// What has to be true of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expectation>,
    /// How often the state is looked at where conditions on it have to hold, besides whenever the exchange
    /// says something; a second where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_every: Option<String>,
    /// Which invariants do not hold here, and why.
    #[serde(default, skip_serializing_if = "is_default")]
    pub invariants: Invariants,
    /// What a run of it may cost; no journal knows it.
    #[serde(default, skip_serializing)]
    pub limits: Limits,
    /// Which variant of its file it is; nothing if it is the file's own.
    #[serde(skip)]
    pub variant: String,
    /// It brings the incident back, and has to fail.
    #[serde(skip)]
    pub relapse: bool,
    /// The expectation at which it has to fail.
    #[serde(skip)]
    pub fails: String,
    /// Why what it changes beside the pipeline is the incident's own configuration.
    #[serde(skip)]
    pub incident: String,
    /// Where it was read from, for messages: its file, or the journal that it stands in.
    #[serde(skip)]
    pub origin: String,
}

/// TOML has times of its own, without quotes; the journal's JSON has not, so the file takes text only.
pub(crate) fn quoted_time<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    struct Quoted;
    impl serde::de::Visitor<'_> for Quoted {
        type Value = String;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a time in quotes, such as \"2026-02-01T00:00:00Z\"")
        }
        fn visit_str<E>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }
    }
    deserializer.deserialize_str(Quoted)
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn default_seed() -> u64 {
    1
}

/// Where prices come from: exactly one of the two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Market {
    /// A made market.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synthetic: Option<SyntheticMarket>,
    /// Imported data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Recorded>,
    /// The stretch of it that is told; all of it when absent. The timeline counts from its begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<crate::MarketWindow>,
    /// Price gaps, in either kind of market.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// What is done to the market, whichever it is, to see what a strategy bears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perturbation: Option<Perturbation>,
}

/// How the bars of a recorded market are told.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum BarPath {
    /// As four trades, at the open, both extremes and the close, and then the closed bar: whoever looks at prices within
    /// a bar sees them.
    #[default]
    Points,
    /// As the closed bar alone: the exchange goes along its path when it closes. A fifth of the events, for strategies
    /// that look at closes only.
    Whole,
}

/// Imported market data, replayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The symbols, in the order in which they rank at equal times.
    pub symbols: Vec<Symbol>,
    /// Length of the bars, such as `1m`; without it the trades are replayed, and bars of one minute are
    /// made of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bars: Option<String>,
    /// How a bar is told: by four trades on its path and its close, or whole.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bar_path: BarPath,
    /// First instant, ISO-8601.
    #[serde(deserialize_with = "quoted_time")]
    pub from: String,
    /// First instant after the end, ISO-8601.
    #[serde(deserialize_with = "quoted_time")]
    pub to: String,
    /// Whether recorded funding rates are replayed.
    #[serde(default)]
    pub funding: bool,
    /// Length of the mark price bars, such as `1h`, to replay recorded mark prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark_bars: Option<String>,
    /// Length of the index price bars, such as `1m`: where no mark prices are replayed, the exchange makes
    /// them of the index and its book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_bars: Option<String>,
    /// Which trades are replayed where `bars` is left out: aggregated ones, if it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tape: Option<Tape>,
    /// Whether the mark price stream is replayed, with its index.
    #[serde(default)]
    pub mark_stream: bool,
    /// Whether the best bids and asks are replayed.
    #[serde(default)]
    pub quotes: bool,
    /// Whether the level-2 book is replayed.
    #[serde(default)]
    pub depth: bool,
    /// What becomes of a time for which the data lack rows.
    #[serde(default)]
    pub gaps: OnGap,
    /// Invented events, laid over the recorded prices; their minutes count from `from`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<LaidEvent>,
}

/// The two forms of recorded trades.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Tape {
    /// Aggregated trades.
    #[default]
    AggTrades,
    /// Single trades.
    Trades,
}

/// What becomes of a time for which recorded data lack rows.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OnGap {
    /// The run goes on and its report says what is missing.
    #[default]
    Warning,
    /// The scenario is refused.
    Error,
    /// As a warning, and the symbol's trading halts meanwhile: nobody trades at prices that nobody knows.
    Halt,
}

impl Scenario {
    /// Reads a scenario from text that came from `origin`, without its variants.
    pub fn parse(origin: &str, text: &str) -> Result<Scenario, ScenarioError> {
        let cases = compose::cases(origin, text)?;
        cases.into_iter().next().ok_or_else(|| ScenarioError::Build {
            origin: origin.to_owned(),
            problem: "there is no scenario in it".into(),
        })
    }

    /// Reads a scenario file, without its variants.
    pub fn read(path: &Path) -> Result<Scenario, ScenarioError> {
        Scenario::parse(&path.display().to_string(), &content(path)?)
    }

    /// Reads a scenario file: the scenario itself, then its variants in their order.
    pub fn read_cases(path: &Path) -> Result<Vec<Scenario>, ScenarioError> {
        compose::cases(&path.display().to_string(), &content(path)?)
    }

    /// Its name with that of the variant, as in `safe_mode/relapse`.
    pub fn case_name(&self) -> String {
        match self.variant.as_str() {
            "" => self.name.clone(),
            variant => format!("{}/{variant}", self.name),
        }
    }

    /// Fills in what follows from where it was read, and looks it over.
    pub(crate) fn finish(&mut self, origin: &str) -> Result<(), ScenarioError> {
        if self.name.is_empty() {
            let stem = Path::new(origin).file_stem().unwrap_or_default();
            self.name = stem.to_string_lossy().into_owned();
        }
        if let Some(latency) = &mut self.exchange.latency {
            latency
                .read_file(origin)
                .map_err(|problem| ScenarioError::Build { origin: origin.to_owned(), problem })?;
        }
        self.check(origin)?;
        if self.strategy.is_some() {
            let why = || "the strategy keeps no ledger".to_owned();
            self.invariants.off.entry("positions_recorded".to_owned()).or_insert_with(why);
        }
        origin.clone_into(&mut self.origin);
        Ok(())
    }

    /// What the types alone cannot say.
    fn check(&self, origin: &str) -> Result<(), ScenarioError> {
        let build = |problem: String| ScenarioError::Build { origin: origin.to_owned(), problem };
        if self.market.synthetic.is_some() == self.market.recorded.is_some() {
            return Err(build("[market] needs exactly one of `synthetic` and `recorded`".into()));
        }
        self.links.problem(&self.market).map_or(Ok(()), |problem| Err(build(problem)))?;
        if let Some(recorded) = &self.market.recorded {
            let (from, to) = recorded.range().map_err(build)?;
            if from >= to {
                return Err(build(format!(
                    "[market.recorded] from {from} is not before to {to}: swap or change them"
                )));
            }
            if recorded.bars.is_some() && recorded.tape.is_some() {
                return Err(build(
                    "[market.recorded] bars and tape: bars are replayed, or the trades of the tape; leave one of them out".into(),
                ));
            }
            if recorded.bars.is_none() && recorded.bar_path != BarPath::Points {
                return Err(build(
                    "[market.recorded] bar_path says how bars are told, and none are: say bars = \"1m\" as well, or leave it out".into(),
                ));
            }
            if recorded.symbols.is_empty() {
                return Err(build("[market.recorded] symbols is empty: name at least one".into()));
            }
        }
        self.market.window_problem().map_or(Ok(()), |problem| Err(build(problem)))?;
        self.name_problem().map_or(Ok(()), |problem| Err(build(problem)))?;
        if let Ok((from, to)) = self.range()
            && (from < Nanos::from_secs(FIRST_TIME_S) || to > Nanos::from_secs(LAST_TIME_S))
        {
            return Err(build(format!(
                "[market] lies between {from} and {to}: only 2000 to 2200 can be simulated"
            )));
        }
        let wallet = self.account.wallet;
        if wallet < Decimal::ZERO || wallet > Decimal::from(WALLET_MAX) {
            return Err(build(format!(
                "account.wallet is {wallet}: it has to be from 0 to {WALLET_MAX} USDT"
            )));
        }
        let spans = [
            ("exchange.request_latency_us", self.exchange.request_latency_us),
            ("exchange.response_latency_us", self.exchange.response_latency_us),
            ("links.latency_us", self.links.latency_us),
            ("links.jitter_us", self.links.jitter_us),
            ("links.call_latency_us", self.links.call_latency_us),
            ("links.feed_latency_us", self.links.feed_latency_us),
        ];
        let odd = |(_, value): &&(&str, i64)| !(0..=DELIVERY_MAX_US).contains(value);
        if let Some((name, value)) = spans.iter().find(odd) {
            return Err(build(format!(
                "{name} is {value}: a delivery takes from 0 to {DELIVERY_MAX_US} µs (a day)"
            )));
        }
        let problem = events::problem(self)
            .or_else(|| market::book_problem(self))
            .or_else(|| alterations::problem(self))
            .or_else(|| self.strategy_problem());
        problem.map_or(Ok(()), |problem| Err(build(problem)))?;
        let problem = self
            .look_every()
            .err()
            .or_else(|| self.invariants.problem())
            .or_else(|| self.limits.problem())
            .or_else(|| self.live.problem(self.venue))
            .or_else(|| self.same_names());
        problem.map_or(Ok(()), |problem| Err(build(problem)))?;
        let range = self.range().map_err(build)?;
        for expectation in &self.expect {
            if let Some(problem) = expectation.problem(range) {
                return Err(expectation.place.fault(origin, problem));
            }
        }
        Ok(())
    }
}

impl Scenario {
    /// How often the state is looked at.
    pub(crate) fn look_every(&self) -> Result<Nanos, String> {
        let Some(text) = &self.look_every else { return Ok(Nanos::from_secs(1)) };
        events::offset(text)
            .filter(|span| *span > Nanos::ZERO)
            .ok_or_else(|| format!("look_every = {text:?} is no span above zero, such as \"1s\""))
    }

    /// The names at which a run of it may fail.
    pub(crate) fn expectation_names(&self) -> Vec<&str> {
        let invariants = INVARIANTS.iter().map(|(name, _)| *name);
        self.expect.iter().map(|expectation| expectation.name.as_str()).chain(invariants).collect()
    }

    /// A relapse names the expectation at which it fails, so no two may share a name.
    fn same_names(&self) -> Option<String> {
        let mut names = self.expectation_names();
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1])?;
        Some(format!("two expectations are named {:?}: rename one", twice[0]))
    }

    /// What its files are named after: name, variant and seed.
    pub fn file_stem(&self) -> String {
        let variant = if self.variant.is_empty() { "" } else { "." };
        format!("{}{variant}{}-{}", self.name, self.variant, self.seed)
    }

    /// The name becomes a file's name.
    fn name_problem(&self) -> Option<String> {
        let name = &self.name;
        let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '+' | '=');
        let fits = name.chars().count() <= 100 && !name.starts_with('.') && name.chars().all(plain);
        (!fits).then(|| {
            format!(
                "name = {name:?}: it names the journal file, so give up to 100 letters, digits, blanks or -_.+= and no dot in front"
            )
        })
    }
}

impl Recorded {
    /// First instant and first instant after the end.
    pub fn range(&self) -> Result<(Nanos, Nanos), String> {
        crate::market_window::span("[market.recorded]", &self.from, &self.to)
    }
}

fn content(path: &Path) -> Result<String, ScenarioError> {
    let io = |source| ScenarioError::Io { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(io)?;
    // Some editors begin a file with a byte order mark.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Files beside scenarios that are none: the manifest of this crate, and the digests of the library.
const NO_SCENARIOS: [&str; 2] = ["Cargo.toml", "goldens.toml"];
/// The folder of pieces that scenarios include.
const PIECES: &str = "parts";

/// The scenario files that the given paths name: files as they are, folders with their `*.toml` and those of
/// their subfolders in the order of their names, except `parts`, whose files are pieces for others.
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, ScenarioError> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let before = found.len();
        find_in(path, &mut found)?;
        if found.len() == before {
            return Err(ScenarioError::EmptyFolder { path: path.clone() });
        }
    }
    Ok(found)
}

fn find_in(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), ScenarioError> {
    let io = |source| ScenarioError::Io { path: folder.to_owned(), source };
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != PIECES && !name.starts_with('.') {
            folders.push(path);
        } else if name.ends_with(".toml") && !NO_SCENARIOS.contains(&name.as_str()) {
            files.push(path);
        }
    }
    files.sort();
    folders.sort();
    found.append(&mut files);
    folders.iter().try_for_each(|folder| find_in(folder, found))
}
