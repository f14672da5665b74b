//! What the portfolio state publisher did before it was mended, under the names of `audited.rs`.

use super::*;
use crate::bench::audited;

/// INC-3: a heat of 0.0088 rested on an equity that nobody had. It read its own output, and began with a constant.
#[test]
fn equity_was_a_constant_and_drawdown_none() {
    let of = |settings: &PipelineSettings| {
        let mut bench = Bench::new(&[TRACKER, PORTFOLIO], settings, Vec::new());
        bench.kernel.exchange_mut().account = Some(account(1_000, 0));
        bench.run_to_ms(5_100);
        bench.kernel.exchange_mut().account = Some(account(700, 0));
        bench.run_to_ms(60_100);
        let state = last(&mut bench);
        (state.equity_usd, state.drawdown)
    };
    assert_eq!(of(&PipelineSettings::default()), (Some(decimal("700")), 0.3));
    assert_eq!(of(&audited(&["equity_constant"])), (Some(decimal("100000")), 0.0));
}
