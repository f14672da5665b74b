//! Portfolio state publisher (MSE 14.2, EHR 3.12): the whole book, every 5 s. Equity and unrealised profit come
//! from one answer of the account; without it the state says that it is stale and its key is left to die.
//! Its peak and its averages go on from the newest entry of its stream.

use engine::{
    Context, Delivery, Envelope, EpochSeconds, GroupStart, Input, IsoTime, Nanos, Reader, Service,
    Symbol, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::audited::Audited;
use crate::fills;
use crate::grid;
use crate::keys;
use crate::records::{Balance, ExecutionResult, PortfolioState, PositionSide, PositionSnapshot};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{EXECUTION_RESULT, PORTFOLIO_STATE};

settings! {
    /// Portfolio state publisher.
    pub struct PortfolioStatePublisherSettings {
    }
}

const INTERVAL: Nanos = Nanos::from_secs(5);
/// Weight that is left of an average after one interval, with a half-life of five minutes: 2^(-5/300).
const KEEP: f64 = 0.988_514_020_352_896;
/// Intervals a minute: the averages are of sums per minute.
const PER_MINUTE: f64 = 12.0;
/// After so many intervals nothing is left of an average.
const MISSED_MAX: i64 = 10_000;

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PortfolioStatePublisher {
    snapshot_keys: Vec<String>,
    peak: Decimal,
    drawdown: f64,
    losses: f64,
    fees: f64,
    churn: f64,
    /// Since the last interval.
    new_losses: f64,
    new_fees: f64,
    new_trips: f64,
    /// It believes its own output.
    equity_constant: bool,
}

impl PortfolioStatePublisher {
    /// For these symbols, in the order of the run.
    fn new(symbols: &[Symbol], equity_constant: bool) -> PortfolioStatePublisher {
        PortfolioStatePublisher {
            snapshot_keys: keys::POSITION_SNAPSHOT.of_each(symbols),
            peak: Decimal::ZERO,
            drawdown: 0.0,
            losses: 0.0,
            fees: 0.0,
            churn: 0.0,
            new_losses: 0.0,
            new_fees: 0.0,
            new_trips: 0.0,
            equity_constant,
        }
    }

    fn fill(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(fill) = ctx.read::<ExecutionResult>(EXECUTION_RESULT.name, delivery) else {
            return;
        };
        if fills::taken(&fill, ctx) {
            return;
        }
        let pnl = fill.realized_pnl.map_or(0.0, grid::float);
        self.new_losses += (-pnl).max(0.0);
        self.new_fees += fill.commission.map_or(0.0, grid::float);
        self.new_trips += f64::from(u8::from(fill.reduce_only.0));
        fills::take(&fill, ctx);
    }

    /// After a start: what the last entry of a former life says. Nothing was lost, paid or closed in the
    /// intervals that nobody published; what became of the drawdown nobody saw.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        let newest = ctx.newest(PORTFOLIO_STATE.name, 1).unwrap_or_default();
        let Some(body) = newest.first().and_then(|entry| entry.body.as_ref()) else { return };
        let Ok(last) = body.read::<PortfolioState>() else {
            ctx.count("portfolio_unreadable", 1);
            return;
        };
        let missed = (ctx.now() - last.timestamp.0).0 / INTERVAL.0;
        let mut kept = 1.0;
        for _ in 0..missed.clamp(0, MISSED_MAX) {
            kept *= KEEP;
        }
        self.peak = last.peak_equity_usd;
        self.drawdown = last.dd_ewma_usd;
        self.losses = kept * last.lossburst_ewma_usd;
        self.fees = kept * last.fee_burden_ewma_usd;
        self.churn = kept * last.churn_ewma;
    }

    fn publish(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let (mut count, mut notional, mut seen) = (0, Decimal::ZERO, Decimal::ZERO);
        for key in &self.snapshot_keys {
            match ctx.record::<PositionSnapshot>(key) {
                Ok(Some(snapshot)) if snapshot.side != PositionSide::None => {
                    count += 1;
                    notional += (snapshot.position_amt * snapshot.mark_price).abs();
                    seen += snapshot.unrealized_pnl;
                }
                Ok(_) => {}
                Err(_) => ctx.count("snapshot_unreadable", 1),
            }
        }
        let account = match self.equity_constant {
            true => Some(own(seen, ctx)),
            false => account(ctx),
        };
        let balance = account.map(|(balance, _)| balance);
        let unrealized = account.map_or(seen, |(_, unrealized)| unrealized);
        let equity = balance.map(|balance| balance + unrealized);
        self.peak = self.peak.max(equity.unwrap_or_default());
        let known = equity.filter(|_| !self.equity_constant);
        let drawdown = known.map_or(0.0, |equity| grid::float(self.peak - equity));
        let average = |old: f64, sum: f64| KEEP * old + (1.0 - KEEP) * sum * PER_MINUTE;
        self.drawdown = KEEP * self.drawdown + (1.0 - KEEP) * drawdown;
        self.losses = average(self.losses, std::mem::take(&mut self.new_losses));
        self.fees = average(self.fees, std::mem::take(&mut self.new_fees));
        self.churn = average(self.churn, std::mem::take(&mut self.new_trips));
        let peak = grid::float(self.peak);
        let state = PortfolioState {
            ts_utc: IsoTime(now),
            timestamp: EpochSeconds(now),
            equity_usd: equity,
            balance_usd: balance,
            unrealized_pnl_usd: unrealized,
            positions_count: count,
            positions_notional_usd: notional,
            gross_exposure_usd: notional,
            peak_equity_usd: self.peak,
            drawdown: if peak > 0.0 { drawdown / peak } else { 0.0 },
            dd_ewma_usd: self.drawdown,
            lossburst_ewma_usd: self.losses,
            fee_burden_ewma_usd: self.fees,
            churn_ewma: self.churn,
            stale: equity.is_none(),
            source: if self.equity_constant { "portfolio" } else { "account" }.into(),
        };
        if state.stale {
            ctx.count("stale", 1);
        } else if ctx.set_record(keys::PORTFOLIO.name, &state, keys::PORTFOLIO.life).is_err() {
            ctx.count("portfolio_not_saved", 1);
        }
        crate::publish(ctx, PORTFOLIO_STATE, Envelope::Flat, state);
    }
}

/// Balance and unrealised profit of the account. One moment's wallet with another moment's profit would count a close
/// twice, or not at all.
fn account(ctx: &mut Context<'_>) -> Option<(Decimal, Decimal)> {
    match ctx.record::<Balance>(keys::ACCOUNT_BALANCE.name) {
        Ok(Some(account)) => Some((account.balance, account.unrealized_pnl)),
        Ok(None) | Err(_) => None,
    }
}

/// Balance and unrealised profit that make its last equity, or the constant that it began with.
fn own(unrealized: Decimal, ctx: &mut Context<'_>) -> (Decimal, Decimal) {
    let last = ctx.record::<PortfolioState>(keys::PORTFOLIO.name).ok().flatten();
    let equity = last.and_then(|last| last.equity_usd).unwrap_or(Decimal::from(100_000));
    (equity - unrealized, unrealized)
}

impl Configured for PortfolioStatePublisher {
    type Settings = PortfolioStatePublisherSettings;
    const COUNTERS: &'static [&'static str] =
        &["portfolio_not_saved", "portfolio_unreadable", "snapshot_unreadable", "stale"];

    fn configured(
        _: &PortfolioStatePublisherSettings,
        setup: Setup<'_>,
    ) -> Result<PortfolioStatePublisher, String> {
        let equity_constant = setup.pipeline.audited.has(Audited::EquityConstant);
        Ok(PortfolioStatePublisher::new(setup.symbols, equity_constant))
    }
}

impl Service for PortfolioStatePublisher {
    fn wiring(&self) -> Wiring {
        let equity = if self.equity_constant { keys::PORTFOLIO } else { keys::ACCOUNT_BALANCE };
        Wiring {
            readers: vec![Reader::group(
                EXECUTION_RESULT.name,
                "portfolio_state_publisher",
                GroupStart::End,
            )],
            writes: vec![PORTFOLIO_STATE.name],
            looks: vec![PORTFOLIO_STATE.name],
            keys_read: keys::patterns(&[keys::POSITION_SNAPSHOT, equity, keys::FILL_SEEN]),
            keys_written: keys::patterns(&[keys::PORTFOLIO, keys::FILL_SEEN]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {
                self.recover(ctx);
                ctx.timer_after(INTERVAL, TimerKey(0));
            }
            Input::Timer(_) => {
                self.publish(ctx);
                ctx.timer_after(INTERVAL, TimerKey(0));
            }
            Input::Delivery(delivery) => self.fill(delivery, ctx),
            _ => {}
        }
    }
}
