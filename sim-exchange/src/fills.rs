//! How orders fill, as far as the market's data leave that open: stated, never silent.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::depth::QueueKind;

/// What the market's data show of the order book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketDepth {
    /// Trades or bars: no order is seen, only prices that were paid.
    #[default]
    Trades,
    /// Trades, and the best bid and ask with their quantities.
    Quotes,
    /// Level-2 depth.
    Levels,
}

/// How much of the traded volume an order gets, where no book is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VolumeLimit {
    /// Share of a minute's volume that a taker finds at each price; more moves the price.
    pub taker_share: Decimal,
    /// Order ticks from one such price to the next.
    pub impact_ticks: u32,
    /// Share of a trade's quantity that reaches the resting orders that it goes through.
    pub maker_share: Decimal,
}

/// The model of fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FillModel {
    /// What is known of the book.
    pub depth: MarketDepth,
    /// Order ticks that a taker pays beyond the last price, where no book is known.
    pub taker_spread_ticks: u32,
    /// How a resting order moves forward in the queue of its level, where levels are known.
    pub queue: QueueKind,
    /// Where no book is known; without it every order fills completely.
    pub volume: Option<VolumeLimit>,
}

/// A named set of assumptions.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Every order that the price reaches fills completely: for sweeps with small orders.
    #[default]
    Fast,
    /// Orders get a share of the volume, takers move the price, queues shrink in proportion.
    Standard,
    /// The pessimistic end: half the share, twice the spread, queues that only trades shorten.
    Strict,
}

impl Profile {
    /// Its model of fills in a market that shows so much of its book.
    pub fn fills(self, depth: MarketDepth) -> FillModel {
        let volume = |taker_percent, maker_percent| {
            Some(VolumeLimit {
                taker_share: Decimal::new(taker_percent, 2),
                impact_ticks: 1,
                maker_share: Decimal::new(maker_percent, 2),
            })
        };
        let (taker_spread_ticks, queue, volume) = match self {
            Profile::Fast => (1, QueueKind::Proportional, None),
            Profile::Standard => (1, QueueKind::Proportional, volume(10, 100)),
            Profile::Strict => (2, QueueKind::Pessimistic, volume(5, 50)),
        };
        FillModel { depth, taker_spread_ticks, queue, volume }
    }
}

impl FillModel {
    /// Why the model makes no sense, if it does not.
    pub(crate) fn problem(&self) -> Option<String> {
        let limit = self.volume?;
        let share = |name: &str, share: Decimal| {
            let fits = share > Decimal::ZERO && share <= Decimal::ONE;
            (!fits).then(|| format!("fills: {name} is {share}: it has to be above 0, at most 1"))
        };
        share("taker_share", limit.taker_share).or(share("maker_share", limit.maker_share))
    }

    /// The model in sentences, for the assumptions of a report.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let spread = self.taker_spread_ticks;
        match self.depth {
            MarketDepth::Levels => {
                lines.push("Fills: a taker takes the levels of the market's book, best first; what it took is missing until the market shows the level again.".to_owned());
                lines.push(self.queue.sentence());
                return lines;
            }
            MarketDepth::Quotes => {
                lines.push(format!("Fills: a taker takes the best quote, and what is left of it {spread} order tick(s) behind."));
                lines.push(self.queue.sentence());
                return lines;
            }
            MarketDepth::Trades => {}
        }
        match self.volume {
            None => {
                lines.push(format!("Fills: a taker fills completely at the last price moved {spread} order tick(s) against him."));
                lines.push("Fills: a resting order fills completely at its own price, as maker, when the market trades through it; a touch does not fill it.".to_owned());
            }
            Some(VolumeLimit { taker_share, impact_ticks, maker_share }) => {
                lines.push(format!("Fills: a taker finds {} % of a minute's volume at the last price moved {spread} order tick(s) against him, and as much again every further {impact_ticks} tick(s).", (taker_share * Decimal::ONE_HUNDRED).normalize()));
                lines.push(format!("Fills: a resting order fills at its own price, as maker, by {} % of what trades through it; a touch does not fill it.", (maker_share * Decimal::ONE_HUNDRED).normalize()));
            }
        }
        lines
    }
}
