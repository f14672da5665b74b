//! The liquidation price: the mark at which the maintenance margin has used up what covers it.
//!
//! Source: Binance FAQ b3c689c1f50a44cabb3a84e663b81d93 (facts, section 9):
//! `(WB - TMM1 + UPNL1 + Σ cum - Σ side·q·EP) / Σ (q·MMR - side·q)` over the legs of one symbol: the one
//! of a position in one-way mode or on isolated margin, both of hedge mode on cross margin.
//!
//! Invariant: the two legs of hedge mode on cross margin have one common price.

use rust_decimal::Decimal;

use crate::symbol_rules::Bracket;

/// A position of the symbol, as the formula sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leg {
    /// +1 or -1.
    pub side: Decimal,
    /// |position|.
    pub qty: Decimal,
    /// q × EP.
    pub cost: Decimal,
}

/// The rate and the amount of a leg's tier.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tier {
    /// maintMarginRatio.
    pub mmr: Decimal,
    /// cum, in the margin asset.
    pub cum: Decimal,
}

impl Tier {
    /// Without maintenance margin the formula gives the bankruptcy price.
    pub const NONE: Tier = Tier { mmr: Decimal::ZERO, cum: Decimal::ZERO };

    fn of(bracket: &Bracket) -> Tier {
        Tier { mmr: bracket.mmr, cum: bracket.cum }
    }
}

/// What covers the legs of one symbol, and the legs: one, or long and short.
#[derive(Clone, Copy, Debug)]
pub struct LiquidationTerms<'a> {
    /// WB - TMM1 + UPNL1: cross wallet, less maintenance of the other symbols, plus their profit. On
    /// isolated margin the isolated wallet alone.
    pub collateral: Decimal,
    /// At most two.
    pub legs: &'a [Leg],
}

impl LiquidationTerms<'_> {
    /// The upper and the lower part of the formula, with a tier for each leg. What is left above the
    /// maintenance margin at a price P is `upper - lower × P`.
    fn parts(&self, tier: impl Fn(usize) -> Tier) -> (Decimal, Decimal) {
        let (mut upper, mut lower) = (self.collateral, Decimal::ZERO);
        for (n, leg) in self.legs.iter().enumerate() {
            let Tier { mmr, cum } = tier(n);
            // By the sign: a product of decimals costs more than the rest of this.
            upper += if leg.side.is_sign_negative() { cum + leg.cost } else { cum - leg.cost };
            lower += leg.qty * (mmr - leg.side);
        }
        (upper, lower)
    }

    /// The formula as it stands, with a tier for each leg; `None` where the price does not matter.
    pub fn price(&self, tiers: &[Tier]) -> Option<Decimal> {
        assert_eq!(tiers.len(), self.legs.len(), "each leg has its tier");
        let (upper, lower) = self.parts(|n| tiers[n]);
        upper.checked_div(lower)
    }

    /// The price in the tiers in which the legs lie at it; zero where there is none above zero.
    ///
    /// What is left above the maintenance margin is continuous in the price and concave, because rates
    /// rise from tier to tier. So two legs may have a price on either side of the mark. Binance begins
    /// with the tiers of the mark: the price is the one to which what is left falls from there. Beyond
    /// the last cap its tier goes on.
    pub fn price_in(&self, brackets: &[Bracket], mark: Decimal) -> Decimal {
        let parts = self.parts_in(brackets, mark);
        let price = parts.and_then(|(upper, lower)| upper.checked_div(lower));
        price.unwrap_or_default().max(Decimal::ZERO)
    }

    /// The upper and the lower part of the formula in those tiers; `None` where there is no price.
    pub(crate) fn parts_in(
        &self,
        brackets: &[Bracket],
        mark: Decimal,
    ) -> Option<(Decimal, Decimal)> {
        assert!(self.legs.len() <= 2, "a symbol has two sides");
        let last = brackets.len().checked_sub(1)?;
        if let [leg] = self.legs {
            return self.parts_of_one(leg, brackets, mark);
        }
        let mut at = [0; 2];
        for (tier, leg) in at.iter_mut().zip(self.legs) {
            let notional = leg.qty * mark;
            *tier = brackets.partition_point(|b| b.cap < notional).min(last);
        }
        let (upper, lower) = self.parts(|n| Tier::of(&brackets[at[n]]));
        let is_covered = upper - lower * mark > Decimal::ZERO;
        let rises = lower < Decimal::ZERO;
        let goes_up = is_covered != rises;
        if is_covered && rises && self.parts(|_| Tier::of(&brackets[0])).0 >= Decimal::ZERO {
            // Covered even where the price is zero: the common case of a small position.
            return None;
        }
        // Each step leaves one tier of one leg, so there are at most twice as many as tiers.
        loop {
            let (upper, lower) = self.parts(|n| Tier::of(&brackets[at[n]]));
            if (lower < Decimal::ZERO) != rises {
                // Past the best price: this pool is not compliant at any.
                return None;
            }
            let found = upper.checked_div(lower).filter(|price| {
                let inside = |(leg, tier): (&Leg, usize)| {
                    let notional = leg.qty.checked_mul(*price);
                    if goes_up {
                        tier == last || notional.is_some_and(|n| n <= brackets[tier].cap)
                    } else {
                        tier == 0 || notional.is_some_and(|n| n > brackets[tier].floor)
                    }
                };
                self.legs.iter().zip(at).all(inside)
            });
            if found.is_some() {
                return Some((upper, lower));
            }
            let next = self.next_to_leave(brackets, at, goes_up)?;
            at[next] = if goes_up { at[next] + 1 } else { at[next] - 1 };
        }
    }

    /// Of one leg: a product of both sides shows whether the price leaves a tier, without a division.
    fn parts_of_one(
        &self,
        leg: &Leg,
        brackets: &[Bracket],
        mark: Decimal,
    ) -> Option<(Decimal, Decimal)> {
        let is_long = !leg.side.is_sign_negative();
        if is_long && self.collateral >= leg.cost {
            // A long position that is covered even where the price is zero: the common case.
            return None;
        }
        let (last, notional) = (brackets.len() - 1, leg.qty * mark);
        // Nearly all positions lie in the first tier.
        let mut at = match notional <= brackets[0].cap {
            true => 0,
            false => brackets.partition_point(|b| b.cap < notional).min(last),
        };
        let (mut upper, mut lower) = self.parts(|_| Tier::of(&brackets[at]));
        let is_covered = upper > lower * mark;
        let rises = lower < Decimal::ZERO;
        let goes_up = is_covered != rises;
        if is_covered && rises {
            let first = if at == 0 { upper } else { self.parts(|_| Tier::of(&brackets[0])).0 };
            if first >= Decimal::ZERO {
                return None;
            }
        }
        loop {
            if lower.is_zero() || (lower < Decimal::ZERO) != rises {
                return None;
            }
            // Whether the notional at the price is above an edge: both times the lower part.
            let is_above = |edge: Decimal| {
                let (own, edge) = (leg.qty * upper, edge * lower);
                if rises { own < edge } else { own > edge }
            };
            let leaves = match goes_up {
                true => at < last && is_above(brackets[at].cap),
                false => at > 0 && !is_above(brackets[at].floor),
            };
            if !leaves {
                return Some((upper, lower));
            }
            at = if goes_up { at + 1 } else { at - 1 };
            (upper, lower) = self.parts(|_| Tier::of(&brackets[at]));
        }
    }

    /// The leg whose tier ends first on the way up or down, if any tier ends at all.
    fn next_to_leave(&self, brackets: &[Bracket], at: [usize; 2], goes_up: bool) -> Option<usize> {
        let edge = |n: usize| if goes_up { brackets[at[n]].cap } else { brackets[at[n]].floor };
        let ends = |n: &usize| if goes_up { at[*n] + 1 < brackets.len() } else { at[*n] > 0 };
        let mut legs = (0..self.legs.len()).filter(ends);
        let first = legs.next()?;
        let Some(second) = legs.next() else { return Some(first) };
        // edge / q of the one against that of the other.
        let one = edge(first) * self.legs[second].qty;
        let other = edge(second) * self.legs[first].qty;
        Some(if (one <= other) == goes_up { first } else { second })
    }
}
