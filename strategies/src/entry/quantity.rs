//! Quantities and prices on the exchange's grid, exactly (MSE 12, 13.4).
//!
//! Invariant: an order is never larger than asked or permitted, but for an upsizing that was allowed.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The exchange's filters of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotRules {
    /// LOT_SIZE or MARKET_LOT_SIZE, in the base asset.
    pub step: Decimal,
    /// In the base asset.
    pub min_qty: Decimal,
    /// In the base asset.
    pub max_qty: Decimal,
    /// In USDT.
    pub min_notional_usd: Decimal,
}

/// What the order is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderPurpose {
    /// A new risk.
    Open,
    /// A new risk that may grow to the exchange's minimum (ALLOW_UPSIZE).
    OpenUpsized,
    /// Less risk: no minimum notional is asked of it.
    Reduce,
}

/// A quantity that may be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizedOrder {
    /// In the base asset.
    pub qty: Decimal,
    /// With the step's own decimals.
    pub text: String,
    /// It grew to the minimum.
    pub upsized: bool,
}

/// Why nothing may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum QuantityRefusal {
    /// No mark price of an open.
    #[error("mark_price_unavailable")]
    MarkPriceUnavailable,
    /// Nothing left after rounding down, or below the exchange's minimum.
    #[error("below_min_qty")]
    BelowMinQty,
    /// Below the exchange's minimum.
    #[error("below_min_notional")]
    BelowMinNotional,
    /// Filters that cannot be: a step or a limit that is not above zero. An unknown symbol has none, and
    /// nothing is sent for it.
    #[error("filters_unusable")]
    FiltersUnusable,
    /// Larger than decimals can tell.
    #[error("quantity_overflow")]
    Overflow,
}

/// The quantity of an order: what was asked, at most what is permitted (`safe_qty`; 0 or `None` is no
/// limit of its own), rounded down to the step.
///
/// # Errors
/// [`QuantityRefusal`] says why nothing may be sent.
pub fn order_quantity(
    asked: Decimal,
    mark_price_usd: Option<Decimal>,
    safe_qty: Option<Decimal>,
    purpose: OrderPurpose,
    rules: &LotRules,
) -> Result<SizedOrder, QuantityRefusal> {
    if rules.step <= Decimal::ZERO || rules.max_qty <= Decimal::ZERO {
        return Err(QuantityRefusal::FiltersUnusable);
    }
    let safe = safe_qty.filter(|safe| *safe > Decimal::ZERO).unwrap_or(Decimal::MAX);
    let most = safe.min(rules.max_qty);
    let wanted = asked.abs().min(most);
    let qty = floored(wanted, rules.step).ok_or(QuantityRefusal::Overflow)?;
    if purpose == OrderPurpose::Reduce {
        return if qty.is_zero() || qty < rules.min_qty {
            Err(QuantityRefusal::BelowMinQty)
        } else {
            Ok(sized(qty, rules, false))
        };
    }
    let mark = mark_price_usd
        .filter(|mark| *mark > Decimal::ZERO)
        .ok_or(QuantityRefusal::MarkPriceUnavailable)?;
    if asked.is_zero() {
        return Err(QuantityRefusal::BelowMinQty);
    }
    let least = least_qty(mark, rules)?;
    if qty >= least {
        return Ok(sized(qty, rules, false));
    }
    if purpose == OrderPurpose::OpenUpsized && least <= most {
        return Ok(sized(least, rules, true));
    }
    let too_little = qty.is_zero() || qty < rules.min_qty;
    Err(if too_little { QuantityRefusal::BelowMinQty } else { QuantityRefusal::BelowMinNotional })
}

/// Least quantity on the grid that both minima allow.
fn least_qty(mark: Decimal, rules: &LotRules) -> Result<Decimal, QuantityRefusal> {
    let by_notional = rules.min_notional_usd.checked_div(mark).ok_or(QuantityRefusal::Overflow)?;
    let wanted = by_notional.max(rules.min_qty).max(rules.step);
    ceiled(wanted, rules.step).ok_or(QuantityRefusal::Overflow)
}

fn floored(qty: Decimal, step: Decimal) -> Option<Decimal> {
    qty.checked_sub(qty.checked_rem(step)?)
}

fn ceiled(qty: Decimal, step: Decimal) -> Option<Decimal> {
    let down = floored(qty, step)?;
    if down == qty { Some(down) } else { down.checked_add(step) }
}

fn sized(qty: Decimal, rules: &LotRules, upsized: bool) -> SizedOrder {
    let decimals = rules.step.normalize().scale() as usize;
    SizedOrder { qty: qty.normalize(), text: format!("{qty:.decimals$}"), upsized }
}

/// A price on the tick, ties to even; `None` for a tick that is not above zero, and for overflows.
#[must_use]
pub fn price_to_tick(price: Decimal, tick: Decimal) -> Option<Decimal> {
    if tick <= Decimal::ZERO {
        return None;
    }
    let down = floored(price, tick)?;
    let rest = price.checked_sub(down)?;
    let other = tick.checked_sub(rest)?;
    let up = match rest.cmp(&other) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => !down.checked_div(tick)?.checked_rem(2.into())?.is_zero(),
    };
    if up { down.checked_add(tick) } else { Some(down) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    fn rules(step: &str, min_qty: &str, min_notional: &str) -> LotRules {
        LotRules {
            step: d(step),
            min_qty: d(min_qty),
            max_qty: d("1000"),
            min_notional_usd: d(min_notional),
        }
    }

    fn text(asked: &str, safe: Option<&str>, purpose: OrderPurpose, rules: &LotRules) -> String {
        match order_quantity(d(asked), Some(d("95000")), safe.map(d), purpose, rules) {
            Ok(order) => order.text + if order.upsized { " upsized" } else { "" },
            Err(refusal) => refusal.to_string(),
        }
    }

    #[test]
    fn down_to_the_step_and_up_only_where_allowed() {
        use OrderPurpose::*;
        let btc = rules("0.001", "0.001", "100");
        assert_eq!(text("0.12379", None, Open, &btc), "0.123");
        assert_eq!(text("0.3", None, Open, &rules("0.1", "0.1", "5")), "0.3", "no step is lost");
        assert_eq!(text("0.0019", None, Open, &btc), "below_min_notional");
        assert_eq!(text("0.0019", None, OpenUpsized, &btc), "0.002 upsized");
        assert_eq!(text("0.0019", Some("0.0015"), OpenUpsized, &btc), "below_min_notional");
        assert_eq!(text("0.0009", None, Open, &btc), "below_min_qty");
        assert_eq!(text("0.0019", None, Reduce, &btc), "0.001");
        assert_eq!(text("-5", Some("1.2345"), Reduce, &btc), "1.234");
        assert_eq!(text("5000", None, Open, &rules("1", "1", "5")), "1000");
        assert_eq!(text("0.12345678", None, Open, &rules("0.00001000", "0", "5")), "0.12345");
        assert_eq!(text("1", None, Open, &rules("0", "1", "5")), "filters_unusable");
        assert_eq!(text("0", None, OpenUpsized, &btc), "below_min_qty");
        let unseen = order_quantity(Decimal::ONE, None, None, Open, &btc);
        assert_eq!(unseen, Err(QuantityRefusal::MarkPriceUnavailable));
        assert!(order_quantity(Decimal::ONE, None, None, Reduce, &btc).is_ok());
    }

    #[test]
    fn the_least_quantity_reaches_the_minimum() {
        for mark in ["3", "7", "95000.1", "0.00591"] {
            let rules = LotRules { max_qty: d("1000000"), ..rules("0.001", "0.001", "100") };
            let order =
                order_quantity(d("0.001"), Some(d(mark)), None, OrderPurpose::OpenUpsized, &rules);
            let qty = order.expect("upsized").qty;
            assert!(qty * d(mark) >= d("100") && (qty - d("0.001")) * d(mark) < d("100"), "{mark}");
        }
    }

    #[test]
    fn prices_go_to_the_nearest_tick_and_ties_to_even() {
        let of = |price, tick| price_to_tick(d(price), d(tick)).map(|p| p.normalize().to_string());
        assert_eq!(of("95012.347", "0.1").as_deref(), Some("95012.3"));
        assert_eq!(of("0.012345678", "0.00001").as_deref(), Some("0.01235"));
        assert_eq!(of("0.25", "0.1").as_deref(), Some("0.2"));
        assert_eq!(of("0.35", "0.1").as_deref(), Some("0.4"));
        assert_eq!(of("1", "0"), None);
    }
}
