//! Position sizing, math mode (MSE 7.1).

use engine::Symbol;
use serde::{Deserialize, Serialize};

use crate::rounding::half_even;

/// Positions that the sizing assumes to be possible at once.
const POSITIONS_MAX: f64 = 15.0;
/// Trend is a constant of the reference system; at exactly 0.7 neither trend branch fires.
const LIQUIDITY: f64 = 0.9;

/// What earlier trades brought.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Number of trades.
    pub count: u64,
    /// Share of wins.
    pub win_rate: f64,
    /// Mean win, a fraction.
    pub average_win: f64,
    /// Mean loss, a fraction above zero.
    pub average_loss: f64,
}

impl Outcomes {
    /// No trades: the defaults of the reference system.
    pub const NONE: Outcomes =
        Outcomes { count: 0, win_rate: 0.55, average_win: 0.03, average_loss: 0.015 };
    /// The 25 made-up trades that stand in where no state file is: 17 of +3 %, 8 of -2 %.
    pub const BOOTSTRAP: Outcomes =
        Outcomes { count: 25, win_rate: 17.0 / 25.0, average_win: 0.03, average_loss: 0.02 };
}

/// What is sized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizingInput {
    /// Whose: it bounds the leverage.
    pub symbol: Symbol,
    /// 0 to 1.
    pub confidence: f64,
    /// Average true range as a fraction of the price.
    pub atr_pct: f64,
    /// Share of the equity that is in use as margin.
    pub exposure_pct: f64,
    /// In USDT.
    pub equity_usd: f64,
    /// Cap on the leverage.
    pub max_leverage: f64,
    /// Share of the equity that is used as margin.
    pub risk_per_trade: f64,
}

/// How large, and how far away stop and target are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sizing {
    /// Margin in the sense of the sizing agent; the pipeline trades it as notional (MSE 2 rule 4).
    pub position_size_usd: f64,
    /// Leverage.
    pub leverage: f64,
    /// Share of the equity at risk.
    pub risk_pct: f64,
    /// Score of the sizing, 0 to 1.
    pub confidence: f64,
    /// Distance of the target, a fraction.
    pub tp_percent: f64,
    /// Distance of the stop, a fraction.
    pub sl_percent: f64,
    /// Distance of the first half of the target, a fraction.
    pub partial_tp_percent: f64,
}

fn symbol_max(symbol: Symbol) -> f64 {
    match symbol.as_str().strip_suffix("USDT").unwrap_or(symbol.as_str()) {
        "BTC" => 125.0,
        "ETH" => 100.0,
        "BNB" | "SOL" | "XRP" | "ADA" | "DOGE" | "DOT" | "MATIC" | "LINK" | "AVAX" | "ATOM"
        | "LTC" | "ETC" => 75.0,
        _ => 50.0,
    }
}

/// Sizes a position. All inputs have to be finite.
pub fn size(input: &SizingInput, outcomes: &Outcomes) -> Sizing {
    let Outcomes { count, win_rate: w, average_win: a, average_loss: b } = *outcomes;
    let daily_volatility = 2.5 * input.atr_pct;
    let open_share = libm::floor(POSITIONS_MAX * input.exposure_pct) / POSITIONS_MAX;

    let mut margin = input.equity_usd * input.risk_per_trade;
    let available = input.equity_usd - input.equity_usd * input.exposure_pct;
    if available < margin {
        // An account in use beyond its equity has nothing left; it does not owe a position.
        margin = (0.95 * available).max(0.0);
    }

    let mut sl = 2.0 * input.atr_pct;
    if count > 10 && b > 1.3 * sl {
        sl = 0.95 * b;
    }
    let sl = sl.clamp(0.025, 0.030);

    let mut tp = match daily_volatility {
        v if v > 0.05 => 0.040,
        v if v < 0.02 => 0.030,
        _ => 0.035,
    };
    if count > 10 && a > 0.0 && a < tp {
        tp = 0.9 * a;
    }
    let tp = tp.clamp(0.030, 0.045);

    let cap = symbol_max(input.symbol).min(input.max_leverage);
    let edge = w * a - (1.0 - w) * b;
    let mut leverage = leverage(input, outcomes, edge, daily_volatility, open_share, cap);
    let loss = margin * leverage * sl;
    if loss > 0.5 * margin {
        leverage *= 0.5 * margin / loss;
    }

    let mut score = match count {
        n if n < 10 => 0.6,
        n if n < 50 => 0.8,
        n if n < 100 => 0.9,
        _ => 1.0,
    };
    score *= match leverage {
        l if l > 15.0 => 0.7,
        l if l > 10.0 => 0.85,
        _ => 1.0,
    };
    if open_share > 0.8 {
        score *= 0.9;
    }
    if tp / sl < 2.0 {
        score *= 0.8;
    }
    score = half_even(score, 3);
    if count >= 20 && a > 0.0 {
        let kelly = edge / a;
        if kelly > 0.0 {
            margin *= (0.5 * kelly / input.risk_per_trade).min(2.0);
            score *= 0.95;
        }
    }
    Sizing {
        position_size_usd: margin,
        leverage,
        risk_pct: margin_share(input, margin) * leverage / 5.0 * 0.01,
        confidence: score,
        tp_percent: tp,
        sl_percent: sl,
        partial_tp_percent: tp / 2.0,
    }
}

fn margin_share(input: &SizingInput, margin: f64) -> f64 {
    if input.equity_usd > 0.0 { margin / input.equity_usd } else { 0.0 }
}

fn leverage(
    input: &SizingInput,
    outcomes: &Outcomes,
    edge: f64,
    daily_volatility: f64,
    open_share: f64,
    cap: f64,
) -> f64 {
    let Outcomes { count, win_rate: w, average_win: a, average_loss: b } = *outcomes;
    if count < 5 || a == 0.0 || b == 0.0 {
        return cap.min(10.0);
    }
    let variance = w * a * a + (1.0 - w) * b * b;
    if edge <= 0.0 || variance == 0.0 {
        return cap.min(5.0);
    }
    let mut leverage = 0.5 * edge / variance;
    if daily_volatility > 0.08 {
        leverage *= 0.7;
    }
    if LIQUIDITY < 0.5 {
        leverage *= 0.8;
    }
    if open_share > 0.7 {
        leverage *= 0.85;
    }
    if input.confidence < 0.80 {
        leverage *= 0.5 + 0.625 * input.confidence;
    }
    half_even(leverage.max(5.0).min(cap), 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::close;

    fn check(symbol: &str, input: [f64; 6], outcomes: Outcomes, want: [f64; 7]) {
        let [confidence, atr_pct, exposure_pct, equity_usd, max_leverage, risk_per_trade] = input;
        let symbol = Symbol::new(symbol).expect("a symbol");
        let input = SizingInput {
            symbol,
            confidence,
            atr_pct,
            exposure_pct,
            equity_usd,
            max_leverage,
            risk_per_trade,
        };
        let got = size(&input, &outcomes);
        close("size", got.position_size_usd, want[0], 1e-12);
        close("leverage", got.leverage, want[1], 1e-12);
        close("risk", got.risk_pct, want[2], 1e-12);
        close("confidence", got.confidence, want[3], 1e-12);
        close("tp", got.tp_percent, want[4], 1e-12);
        close("sl", got.sl_percent, want[5], 1e-12);
        close("partial", got.partial_tp_percent, want[6], 1e-12);
    }

    #[test]
    fn examples_5_to_7() {
        check(
            "COMPUSDT",
            [0.5545, 0.0545, 0.0, 10_000.0, 10.0, 0.02],
            Outcomes::NONE,
            [200.0, 10.0, 0.0004, 0.48, 0.04, 0.03, 0.02],
        );
        check(
            "BTCUSDT",
            [0.82, 0.021, 0.25, 10_000.0, 25.0, 0.02],
            Outcomes::BOOTSTRAP,
            [400.0, 9.5, 0.00076, 0.608, 0.03, 0.03, 0.015],
        );
        check(
            "SOLUSDT",
            [0.66, 0.018, 0.85, 2_500.0, 25.0, 0.05],
            Outcomes::BOOTSTRAP,
            [250.0, 7.3, 0.00146, 0.608, 0.03, 0.03, 0.015],
        );
    }
}
