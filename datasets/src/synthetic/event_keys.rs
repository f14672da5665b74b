//! Events as a file has them.

use engine::Symbol;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::events::{LaidEvent, Shock};
use super::rate::{self, Rate};

/// The names that `event` takes in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum EventName {
    FlashCrash,
    Squeeze,
    Gap,
    ThinBook,
    FundingSpike,
}

/// An event as a file has it: flat, so that a wrong key is told with its own place in the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EventKeys {
    event: Option<EventName>,
    at_minute: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbol: Option<Symbol>,
    #[serde(skip_serializing_if = "Option::is_none")]
    depth: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fall_minutes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rise_minutes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_minutes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovered_share: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minutes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    volume_factor: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wick_factor: Option<f64>,
    /// As a journal has it; a file says `rate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_e8: Option<i64>,
    #[serde(skip_serializing)]
    rate: Option<Rate>,
    /// There for its message only.
    #[serde(skip_serializing)]
    #[schemars(skip)]
    percent: Option<IgnoredAny>,
}

/// Takes a key that the event needs.
fn need<T>(key: &'static str, value: &mut Option<T>) -> Result<T, String> {
    value.take().ok_or_else(|| format!("the event needs `{key}`: add it"))
}

impl TryFrom<EventKeys> for LaidEvent {
    type Error = String;

    fn try_from(mut k: EventKeys) -> Result<LaidEvent, String> {
        if k.percent.is_some() {
            return Err(
                "`percent` is a key of [[market.gaps]]; an event takes a share: -0.08 is a fall of 8 %"
                    .to_owned(),
            );
        }
        let name = need("event", &mut k.event)?;
        let at_minute = need("at_minute", &mut k.at_minute)?;
        let what = match name {
            EventName::FlashCrash => Shock::FlashCrash {
                depth: need("depth", &mut k.depth)?,
                fall_minutes: need("fall_minutes", &mut k.fall_minutes)?,
                recovery_minutes: need("recovery_minutes", &mut k.recovery_minutes)?,
                recovered_share: need("recovered_share", &mut k.recovered_share)?,
                volume_factor: k.volume_factor.take().unwrap_or(1.0),
            },
            EventName::Squeeze => Shock::Squeeze {
                height: need("height", &mut k.height)?,
                rise_minutes: need("rise_minutes", &mut k.rise_minutes)?,
                recovery_minutes: need("recovery_minutes", &mut k.recovery_minutes)?,
                recovered_share: need("recovered_share", &mut k.recovered_share)?,
                volume_factor: k.volume_factor.take().unwrap_or(1.0),
            },
            EventName::Gap => Shock::Gap { share: need("share", &mut k.share)? },
            EventName::ThinBook => Shock::ThinBook {
                minutes: need("minutes", &mut k.minutes)?,
                volume_factor: need("volume_factor", &mut k.volume_factor)?,
                wick_factor: k.wick_factor.take().unwrap_or(1.0),
            },
            EventName::FundingSpike => Shock::FundingSpike {
                minutes: need("minutes", &mut k.minutes)?,
                rate_e8: rate::either(k.rate.take(), k.rate_e8.take())?,
            },
        };
        let left = [
            ("depth", k.depth.is_some()),
            ("height", k.height.is_some()),
            ("share", k.share.is_some()),
            ("fall_minutes", k.fall_minutes.is_some()),
            ("rise_minutes", k.rise_minutes.is_some()),
            ("recovery_minutes", k.recovery_minutes.is_some()),
            ("recovered_share", k.recovered_share.is_some()),
            ("minutes", k.minutes.is_some()),
            ("volume_factor", k.volume_factor.is_some()),
            ("wick_factor", k.wick_factor.is_some()),
            ("rate_e8", k.rate_e8.is_some()),
            ("rate", k.rate.is_some()),
        ];
        match left.iter().find(|(_, is_left)| *is_left) {
            Some((key, _)) => Err(format!("event {} has no `{key}`: remove it", what.name())),
            None => Ok(LaidEvent { at_minute, symbol: k.symbol, what }),
        }
    }
}

impl From<LaidEvent> for EventKeys {
    fn from(event: LaidEvent) -> EventKeys {
        let keys = EventKeys {
            at_minute: Some(event.at_minute),
            symbol: event.symbol,
            ..EventKeys::default()
        };
        match event.what {
            Shock::FlashCrash {
                depth,
                fall_minutes,
                recovery_minutes,
                recovered_share,
                volume_factor,
            } => EventKeys {
                event: Some(EventName::FlashCrash),
                depth: Some(depth),
                fall_minutes: Some(fall_minutes),
                recovery_minutes: Some(recovery_minutes),
                recovered_share: Some(recovered_share),
                volume_factor: Some(volume_factor),
                ..keys
            },
            Shock::Squeeze {
                height,
                rise_minutes,
                recovery_minutes,
                recovered_share,
                volume_factor,
            } => EventKeys {
                event: Some(EventName::Squeeze),
                height: Some(height),
                rise_minutes: Some(rise_minutes),
                recovery_minutes: Some(recovery_minutes),
                recovered_share: Some(recovered_share),
                volume_factor: Some(volume_factor),
                ..keys
            },
            Shock::Gap { share } => {
                EventKeys { event: Some(EventName::Gap), share: Some(share), ..keys }
            }
            Shock::ThinBook { minutes, volume_factor, wick_factor } => EventKeys {
                event: Some(EventName::ThinBook),
                minutes: Some(minutes),
                volume_factor: Some(volume_factor),
                wick_factor: Some(wick_factor),
                ..keys
            },
            Shock::FundingSpike { minutes, rate_e8 } => EventKeys {
                event: Some(EventName::FundingSpike),
                minutes: Some(minutes),
                rate_e8: Some(rate_e8),
                ..keys
            },
        }
    }
}
