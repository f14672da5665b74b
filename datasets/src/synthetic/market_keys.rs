//! How a file states a made market: flat keys, of which `model` says which belong.

use engine::Symbol;
use serde::{Deserialize, Deserializer, Serialize};

use super::bar_market::{BarMarket, BarSymbol, PriceModel};
use super::config::{ConstantFunding, FlashCrash, SyntheticConfig, SyntheticSymbol};
use super::events::LaidEvent;
use super::garch::Garch;
use super::jump_diffusion::JumpDiffusion;
use super::market::SyntheticMarket;
use super::order_flow::{FlowMarket, FlowSymbol, OrderFlow};
use super::regimes::{self, Regime};
use crate::bars::BarMode;

/// The names that `model` takes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
enum Model {
    #[default]
    Trends,
    JumpDiffusion,
    Garch,
    Regimes,
    OrderFlow,
}

impl Model {
    fn name(self) -> &'static str {
        match self {
            Model::Trends => "trends",
            Model::JumpDiffusion => "jump_diffusion",
            Model::Garch => "garch",
            Model::Regimes => "regimes",
            Model::OrderFlow => "order_flow",
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
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SymbolKeys {
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order_flow: Option<OrderFlow>,
}

/// A market as a file has it: flat, so that a wrong key is told with its own place in the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Keys {
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
    order_flow: Option<OrderFlow>,
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
        const OF_BARS: &[Model] =
            &[Model::Trends, Model::JumpDiffusion, Model::Garch, Model::Regimes];
        let any = |has: fn(&SymbolKeys) -> bool| self.symbols.iter().flatten().any(has);
        let keys: [(&str, bool, &[Model]); 12] = [
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
            (
                "order_flow",
                self.order_flow.is_some() || any(|s| s.order_flow.is_some()),
                &[Model::OrderFlow],
            ),
            ("bars", self.bars.is_some(), OF_BARS),
        ];
        let stray = keys.iter().find(|(_, given, of)| *given && !of.contains(&model));
        stray.map_or(Ok(()), |(key, _, of)| {
            let remedy = match *key {
                "bars" => "; an order flow tells trades, of which bars are made",
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
    fn need(&self, key: &str, value: Option<f64>) -> Result<f64, String> {
        value.ok_or_else(|| format!("symbol {} needs `{key}`: add it", self.symbol))
    }

    /// The symbol; `volatility_per_minute` is zero where an order flow leaves its price to its rates.
    fn with_volatility(&self, volatility_per_minute: f64) -> Result<SyntheticSymbol, String> {
        Ok(SyntheticSymbol {
            symbol: self.symbol,
            start_price: self.start_price,
            price_decimals: self.price_decimals,
            tick_units: self.tick_units,
            qty_decimals: self.qty_decimals,
            volume_per_minute: self.need("volume_per_minute", self.volume_per_minute)?,
            volatility_per_minute,
        })
    }

    fn bars(&self) -> Result<SyntheticSymbol, String> {
        let volatility = self.need("volatility_per_minute", self.volatility_per_minute)?;
        self.with_volatility(volatility)
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
            order_flow: None,
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
            Model::OrderFlow => order_flow(keys).map(SyntheticMarket::OrderFlow),
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
            Model::JumpDiffusion | Model::Trends | Model::OrderFlow => {
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

fn order_flow(keys: Keys) -> Result<FlowMarket, String> {
    let usual = SyntheticConfig::default();
    let given = keys.symbols.unwrap_or_else(|| usual.symbols.iter().map(SymbolKeys::of).collect());
    let one = |of: &SymbolKeys| {
        let flow = of.order_flow.or(keys.order_flow).unwrap_or_default();
        let volatility = of.volatility_per_minute.unwrap_or(0.0);
        Ok::<_, String>(FlowSymbol { symbol: of.with_volatility(volatility)?, flow })
    };
    Ok(FlowMarket {
        symbols: given.iter().map(one).collect::<Result<_, _>>()?,
        start_ms: keys.start_ms.unwrap_or(usual.start_ms),
        minutes: keys.minutes.unwrap_or(usual.minutes),
        events: keys.events,
        funding: keys.funding.unwrap_or(usual.funding),
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
            SyntheticMarket::OrderFlow(market) => flow_keys(market),
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

fn flow_keys(market: FlowMarket) -> Keys {
    let one =
        |of: FlowSymbol| SymbolKeys { order_flow: Some(of.flow), ..SymbolKeys::of(&of.symbol) };
    Keys {
        model: Some(Model::OrderFlow),
        symbols: Some(market.symbols.into_iter().map(one).collect()),
        start_ms: Some(market.start_ms),
        minutes: Some(market.minutes),
        events: market.events,
        funding: Some(market.funding),
        ..Keys::default()
    }
}
