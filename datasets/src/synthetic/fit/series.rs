//! The bars that a fit takes from a data set.

use engine::{Feed, Instrument, MarketData, MarketEvent, Nanos, Symbol};

use super::fragment::Fragment;
use super::{GarchFit, JumpFit, fit_garch, fit_jump_diffusion};
use crate::catalogue::Catalogue;
use crate::replay::{Range, ReplayFeed, Request};
use crate::synthetic::grid::pow10_f64;
use crate::{BarMode, DataError, Interval, Kind, SeriesId};

const MINUTE: Nanos = Nanos::from_secs(60);

/// What a fit needs of a series of one-minute bars.
#[derive(Clone, Debug, PartialEq)]
pub struct BarSeries {
    /// Its grid.
    pub instrument: Instrument,
    /// The greatest number of price units of which all prices are multiples.
    pub tick_units: i64,
    /// Log returns from close to close; none across a missing bar.
    pub returns: Vec<f64>,
    /// The last close, USDT.
    pub last_close: f64,
    /// Mean volume of a bar, in the base asset.
    pub volume_per_minute: f64,
    /// Number of bars.
    pub bars: u64,
    /// When the first bar opened and the last one closed.
    pub span: (Nanos, Nanos),
}

/// A model that was fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fitted {
    /// GARCH-t.
    Garch(GarchFit),
    /// Jump-diffusion.
    JumpDiffusion(JumpFit),
}

pub(super) fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl BarSeries {
    /// Reads the bars of `symbol` in a range of a data set. The models step by the minute, so that bars of another
    /// `interval` are refused.
    pub fn read(
        catalogue: &Catalogue,
        symbol: Symbol,
        interval: &str,
        range: Range,
    ) -> Result<BarSeries, DataError> {
        let minute = Interval::named("1m");
        if Interval::named(interval) != minute || minute.is_none() {
            return Err(DataError::Misuse(format!(
                "fit: interval {interval} cannot be fitted, because the models step by the minute: import bars of 1m and leave the interval out"
            )));
        }
        let id = SeriesId { kind: Kind::Klines, symbol, interval: minute };
        let decimals = catalogue.decimals_in(&id, range)?;
        let instrument =
            Instrument { symbol, price_decimals: decimals.price, qty_decimals: decimals.qty };
        let request = Request { series: id, bars: BarMode::Whole };
        let grids = std::slice::from_ref(&instrument);
        let feed = ReplayFeed::open(catalogue, grids, &[request], range)?;
        BarSeries::of(instrument, feed)
    }

    /// Takes the one-minute bars of a feed of one symbol.
    pub fn of(instrument: Instrument, mut feed: impl Feed) -> Result<BarSeries, DataError> {
        let (mut returns, mut last) = (Vec::new(), None::<(Nanos, i64)>);
        let (mut volume, mut bars, mut tick, mut first) = (0.0, 0u64, 0, None);
        let qty_units = pow10_f64(instrument.qty_decimals);
        let mut batch: Vec<MarketEvent> = Vec::new();
        loop {
            feed.next_batch(&mut batch).map_err(|error| DataError::Misuse(error.to_string()))?;
            if batch.is_empty() {
                break;
            }
            for event in &batch {
                let MarketData::Bar(bar) = event.data else { continue };
                if let Some((time, close)) = last
                    && event.time - time == MINUTE
                {
                    returns.push(libm::log(bar.close.0 as f64 / close as f64));
                }
                first = first.or(Some(event.time - MINUTE));
                last = Some((event.time, bar.close.0));
                bars += 1;
                volume += bar.volume.0 as f64 / qty_units;
                tick =
                    [bar.open, bar.high, bar.low, bar.close].iter().fold(tick, |t, p| gcd(p.0, t));
            }
        }
        let (Some((end, close)), Some(start)) = (last, first) else {
            return Err(DataError::Misuse(format!("fit: {} has no bars", instrument.symbol)));
        };
        Ok(BarSeries {
            tick_units: tick.max(1),
            returns,
            last_close: instrument.price_f64(engine::PriceTicks(close)),
            volume_per_minute: volume / bars as f64,
            bars,
            span: (start, end),
            instrument,
        })
    }

    /// Fits GARCH-t.
    pub fn garch(&self) -> Result<Fitted, DataError> {
        fit_garch(&self.returns).map(Fitted::Garch)
    }

    /// Fits a jump-diffusion.
    pub fn jump_diffusion(&self) -> Result<Fitted, DataError> {
        fit_jump_diffusion(&self.returns).map(Fitted::JumpDiffusion)
    }

    /// A piece of a scenario file with what was fitted.
    pub fn fragment(&self, fitted: &Fitted) -> String {
        let (model, volatility, table) = match fitted {
            Fitted::Garch(fit) => {
                let g = &fit.garch;
                let table = format!(
                    "alpha = {:.6}\nbeta = {:.6}\ndegrees_of_freedom = {:.4}\n",
                    g.alpha, g.beta, g.degrees_of_freedom
                );
                ("garch", fit.volatility_per_minute, table)
            }
            Fitted::JumpDiffusion(fit) => {
                let j = &fit.jump_diffusion;
                let table = format!(
                    "jumps_per_day = {:.4}\njump_mean = {:.7}\njump_deviation = {:.7}\n",
                    j.jumps_per_day, j.jump_mean, j.jump_deviation
                );
                ("jump_diffusion", fit.volatility_per_minute, table)
            }
        };
        let head = Fragment {
            of: format!("{} bars", self.bars),
            span: self.span,
            comments: String::new(),
            model,
            instrument: &self.instrument,
            tick_units: self.tick_units,
            start_price: self.last_close,
            volume_per_minute: self.volume_per_minute,
        };
        let keys = format!("volatility_per_minute = {volatility:.8}\n");
        head.text(&keys, &format!("[market.synthetic.symbols.{model}]\n{table}"))
    }
}
