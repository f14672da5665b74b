//! Balance tracker (MSE 14.4): the account's money, every 30 s. A failure keeps the old values, which die
//! with their key; equity and its peak stay, and say how old they are.

use engine::{
    AccountBalance, Answer, Context, Envelope, EpochSeconds, ExchangeEvent, Input, IsoTime, Nanos,
    Outcome, Request, Service, SetOptions, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::records::{Balance, BalanceEntry, Equity};
use crate::settings::{Configured, Setup, settings};
use crate::streams::ACCOUNT_BALANCE;

settings! {
    /// Balance tracker.
    pub struct BalanceTrackerSettings {
    }
}

const INTERVAL: Nanos = Nanos::from_secs(30);

/// The service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BalanceTracker {
    peak: Decimal,
}

fn ratio(part: Decimal, whole: Decimal) -> Option<Decimal> {
    part.checked_div(whole).map(|ratio| ratio.round_dp(8))
}

impl BalanceTracker {
    /// After a start: the peak of a former life.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        match ctx.record::<Equity>(keys::EQUITY_CURRENT.name) {
            Ok(Some(equity)) => self.peak = equity.peak,
            Ok(None) => {}
            Err(_) => ctx.count("equity_unreadable", 1),
        }
    }

    fn ask(&self, ctx: &mut Context<'_>) {
        ctx.submit(Request::Account);
        ctx.timer_after(INTERVAL, TimerKey(0));
    }

    fn take(&mut self, account: &AccountBalance, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let balance = Balance {
            balance: account.wallet_balance,
            available_balance: account.available_balance,
            margin_used: account.initial_margin,
            unrealized_pnl: account.unrealized_profit,
            total_positions: None,
            timestamp: EpochSeconds(now),
            last_updated: IsoTime(now),
            margin_ratio: ratio(account.maint_margin, account.margin_balance),
            available_ratio: ratio(account.available_balance, account.wallet_balance),
        };
        let saved =
            ctx.set_record(keys::ACCOUNT_BALANCE.name, &balance, keys::ACCOUNT_BALANCE.life);
        self.peak = self.peak.max(account.margin_balance);
        let equity = Equity {
            equity: account.margin_balance,
            peak: self.peak,
            last_update_ts: EpochSeconds(now),
        };
        let also = ctx.set_record(keys::EQUITY_CURRENT.name, &equity, None);
        let options = SetOptions { expire: keys::MARGIN_TOTAL.life, ..SetOptions::default() };
        let margin = ctx.set(keys::MARGIN_TOTAL.name, &account.margin_balance.to_string(), options);
        if saved.is_err() || also.is_err() || margin.is_err() {
            ctx.count("balance_not_saved", 1);
        }
        let entry = BalanceEntry {
            event_type: "account.balance".into(),
            balance: account.wallet_balance,
            available: account.available_balance,
            margin_used: account.initial_margin,
            unrealized_pnl: account.unrealized_profit,
            positions: None,
            margin_ratio: balance.margin_ratio,
            timestamp: EpochSeconds(now),
        };
        crate::publish(ctx, ACCOUNT_BALANCE, Envelope::Flat, entry);
    }
}

impl Configured for BalanceTracker {
    type Settings = BalanceTrackerSettings;
    const COUNTERS: &'static [&'static str] =
        &["balance_not_fetched", "balance_not_saved", "equity_unreadable"];

    fn configured(_: &BalanceTrackerSettings, _: Setup<'_>) -> Result<BalanceTracker, String> {
        Ok(BalanceTracker::default())
    }
}

impl Service for BalanceTracker {
    fn wiring(&self) -> Wiring {
        Wiring {
            writes: vec![ACCOUNT_BALANCE.name],
            keys_read: keys::patterns(&[keys::EQUITY_CURRENT]),
            keys_written: keys::patterns(&[
                keys::ACCOUNT_BALANCE,
                keys::EQUITY_CURRENT,
                keys::MARGIN_TOTAL,
            ]),
            exchange: true,
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {
                self.recover(ctx);
                self.ask(ctx);
            }
            Input::Timer(_) => self.ask(ctx),
            Input::Exchange(ExchangeEvent::Response { outcome, .. }) => match outcome {
                Outcome::Done(Answer::Account(account)) => self.take(account, ctx),
                _ => ctx.count("balance_not_fetched", 1),
            },
            _ => {}
        }
    }
}
