//! The trades of a run as the columns of a page.

use std::collections::BTreeMap;

use reports::metrics::to_f64;
use reports::page::{Column, Reason, ReasonKind, Trades};
use scenarios::{ClosedTrade, RunRecord, excursions, net_of};

/// How an exit is drawn, by the words of its reason.
fn kind(reason: &str, liquidated: bool) -> ReasonKind {
    let words = reason.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    match () {
        () if liquidated || has(&["liquidation"]) => ReasonKind::Liquidation,
        () if has(&["trail"]) => ReasonKind::Trailing,
        () if has(&["take_profit", "target", "tp_"]) => ReasonKind::Target,
        () if has(&["stop", "sl_"]) => ReasonKind::Stop,
        () if has(&["time", "age", "holding"]) => ReasonKind::Time,
        () if has(&["by hand", "reset", "delisting"]) => ReasonKind::Other,
        () => ReasonKind::Signal,
    }
}

fn net(trade: &ClosedTrade) -> f64 {
    to_f64(net_of(trade))
}

/// All trades: those that ended by their ends, then those that are open.
pub fn columns(record: &RunRecord) -> Trades {
    let RunRecord { trades: ended, open, .. } = record;
    let count = ended.len() + open.len();
    let (mut reasons, mut numbers) = (Vec::new(), BTreeMap::new());
    let mut reason_of = |trade: &ClosedTrade| {
        *numbers.entry(trade.exit_reason.clone()).or_insert_with(|| {
            let kind = kind(&trade.exit_reason, trade.liquidated);
            reasons.push(Reason { name: trade.exit_reason.to_string(), kind: Some(kind) });
            reasons.len() as i64 - 1
        })
    };
    let reason = ended.iter().map(|trade| Some(reason_of(trade))).chain(open.iter().map(|_| None));
    let reason = Column::Gaps(reason.collect());
    let absent = |_| f64::NAN;
    let some = |price: f64| if price > 0.0 { price } else { f64::NAN };
    let ended_only = |of: &dyn Fn(&ClosedTrade) -> f64| {
        let values = ended.iter().map(of).chain((0..open.len()).map(absent));
        Column::Floats(values.collect())
    };
    let entry_ms: Vec<i64> = ended
        .iter()
        .map(|trade| trade.entry_time.millis())
        .chain(open.iter().map(|trade| trade.entry_time.millis()))
        .collect();
    let exit_ms = ended.iter().map(|trade| Some(trade.exit_time.millis()));
    // Of all trades: from what both kinds have.
    macro_rules! both {
        ($of:ident => $value:expr) => {
            ended.iter().map(|$of| $value).chain(open.iter().map(|$of| $value)).collect()
        };
    }
    Trades {
        reasons,
        id: Column::Even { start: 1, step: 1, count },
        symbol: Column::Whole(both!(trade => trade.symbol as i64)),
        side: Column::Whole(both!(trade => i64::from(!trade.long))),
        entry_ms: Column::times(&entry_ms),
        exit_ms: Column::Gaps(exit_ms.chain(open.iter().map(|_| None)).collect()),
        entry_price: Column::Floats(both!(trade => to_f64(trade.entry_price))),
        exit_price: ended_only(&|trade| some(to_f64(trade.exit_price))),
        qty: Column::Floats(both!(trade => to_f64(trade.qty))),
        pnl: ended_only(&net),
        fees: Column::Floats(both!(trade => to_f64(trade.fees))),
        funding: Column::Floats(both!(trade => to_f64(trade.funding))),
        slippage: ended_only(&|trade| to_f64(trade.slippage)),
        ret: ended_only(&|trade| net(trade) / (to_f64(trade.entry_price) * to_f64(trade.qty))),
        mae: ended_only(&|trade| excursions(trade).0),
        mfe: ended_only(&|trade| excursions(trade).1),
        stop_price: ended_only(&|trade| {
            trade.stop_loss.map_or(f64::NAN, |stop| some(to_f64(stop)))
        }),
        reason,
        chains: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_drawn_by_what_they_say() {
        let kinds = [
            ("stop_loss", false, ReasonKind::Stop),
            ("trailing_stop", false, ReasonKind::Trailing),
            ("take_profit", false, ReasonKind::Target),
            ("anything", true, ReasonKind::Liquidation),
            ("by hand", false, ReasonKind::Other),
            ("regime_flip", false, ReasonKind::Signal),
        ];
        for (reason, liquidated, expected) in kinds {
            assert_eq!(kind(reason, liquidated), expected, "{reason}");
        }
    }
}
