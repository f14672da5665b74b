//! Balance tracker (MSE 14.4): the account's money, every 30 s. A failure keeps the old values, which die
//! with their key; equity and its peak stay, and say how old they are. It also tells the margin of each open
//! position and of the whole account (settled).

use engine::{
    AccountBalance, Answer, Context, Envelope, EpochSeconds, ExchangeEvent, Input, IsoTime, Nanos,
    Outcome, PositionRisk, Request, Service, SetOptions, Symbol, TimerKey, Wiring,
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
    symbols: Vec<Symbol>,
    peak: Decimal,
    /// Places of the symbols whose margin the bus has.
    told: Vec<usize>,
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
        ctx.submit(Request::PositionRisk);
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

impl BalanceTracker {
    /// The margin of each open position, by symbol.
    fn margins(&mut self, rows: &[PositionRisk], ctx: &mut Context<'_>) {
        let key = keys::POSITIONS_OPEN.name;
        // In hedge mode a symbol has a row for each side.
        let mut margins = vec![Decimal::ZERO; self.symbols.len()];
        for row in rows {
            if let Some(margin) = margins.get_mut(usize::from(row.symbol.0)) {
                *margin += row.initial_margin;
            }
        }
        let open = |(_, margin): &(usize, &Decimal)| !margin.is_zero();
        let held: Vec<usize> = margins.iter().enumerate().filter(open).map(|(at, _)| at).collect();
        if held != self.told {
            // One that is closed leaves the hash; an empty hash is none.
            ctx.del(key);
            self.told.clone_from(&held);
        }
        let saved = held.iter().all(|&place| {
            ctx.hset(key, self.symbols[place].as_str(), &margins[place].to_string()).is_ok()
        });
        if !saved {
            ctx.count("margins_not_saved", 1);
        } else if let Some(life) = keys::POSITIONS_OPEN.life.filter(|_| !held.is_empty()) {
            ctx.expire(key, life);
        }
    }
}

impl Configured for BalanceTracker {
    type Settings = BalanceTrackerSettings;
    const COUNTERS: &'static [&'static str] =
        &["balance_not_fetched", "balance_not_saved", "equity_unreadable", "margins_not_saved"];

    fn configured(_: &BalanceTrackerSettings, setup: Setup<'_>) -> Result<BalanceTracker, String> {
        Ok(BalanceTracker { symbols: setup.symbols.to_vec(), ..BalanceTracker::default() })
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
                keys::POSITIONS_OPEN,
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
                Outcome::Done(Answer::PositionRisk(rows)) => self.margins(rows, ctx),
                _ => ctx.count("balance_not_fetched", 1),
            },
            _ => {}
        }
    }
}
