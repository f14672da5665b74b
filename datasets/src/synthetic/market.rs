//! A made market of any model, and how a file states it: flat keys, of which `model` says which belong.

use engine::{Instrument, Nanos, Symbol};
use serde::{Deserialize, Deserializer, Serialize};

use super::bar_market::{BarMarket, BarSymbol, PriceModel};
use super::config::{ConstantFunding, FlashCrash, SyntheticConfig, SyntheticSymbol, refusal};
use super::events::LaidEvent;
use super::garch::Garch;
use super::jump_diffusion::JumpDiffusion;
use super::regimes::{self, Regime};
use crate::DataError;
use crate::bars::BarMode;

/// A made market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Keys", into = "Keys")]
pub enum SyntheticMarket {
    /// Random walks with trends: the default.
    Trends(SyntheticConfig),
    /// Bars of a published model.
    Bars(BarMarket),
}

impl SyntheticMarket {
    /// The grids of its symbols, in its order.
    pub fn instruments(&self) -> Vec<Instrument> {
        match self {
            SyntheticMarket::Trends(config) => config.instruments(),
            SyntheticMarket::Bars(market) => {
                market.symbols.iter().map(|s| s.symbol.instrument()).collect()
            }
        }
    }

    /// Its symbols.
    pub fn symbols(&self) -> Vec<Symbol> {
        self.instruments().iter().map(|instrument| instrument.symbol).collect()
    }

    fn start_and_minutes(&self) -> (i64, u32) {
        match self {
            SyntheticMarket::Trends(config) => (config.start_ms, config.minutes),
            SyntheticMarket::Bars(market) => (market.start_ms, market.minutes),
        }
    }

    /// First instant and first instant after the end.
    pub fn range(&self) -> (Nanos, Nanos) {
        let (start_ms, minutes) = self.start_and_minutes();
        let from = Nanos::from_millis(start_ms);
        (from, from.saturating_add(Nanos::from_secs(60 * i64::from(minutes))))
    }

    /// Its funding, if it tells it.
    pub fn funding(&self) -> Option<ConstantFunding> {
        match self {
            SyntheticMarket::Trends(config) => config.funding,
            SyntheticMarket::Bars(market) => market.funding,
        }
    }

    /// Refuses parameters that make no market, naming the first one.
    pub fn validate(&self) -> Result<(), DataError> {
        let problem = match self {
            SyntheticMarket::Trends(config) => return config.validate(),
            SyntheticMarket::Bars(market) => market.problem(),
        };
        problem.map_or(Ok(()), |problem| Err(refusal(&problem)))
    }

    /// BLAKE3 over all parameters and the seed: the market's identity.
    pub fn digest(&self, seed: u64) -> Result<String, DataError> {
        if let SyntheticMarket::Trends(config) = self {
            return config.digest(seed);
        }
        let text = serde_json::to_vec(&("qsim synthetic market 2", seed, self))
            .map_err(|error| refusal(&error.to_string()))?;
        Ok(blake3::hash(&text).to_hex().to_string())
    }
}

/// The names that `model` takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Model {
    #[default]
    Trends,
    JumpDiffusion,
    Garch,
    Regimes,
}

impl Model {
    fn name(self) -> &'static str {
        match self {
            Model::Trends => "trends",
            Model::JumpDiffusion => "jump_diffusion",
            Model::Garch => "garch",
            Model::Regimes => "regimes",
        }
    }
}

/// A key that is there, be it with nothing (JSON's null).
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// A symbol as a file has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SymbolKeys {
    symbol: Symbol,
    start_price: f64,
    price_decimals: u32,
    tick_units: i64,
    qty_decimals: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    volume_per_minute: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    volatility_per_minute: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jump_diffusion: Option<JumpDiffusion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    garch: Option<Garch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    regimes: Option<Vec<Regime>>,
}

/// A market as a file has it: flat, so that a wrong key is told with its own place in the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<Model>,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbols: Option<Vec<SymbolKeys>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minutes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    common_share: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trend_share: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trend_persistence: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reversion_per_minute: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    volatility_of_volatility: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    crash: Option<Option<FlashCrash>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jump_diffusion: Option<JumpDiffusion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    garch: Option<Garch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    regimes: Option<Vec<Regime>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<Vec<Vec<f64>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<LaidEvent>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    funding: Option<Option<ConstantFunding>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bars: Option<BarMode>,
}

impl Keys {
    /// Refuses a key that belongs to another model.
    fn check_model(&self, model: Model) -> Result<(), String> {
        const TRENDS: &[Model] = &[Model::Trends];
        const BARS: &[Model] = &[Model::JumpDiffusion, Model::Garch, Model::Regimes];
        let any = |has: fn(&SymbolKeys) -> bool| self.symbols.iter().flatten().any(has);
        let keys: [(&str, bool, &[Model]); 10] = [
            ("common_share", self.common_share.is_some(), TRENDS),
            ("trend_share", self.trend_share.is_some(), TRENDS),
            ("trend_persistence", self.trend_persistence.is_some(), TRENDS),
            ("reversion_per_minute", self.reversion_per_minute.is_some(), TRENDS),
            ("volatility_of_volatility", self.volatility_of_volatility.is_some(), TRENDS),
            ("crash", self.crash.is_some(), TRENDS),
            ("correlation", self.correlation.is_some(), BARS),
            (
                "jump_diffusion",
                self.jump_diffusion.is_some() || any(|s| s.jump_diffusion.is_some()),
                &[Model::JumpDiffusion],
            ),
            ("garch", self.garch.is_some() || any(|s| s.garch.is_some()), &[Model::Garch]),
            ("regimes", self.regimes.is_some() || any(|s| s.regimes.is_some()), &[Model::Regimes]),
        ];
        let stray = keys.iter().find(|(_, given, of)| *given && !of.contains(&model));
        stray.map_or(Ok(()), |(key, _, of)| {
            let remedy = match *key {
                "crash" => ", or say [[market.synthetic.events]] with event = \"flash_crash\"",
                _ => "",
            };
            let of: Vec<String> = of.iter().map(|model| format!("{:?}", model.name())).collect();
            Err(format!(
                "`{key}` belongs to model = {}, and the model here is {:?}: remove it, or change the model{remedy}",
                of.join(" or "),
                model.name()
            ))
        })
    }
}

impl SymbolKeys {
    fn bars(&self) -> Result<SyntheticSymbol, String> {
        let need = |key: &str, value: Option<f64>| {
            value.ok_or_else(|| format!("symbol {} needs `{key}`: add it", self.symbol))
        };
        Ok(SyntheticSymbol {
            symbol: self.symbol,
            start_price: self.start_price,
            price_decimals: self.price_decimals,
            tick_units: self.tick_units,
            qty_decimals: self.qty_decimals,
            volume_per_minute: need("volume_per_minute", self.volume_per_minute)?,
            volatility_per_minute: need("volatility_per_minute", self.volatility_per_minute)?,
        })
    }

    fn of(symbol: &SyntheticSymbol) -> SymbolKeys {
        SymbolKeys {
            symbol: symbol.symbol,
            start_price: symbol.start_price,
            price_decimals: symbol.price_decimals,
            tick_units: symbol.tick_units,
            qty_decimals: symbol.qty_decimals,
            volume_per_minute: Some(symbol.volume_per_minute),
            volatility_per_minute: Some(symbol.volatility_per_minute),
            jump_diffusion: None,
            garch: None,
            regimes: None,
        }
    }
}

impl TryFrom<Keys> for SyntheticMarket {
    type Error = String;

    fn try_from(keys: Keys) -> Result<SyntheticMarket, String> {
        let model = keys.model.unwrap_or_default();
        keys.check_model(model)?;
        match model {
            Model::Trends => trends(keys).map(SyntheticMarket::Trends),
            Model::JumpDiffusion | Model::Garch | Model::Regimes => {
                bars(keys, model).map(SyntheticMarket::Bars)
            }
        }
    }
}

fn trends(keys: Keys) -> Result<SyntheticConfig, String> {
    let usual = SyntheticConfig::default();
    let symbols = match keys.symbols {
        Some(symbols) => symbols.iter().map(SymbolKeys::bars).collect::<Result<_, _>>()?,
        None => usual.symbols,
    };
    Ok(SyntheticConfig {
        symbols,
        start_ms: keys.start_ms.unwrap_or(usual.start_ms),
        minutes: keys.minutes.unwrap_or(usual.minutes),
        common_share: keys.common_share.unwrap_or(usual.common_share),
        trend_share: keys.trend_share.unwrap_or(usual.trend_share),
        trend_persistence: keys.trend_persistence.unwrap_or(usual.trend_persistence),
        reversion_per_minute: keys.reversion_per_minute.unwrap_or(usual.reversion_per_minute),
        volatility_of_volatility: keys
            .volatility_of_volatility
            .unwrap_or(usual.volatility_of_volatility),
        crash: keys.crash.unwrap_or(usual.crash),
        events: keys.events,
        funding: keys.funding.unwrap_or(usual.funding),
        bars: keys.bars.unwrap_or(usual.bars),
    })
}

fn bars(keys: Keys, model: Model) -> Result<BarMarket, String> {
    let usual = SyntheticConfig::default();
    let given = keys.symbols.unwrap_or_else(|| usual.symbols.iter().map(SymbolKeys::of).collect());
    let one = |of: &SymbolKeys| {
        // The symbol's own parameters, or those of all, or typical ones.
        let model = match model {
            Model::Garch => PriceModel::Garch(of.garch.or(keys.garch).unwrap_or_default()),
            Model::Regimes => {
                let regimes = of.regimes.clone().or_else(|| keys.regimes.clone());
                PriceModel::Regimes(regimes.unwrap_or_else(regimes::typical))
            }
            Model::JumpDiffusion | Model::Trends => {
                let own = of.jump_diffusion.or(keys.jump_diffusion);
                PriceModel::JumpDiffusion(own.unwrap_or_default())
            }
        };
        Ok::<_, String>(BarSymbol { symbol: of.bars()?, model })
    };
    Ok(BarMarket {
        symbols: given.iter().map(one).collect::<Result<_, _>>()?,
        start_ms: keys.start_ms.unwrap_or(usual.start_ms),
        minutes: keys.minutes.unwrap_or(usual.minutes),
        correlation: keys.correlation,
        events: keys.events,
        funding: keys.funding.unwrap_or(usual.funding),
        bars: keys.bars.unwrap_or(usual.bars),
    })
}

impl From<SyntheticMarket> for Keys {
    fn from(market: SyntheticMarket) -> Keys {
        match market {
            SyntheticMarket::Trends(config) => Keys {
                symbols: Some(config.symbols.iter().map(SymbolKeys::of).collect()),
                start_ms: Some(config.start_ms),
                minutes: Some(config.minutes),
                common_share: Some(config.common_share),
                trend_share: Some(config.trend_share),
                trend_persistence: Some(config.trend_persistence),
                reversion_per_minute: Some(config.reversion_per_minute),
                volatility_of_volatility: Some(config.volatility_of_volatility),
                crash: Some(config.crash),
                events: config.events,
                funding: Some(config.funding),
                bars: Some(config.bars),
                ..Keys::default()
            },
            SyntheticMarket::Bars(market) => bar_keys(market),
        }
    }
}

fn bar_keys(market: BarMarket) -> Keys {
    // All symbols of a file have models of one name; the first one tells it.
    let model = market.symbols.first().map(|s| match s.model {
        PriceModel::JumpDiffusion(_) => Model::JumpDiffusion,
        PriceModel::Garch(_) => Model::Garch,
        PriceModel::Regimes(_) => Model::Regimes,
    });
    let one = |of: BarSymbol| {
        let mut keys = SymbolKeys::of(&of.symbol);
        match of.model {
            PriceModel::JumpDiffusion(p) => keys.jump_diffusion = Some(p),
            PriceModel::Garch(p) => keys.garch = Some(p),
            PriceModel::Regimes(regimes) => keys.regimes = Some(regimes),
        }
        keys
    };
    Keys {
        model,
        symbols: Some(market.symbols.into_iter().map(one).collect()),
        start_ms: Some(market.start_ms),
        minutes: Some(market.minutes),
        correlation: market.correlation,
        events: market.events,
        funding: Some(market.funding),
        bars: Some(market.bars),
        ..Keys::default()
    }
}
