//! Portfolio state publisher (MSE 14.2, EHR 3.12): the whole book, every 5 s. Equity and unrealised profit come
//! from one answer of the account; without it the state says that it is stale and its key is left to die.
//! Its peak and its drawdown go on from the newest entry of its stream; losses, fees and round trips are summed per
//! minute, on the bus.

use engine::{
    Context, Delivery, Envelope, EpochSeconds, GroupStart, Input, IsoTime, Nanos, Reader, Service,
    SetOptions, Symbol, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::numbers::RefusedNumber;
use strategies::portfolio::SmoothedPerMinute;

use crate::audited::Audited;
use crate::fills;
use crate::grid;
use crate::keys;
use crate::records::{
    Balance, ExecutionResult, PortfolioState, PortfolioSums, PositionSide, PositionSnapshot,
    TradeClosed,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{EXECUTION_RESULT, PORTFOLIO_STATE, TRADE_CLOSED};

settings! {
    /// Portfolio state publisher.
    pub struct PortfolioStatePublisherSettings {
    }
}

const INTERVAL: Nanos = Nanos::from_secs(5);
/// Weight that is left of an average after one interval, with a half-life of five minutes: 2^(-5/300).
const KEEP: f64 = 0.988_514_020_352_896;
const FILLS: usize = 0;

/// What is summed per minute, and averaged over the minutes that ended.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Sums {
    losses: SmoothedPerMinute,
    fees: SmoothedPerMinute,
    trips: SmoothedPerMinute,
}

fn minute_of(at: Nanos) -> i64 {
    at.secs().div_euclid(60)
}

impl Sums {
    fn add(
        &mut self,
        minute: i64,
        losses: f64,
        fees: f64,
        trips: f64,
    ) -> Result<(), RefusedNumber> {
        let mut next = *self;
        next.losses.add(minute, losses)?;
        next.fees.add(minute, fees)?;
        next.trips.add(minute, trips)?;
        *self = next;
        Ok(())
    }

    fn record(&self, minute: i64) -> PortfolioSums {
        let ((losses_usd, losses_ewma_usd), (fees_usd, fees_ewma_usd), (trips, trips_ewma)) =
            (self.losses.parts(), self.fees.parts(), self.trips.parts());
        PortfolioSums {
            minute,
            losses_usd,
            losses_ewma_usd,
            fees_usd,
            fees_ewma_usd,
            trips,
            trips_ewma,
        }
    }

    fn of(sums: &PortfolioSums) -> Result<Sums, RefusedNumber> {
        let of = |sum, average| SmoothedPerMinute::resumed(sums.minute, sum, average);
        Ok(Sums {
            losses: of(sums.losses_usd, sums.losses_ewma_usd)?,
            fees: of(sums.fees_usd, sums.fees_ewma_usd)?,
            trips: of(sums.trips, sums.trips_ewma)?,
        })
    }
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PortfolioStatePublisher {
    snapshot_keys: Vec<String>,
    peak: Decimal,
    drawdown: f64,
    sums: Sums,
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
            sums: Sums::default(),
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
        self.sum((-pnl).max(0.0), fill.commission.map_or(0.0, grid::float), 0.0, ctx);
        fills::take(&fill, ctx);
    }

    /// A position became flat. It is the position monitor that knows of that: a fill does not say what it leaves.
    fn closed(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(trade) = ctx.read::<TradeClosed>(TRADE_CLOSED.name, delivery) else { return };
        let (service, symbol, plan) = (ctx.name(), trade.symbol, &trade.plan_id);
        let order = trade.order_id;
        let seen = keys::FILL_SEEN.of(format_args!("{service}:{symbol}:{plan}:{order}:trip"));
        if ctx.exists(&seen) {
            return ctx.count("trips_already_taken", 1);
        }
        self.sum(0.0, 0.0, 1.0, ctx);
        let options = SetOptions { expire: keys::FILL_SEEN.life, ..SetOptions::default() };
        if ctx.set(&seen, "1", options).is_err() {
            ctx.count("sums_not_saved", 1);
        }
    }

    /// Adds to the running minute, on the bus, too: a crash would lose up to a minute.
    fn sum(&mut self, losses: f64, fees: f64, trips: f64, ctx: &mut Context<'_>) {
        let minute = minute_of(ctx.now());
        if self.sums.add(minute, losses, fees, trips).is_err() {
            return ctx.count("figures_not_finite", 1);
        }
        let record = self.sums.record(minute);
        let life = keys::PORTFOLIO_SUMS.life;
        if ctx.set_record(keys::PORTFOLIO_SUMS.name, &record, life).is_err() {
            ctx.count("sums_not_saved", 1);
        }
    }

    /// After a start: what the last entry of a former life says. Nothing was lost, paid or closed in the
    /// intervals that nobody published; what became of the drawdown nobody saw.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        match ctx
            .record::<PortfolioSums>(keys::PORTFOLIO_SUMS.name)
            .map(|sums| sums.map_or(Ok(Sums::default()), |sums| Sums::of(&sums)))
        {
            Ok(Ok(sums)) => self.sums = sums,
            Ok(Err(_)) | Err(_) => ctx.count("sums_unreadable", 1),
        }
        let newest = ctx.newest(PORTFOLIO_STATE.name, 1).unwrap_or_default();
        let Some(body) = newest.first().and_then(|entry| entry.body.as_ref()) else { return };
        let Ok(last) = body.read::<PortfolioState>() else {
            ctx.count("portfolio_unreadable", 1);
            return;
        };
        self.peak = last.peak_equity_usd;
        self.drawdown = last.dd_ewma_usd;
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
        // An account that nobody sees has not recovered.
        if equity.is_some() {
            self.drawdown = KEEP * self.drawdown + (1.0 - KEEP) * drawdown;
        }
        let minute = minute_of(now);
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
            lossburst_ewma_usd: self.sums.losses.at(minute),
            fee_burden_ewma_usd: self.sums.fees.at(minute),
            churn_ewma: self.sums.trips.at(minute),
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
    const COUNTERS: &'static [&'static str] = &[
        "figures_not_finite",
        "portfolio_not_saved",
        "portfolio_unreadable",
        "snapshot_unreadable",
        "stale",
        "sums_not_saved",
        "sums_unreadable",
        "trips_already_taken",
    ];

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
            readers: vec![
                Reader::group(EXECUTION_RESULT.name, "portfolio_state_publisher", GroupStart::End),
                Reader::group(TRADE_CLOSED.name, "portfolio_state_publisher", GroupStart::End),
            ],
            writes: vec![PORTFOLIO_STATE.name],
            looks: vec![PORTFOLIO_STATE.name],
            keys_read: keys::patterns(&[
                keys::POSITION_SNAPSHOT,
                equity,
                keys::PORTFOLIO_SUMS,
                keys::FILL_SEEN,
            ]),
            keys_written: keys::patterns(&[keys::PORTFOLIO, keys::PORTFOLIO_SUMS, keys::FILL_SEEN]),
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
            Input::Delivery(delivery) if delivery.reader == FILLS => self.fill(delivery, ctx),
            Input::Delivery(delivery) => self.closed(delivery, ctx),
            _ => {}
        }
    }
}
