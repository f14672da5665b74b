//! A market of 1-minute bars whose prices follow one of the models, symbol by symbol.

use engine::{FeedError, MarketEvent, NamedRng, Nanos, Symbol, SymbolIndex};

use super::config::{
    ConstantFunding, SyntheticSymbol, funding_problem, span_problem, symbols_problem,
};
use super::correlation::{Shocks, cholesky};
use super::events::{LaidEvent, Overlay, events_problem};
use super::garch::{Garch, GarchProcess};
use super::grid::{Grid, busy};
use super::jump_diffusion::{JumpDiffusion, JumpProcess};
use super::regimes::{self, Regime, RegimeProcess};
use super::{BARS, MINUTE, MINUTE_MS};
use crate::bars::{BarMode, GridBar, expand};
use crate::merge::Source;

/// What a symbol's prices follow.
#[derive(Clone, Debug, PartialEq)]
pub enum PriceModel {
    /// Geometric Brownian motion with jumps (Merton).
    JumpDiffusion(JumpDiffusion),
    /// GARCH(1,1) with Student-t innovations.
    Garch(Garch),
    /// A Markov chain of drifts and volatilities.
    Regimes(Vec<Regime>),
}

/// One symbol and its model.
#[derive(Clone, Debug, PartialEq)]
pub struct BarSymbol {
    /// Grid, first price, volume and volatility.
    pub symbol: SyntheticSymbol,
    /// What its price follows.
    pub model: PriceModel,
}

/// A market of 1-minute bars.
#[derive(Clone, Debug, PartialEq)]
pub struct BarMarket {
    /// The symbols, in the order of the run.
    pub symbols: Vec<BarSymbol>,
    /// Opening of the first bar, in milliseconds since 1970-01-01T00:00Z; a whole minute.
    pub start_ms: i64,
    /// Length of the market, in minutes.
    pub minutes: u32,
    /// Correlation of the symbols' shocks; none are independent.
    pub correlation: Option<Vec<Vec<f64>>>,
    /// What befalls it.
    pub events: Vec<LaidEvent>,
    /// Funding, if it is told by the market.
    pub funding: Option<ConstantFunding>,
    /// What becomes of each bar.
    pub bars: BarMode,
}

impl PriceModel {
    fn problem(&self) -> Option<String> {
        match self {
            PriceModel::JumpDiffusion(p) => p.problem(),
            PriceModel::Garch(p) => p.problem(),
            PriceModel::Regimes(regimes) => regimes::problem(regimes),
        }
    }

    fn heat_mean(&self) -> f64 {
        match self {
            PriceModel::JumpDiffusion(_) => 1.0,
            PriceModel::Garch(p) => p.heat_mean(),
            PriceModel::Regimes(regimes) => regimes::heat_mean(regimes),
        }
    }
}

/// Volume grows with the square root of a minute's deviation by the usual one.
pub(super) fn heat(of_usual: f64) -> f64 {
    libm::sqrt(of_usual)
}

impl BarMarket {
    /// What is wrong with it, the first thing.
    pub(super) fn problem(&self) -> Option<String> {
        let symbols: Vec<&SyntheticSymbol> = self.symbols.iter().map(|s| &s.symbol).collect();
        let names: Vec<Symbol> = symbols.iter().map(|s| s.symbol).collect();
        let of_model = |s: &BarSymbol| {
            s.model.problem().map(|problem| format!("{}: {problem}", s.symbol.symbol))
        };
        span_problem(self.start_ms, self.minutes)
            .or_else(|| symbols_problem(&symbols))
            .or_else(|| symbols.iter().find_map(|symbol| symbol.scale_problem()))
            .or_else(|| self.symbols.iter().find_map(of_model))
            .or_else(|| self.factor().err())
            .or_else(|| self.shared_problem())
            .or_else(|| funding_problem(self.funding))
            .or_else(|| {
                events_problem(&self.events, &names, (self.start_ms, self.minutes), self.funding)
            })
    }

    /// What correlated symbols share has one number for all: the degrees of the chi-square of which their heavy
    /// tails are drawn, and how often they jump together.
    fn shared_problem(&self) -> Option<String> {
        self.correlation.as_ref()?;
        let shared = |s: &BarSymbol| match s.model {
            PriceModel::Garch(p) => Some(("degrees_of_freedom", p.degrees_of_freedom)),
            PriceModel::JumpDiffusion(p) => Some(("jumps_per_day", p.jumps_per_day)),
            PriceModel::Regimes(_) => None,
        };
        let of = |s: &BarSymbol| shared(s).map(|(key, value)| (s.symbol.symbol, key, value));
        let all: Vec<(Symbol, &str, f64)> = self.symbols.iter().filter_map(of).collect();
        let (&(first, key, value), rest) = all.split_first()?;
        let (symbol, _, other) = rest.iter().find(|(_, _, v)| v.to_bits() != value.to_bits())?;
        let why = match key {
            "jumps_per_day" => "jump together, by sizes that correlate",
            _ => "share their heavy tails (multivariate t)",
        };
        Some(format!(
            "correlation: {first} has {value} {key} and {symbol} has {other}; correlated symbols {why}: give them the same number, or remove the correlation"
        ))
    }

    /// The Cholesky factor of the correlation, or of none.
    fn factor(&self) -> Result<Vec<Vec<f64>>, String> {
        if let Some(matrix) = &self.correlation {
            return cholesky(matrix, self.symbols.len());
        }
        let alone = |i: usize| (0..=i).map(|j| if i == j { 1.0 } else { 0.0 }).collect();
        Ok((0..self.symbols.len()).map(alone).collect())
    }

    /// A source of bars for each symbol.
    pub(super) fn sources(&self, seed: u64) -> Result<Vec<ModelBars>, String> {
        let factor = self.factor()?;
        let each = self.symbols.iter().zip(&factor).zip(0u16..);
        Ok(each
            .map(|((symbol, row), index)| ModelBars::new(self, symbol, row, index, seed))
            .collect())
    }
}

#[derive(Clone)]
enum Process {
    Jumps(JumpProcess),
    Garch(GarchProcess),
    Regimes(RegimeProcess),
}

/// One symbol's bars, minute by minute.
#[derive(Clone)]
pub(super) struct ModelBars {
    symbol: SyntheticSymbol,
    index: SymbolIndex,
    start_ms: i64,
    minutes: u32,
    mode: BarMode,
    process: Process,
    shocks: Shocks,
    /// For extremes and volumes.
    own: NamedRng,
    /// Mean of the model's heat.
    heat_mean: f64,
    minute: u32,
    /// Logarithm of the price without events.
    level: f64,
    last: i64,
    grid: Grid,
    overlay: Overlay,
}

impl ModelBars {
    fn new(market: &BarMarket, of: &BarSymbol, row: &[f64], index: u16, seed: u64) -> ModelBars {
        let (symbol, name) = (&of.symbol, of.symbol.symbol);
        let named = |part: &str| NamedRng::new(seed, &format!("market:{part}:{name}"));
        let sigma = symbol.volatility_per_minute;
        let process = match &of.model {
            PriceModel::JumpDiffusion(p) => {
                // Correlated symbols jump together, or else their correlation would be less.
                let (times, sizes) = match market.correlation {
                    Some(_) => {
                        let sizes = Shocks::new(seed, "market:jump factor", row);
                        (NamedRng::new(seed, "market:jumps"), Some(sizes))
                    }
                    None => (named("jumps"), None),
                };
                Process::Jumps(JumpProcess::new(*p, sigma, times, sizes))
            }
            PriceModel::Garch(p) => {
                // Correlated symbols share the chi-square, or else their correlation would be less.
                let tails = match market.correlation {
                    Some(_) => NamedRng::new(seed, "market:tails"),
                    None => named("tails"),
                };
                Process::Garch(GarchProcess::new(*p, sigma, tails))
            }
            PriceModel::Regimes(regimes) => {
                let chain = NamedRng::new(seed, "market:regimes");
                Process::Regimes(RegimeProcess::new(regimes.clone(), sigma, chain))
            }
        };
        let grid = Grid::new(symbol);
        let level = libm::log(symbol.start_price);
        ModelBars {
            symbol: symbol.clone(),
            index: SymbolIndex(index),
            start_ms: market.start_ms,
            minutes: market.minutes,
            mode: market.bars.alone(),
            process,
            shocks: Shocks::new(seed, "market:factor", row),
            own: named("bars"),
            heat_mean: of.model.heat_mean(),
            minute: 0,
            level,
            last: grid.on_tick(level),
            grid,
            overlay: Overlay::new(&market.events, name),
        }
    }

    fn bar(&mut self) -> GridBar {
        let shock = self.shocks.next();
        let usual = self.symbol.volatility_per_minute;
        let (step, sigma) = match &mut self.process {
            Process::Jumps(process) => (process.step(shock), usual),
            Process::Garch(process) => process.step(shock),
            Process::Regimes(process) => process.step(shock),
        };
        self.level += step;
        let laid = self.overlay.at(self.minute);
        let normals = (self.own.normal(), self.own.normal());
        let prices = self.grid.bar(self.last, self.level + laid.log, sigma, normals, &laid);
        // Much is traded where much moves.
        let heat = if usual > 0.0 { heat(sigma / usual) } else { self.heat_mean };
        let busy = busy(self.own.normal(), shock) * heat / self.heat_mean;
        let volume = self.symbol.volume_per_minute * busy * laid.volume;
        let bar = GridBar {
            open_time: Nanos::from_millis(self.start_ms) + Nanos(MINUTE.0 * i64::from(self.minute)),
            open: prices.open,
            high: prices.high,
            low: prices.low,
            close: prices.close,
            volume: self.grid.lots(volume),
        };
        self.last = prices.close;
        self.minute += 1;
        bar
    }
}

impl Source for ModelBars {
    fn fork(&self) -> Option<Box<dyn Source>> {
        Some(Box::new(self.clone()))
    }

    fn fill(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        for _ in 0..BARS {
            if self.minute == self.minutes {
                break;
            }
            let bar = self.bar();
            expand(&bar, self.index, MINUTE_MS, self.mode, batch);
        }
        Ok(())
    }
}
