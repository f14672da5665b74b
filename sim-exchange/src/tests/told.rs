//! The user stream's events of one line as text, with all that a test may want to see of them.

use engine::{Exchange, ExchangeEvent, ExpiryReason, Nanos, UserEvent};
use rust_decimal::Decimal;

use super::Script;

/// What the clients are told of one line, in its order.
pub(super) fn told(run: &mut Script, line: &str) -> Vec<(u16, UserEvent)> {
    let mut out = Vec::new();
    run.line(line);
    run.exchange.advance(run.now + Nanos::from_millis(500), &mut out);
    run.now += Nanos::from_secs(1);
    run.exchange.check_conservation().unwrap();
    let user = out.into_iter().filter_map(|event| match event {
        ExchangeEvent::User { account, event, .. } => Some((account.0, event)),
        ExchangeEvent::Response { .. } => None,
    });
    user.collect()
}

/// One account's part as text.
pub(super) fn part_of(account: u16, events: &[(u16, UserEvent)]) -> Vec<String> {
    events.iter().filter(|(of, _)| *of == account).map(|(_, event)| show(event)).collect()
}

pub(super) fn show(event: &UserEvent) -> String {
    match event {
        UserEvent::TradeLite { order, fill } => {
            format!("TRADE_LITE {} {}", order.client_order_id.0, fill.qty.0)
        }
        UserEvent::AccountUpdate { reason, balance, positions } => {
            let wallet = balance.unwrap().wallet_balance.normalize();
            let held: Vec<i64> = positions.iter().map(|row| row.position_amt.0).collect();
            format!("ACCOUNT_UPDATE {} wallet {wallet} holds {held:?}", reason.as_str())
        }
        UserEvent::OrderTradeUpdate { execution, order, fill, liquidation } => {
            let name = &order.client_order_id.0;
            let (x, status) = (execution.as_str(), order.status.as_str());
            let mut text = format!("{name} x={x} X={status}");
            if let Some(fill) = fill {
                let price = Decimal::new(fill.price.0, 1);
                text += &format!(
                    " t={} {} @ {price} pnl {} fee {}",
                    fill.trade_id,
                    fill.qty.0,
                    fill.realized_pnl.normalize(),
                    fill.commission.normalize()
                );
            } else if *liquidation {
                let price = Decimal::new(order.price.unwrap().0, 1);
                let (side, kind, tif) = (order.side, order.order_type, order.time_in_force);
                let only = if order.reduce_only { " reduce-only" } else { "" };
                text += &format!(
                    " {} {} {} {} @ {price}{only}",
                    side.as_str(),
                    kind.as_str(),
                    tif.as_str(),
                    order.orig_qty.0
                );
            }
            if order.expiry_reason != ExpiryReason::None {
                text += &format!(" er {}", order.expiry_reason as u8);
            }
            text
        }
        UserEvent::LeverageUpdate { symbol, leverage } => {
            format!("ACCOUNT_CONFIG_UPDATE {} leverage {leverage}", symbol.0)
        }
        UserEvent::AlgoUpdate { order } => {
            format!("algo {} {:?}", order.order.client_order_id.0, order.status)
        }
        other => panic!("nothing else happens here: {other:?}"),
    }
}
