//! Risk proposal publisher P1.5 (EHR 3.2): stop, target and trailing distance of every position, every 10 s.
//!
//! A proposal names the plan that opened its position, says when it was computed and dies with its inputs, so that
//! nobody acts on one of another position or of yesterday. It never writes the stop itself: the exit monitor, the one
//! writer of `quantum:state:stops:{S}`, looks at the proposals and takes what is closer.

use engine::{
    Context, Envelope, EpochSeconds, Input, IsoTime, Nanos, Service, Symbol, TimerKey, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::position::MarketView;
use strategies::risk::{
    RiskParams, RiskProposal as Proposed, STOP_ALREADY_CROSSED, risk_proposal, risk_should_publish,
};

use super::held::{HELD_KEYS, Held, HeldKeys, Seen, side_of};
use crate::audited::Audited;
use crate::keys;
use crate::records::RiskProposal;
use crate::settings::{Configured, Setup, settings};
use crate::streams::RISK_PROPOSAL;

settings! {
    /// Risk proposal publisher, P1.5.
    pub struct RiskProposalSettings {
        /// Between two looks at all positions, in s; a proposal outlives three of them.
        pub interval_s: i64 = 10 => 1..=20,
        /// Whether what changes is told on risk.proposal, too.
        pub stream: bool = false,
        /// The kernel's parameters.
        pub params: RiskParams = RiskParams::default(),
    }
}

/// One symbol.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct One {
    symbol: Symbol,
    key: String,
    held: HeldKeys,
    /// What was told last.
    told: Option<RiskProposal>,
}

/// The service. What it has told is a cache: a successor tells it again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RiskProposalPublisher {
    settings: RiskProposalSettings,
    symbols: Vec<One>,
    trend_lost: bool,
    stop_beyond_price: bool,
}

impl One {
    fn look(
        &mut self,
        settings: &RiskProposalSettings,
        params: &RiskParams,
        trend_lost: bool,
        ctx: &mut Context<'_>,
    ) {
        let held = match self.held.look(ctx) {
            Seen::Held(held) => held,
            Seen::Flat => {
                self.told = None;
                if ctx.del(&self.key) {
                    ctx.count("proposals_removed", 1);
                }
                return;
            }
            // The old proposal is left to die.
            Seen::Unknown(reason) => return ctx.count(reason, 1),
        };
        let market = match self.held.market(ctx) {
            // It was read from a field of another name.
            Ok(market) if trend_lost => MarketView { p_trend: 0.0, ..market },
            Ok(market) => market,
            Err(reason) => return ctx.count(reason, 1),
        };
        match risk_proposal(&held.position, &market, params) {
            Ok(proposed) => self.propose(&proposed, &held, &market, settings.stream, ctx),
            Err(_) => ctx.count("proposal_refused", 1),
        }
    }

    fn propose(
        &mut self,
        proposed: &Proposed,
        held: &Held,
        market: &MarketView,
        stream: bool,
        ctx: &mut Context<'_>,
    ) {
        let now = ctx.now();
        let told = self.told.take().filter(|told| told.position_plan_id == held.opening_plan);
        let told = match told {
            Some(told) if !differs(&told, proposed, now) => {
                ctx.count("proposals_confirmed", 1);
                RiskProposal { last_update_epoch: EpochSeconds(now), ..told }
            }
            _ => {
                ctx.count("proposals_published", 1);
                if proposed.reason_codes.contains(&STOP_ALREADY_CROSSED) {
                    ctx.count(STOP_ALREADY_CROSSED, 1);
                }
                let record = record(self.symbol, proposed, held, market, now);
                if stream {
                    crate::publish(ctx, RISK_PROPOSAL, Envelope::Flat, record.clone());
                }
                record
            }
        };
        if ctx.set_record(&self.key, &told, keys::RISK_PROPOSAL.life).is_err() {
            ctx.count("proposal_not_saved", 1);
        }
        self.told = Some(told);
    }
}

/// Whether the kernel now says something else than what was told.
fn differs(told: &RiskProposal, proposed: &Proposed, now: Nanos) -> bool {
    let levels = Proposed {
        proposed_sl: told.proposed_sl,
        proposed_tp: told.proposed_tp,
        reason_codes: Vec::new(),
        ..*proposed
    };
    risk_should_publish(Some((&levels, told.computed_epoch.0)), proposed, now)
}

fn record(
    symbol: Symbol,
    proposed: &Proposed,
    held: &Held,
    market: &MarketView,
    now: Nanos,
) -> RiskProposal {
    let position = &held.position;
    RiskProposal {
        symbol,
        proposed_sl: proposed.proposed_sl,
        proposed_tp: proposed.proposed_tp,
        stop_dist_pct: proposed.stop_dist_pct,
        tp_dist_pct: proposed.tp_dist_pct,
        trail_gap_pct: proposed.trail_gap_pct,
        reason_codes: proposed.reason_codes.join(",").into(),
        ts: market.ts,
        sigma: market.sigma,
        p_trend: market.p_trend,
        p_mr: market.p_mr,
        p_chop: market.p_chop,
        computed_at_utc: IsoTime(now),
        computed_epoch: EpochSeconds(now),
        last_update_epoch: EpochSeconds(now),
        position_side: side_of(position),
        position_age_sec: position.age_sec,
        position_current_price: position.current_price,
        position_entry_price: position.entry_price,
        position_plan_id: held.opening_plan.clone(),
    }
}

impl Configured for RiskProposalPublisher {
    type Settings = RiskProposalSettings;
    const COUNTERS: &'static [&'static str] = &[
        "marketstate_missing",
        "marketstate_stale",
        "marketstate_unreadable",
        "position_not_sound",
        "position_unreadable",
        "proposal_not_saved",
        "proposal_refused",
        "proposals_confirmed",
        "proposals_published",
        "proposals_removed",
        "snapshot_missing",
        "snapshot_stale",
        "snapshot_unreadable",
        "stop_already_crossed",
    ];

    fn configured(
        settings: &RiskProposalSettings,
        setup: Setup<'_>,
    ) -> Result<RiskProposalPublisher, String> {
        settings.params.checked().map_err(|refused| refused.to_string())?;
        let one = |symbol: &Symbol| One {
            symbol: *symbol,
            key: keys::RISK_PROPOSAL.of(symbol),
            held: HeldKeys::of(*symbol),
            told: None,
        };
        let symbols = setup.symbols.iter().map(one).collect();
        let audited = &setup.pipeline.audited;
        Ok(RiskProposalPublisher {
            settings: settings.clone(),
            symbols,
            trend_lost: audited.has(Audited::TrendProbabilityLost),
            stop_beyond_price: audited.has(Audited::StopBeyondPrice),
        })
    }
}

impl Service for RiskProposalPublisher {
    fn wiring(&self) -> Wiring {
        Wiring {
            writes: if self.settings.stream { vec![RISK_PROPOSAL.name] } else { Vec::new() },
            keys_read: keys::patterns(&HELD_KEYS),
            keys_written: keys::patterns(&[keys::RISK_PROPOSAL]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        if let Input::Timer(_) = input {
            let RiskProposalPublisher { settings, symbols, trend_lost, stop_beyond_price } = self;
            let audited_crossed_stop = *stop_beyond_price;
            let params = RiskParams { audited_crossed_stop, ..settings.params };
            symbols.iter_mut().for_each(|one| one.look(settings, &params, *trend_lost, ctx));
        }
        if let Input::Start | Input::Timer(_) = input {
            ctx.timer_after(Nanos::from_secs(self.settings.interval_s), TimerKey(0));
        }
    }
}
