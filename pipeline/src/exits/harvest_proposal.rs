//! Harvest proposal publisher P2.5 (EHR 3.4) with the exporter's gauges (EHR 3.5): what the harvest kernel makes of
//! every position, every 10 s.
//!
//! Invariant: no position, no proposal. A proposal says when its numbers were computed (`computed_epoch`) apart from
//! when the kernel last came to the same (`last_update_epoch`), and dies with its inputs.

use engine::{
    Context, Envelope, EpochSeconds, GaugeOf, Input, IsoTime, Nanos, Service, Symbol, TimerKey,
    Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::harvest::{
    HarvestProposal as Proposed, PublishLimits, PublishedProposal, Theta, harvest_proposal,
    should_publish, usable_stop_distance,
};
use strategies::position::MarketView;

use super::held::{HELD_KEYS, Held, HeldKeys, Seen, side_of};
use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{HarvestProposal, Policy, RiskProposal};
use crate::settings::{Configured, Setup, settings};
use crate::streams::HARVEST_PROPOSAL;

settings! {
    /// Harvest proposal publisher, P2.5.
    pub struct HarvestProposalSettings {
        /// Between two looks at all positions, in s; a proposal outlives three of them.
        pub interval_s: i64 = 10 => 1..=20,
        /// An unchanged proposal is told again after so long, in s.
        pub publish_age_max_s: i64 = 60 => 1..,
        /// Relative change of the stop that is worth telling.
        pub change_eps_pct: f64 = 0.001 => crate::settings::SHARE,
        /// Whether what changes is told on harvest.proposal, too.
        pub stream: bool = true,
    }
}

/// An older risk proposal says nothing about now.
const RISK_AGE_MAX: Nanos = Nanos::from_secs(60);

/// Whether a risk proposal of then says something about now; one of the future does not.
pub(super) fn risk_fresh(now: Nanos, at: EpochSeconds) -> bool {
    (Nanos::ZERO..=RISK_AGE_MAX).contains(&(now - at.0))
}

const ACTIONS: [&str; 5] =
    ["NONE", "PARTIAL_25", "PARTIAL_50", "PARTIAL_75", "FULL_CLOSE_PROPOSED"];

/// One symbol.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct One {
    symbol: Symbol,
    key: String,
    risk_key: String,
    held: HeldKeys,
    /// What was told last.
    told: Option<(PublishedProposal, HarvestProposal)>,
    old: Old,
}

/// The parameters in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Parameters {
    theta: Theta,
    /// Of the policy that they come from.
    version: Option<String>,
    /// The version whose parameters were refused, so that it is counted once.
    refused: Option<String>,
    /// A policy is loaded once.
    loads_once: bool,
    /// Its parameters of the kill score are not read.
    harvest_only: bool,
}

/// What the publisher did before it was mended, as far as the run asks for it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Old {
    makes_up: bool,
    of_whole: bool,
    looks_fresh: bool,
}

/// The service. What it has told is a cache: a successor tells it again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HarvestProposalPublisher {
    settings: HarvestProposalSettings,
    symbols: Vec<One>,
    parameters: Parameters,
}

impl Parameters {
    /// Takes over the policy's parameters when its version changes; without a policy in force the defaults count.
    fn reload(&mut self, ctx: &mut Context<'_>) {
        if self.loads_once && self.version.is_some() {
            return;
        }
        let now = ctx.now();
        let policy = match ctx.record::<Policy>(keys::POLICY_CURRENT.name) {
            Ok(Some(policy)) if policy.valid_until_epoch.0 > now => policy,
            Ok(_) | Err(_) => {
                if self.version.is_some() || self.refused.is_some() {
                    *self = self.with(Theta::default(), None, None);
                }
                return ctx.count("policy_missing", 1);
            }
        };
        let known = [&self.version, &self.refused].map(Option::as_deref);
        if known.contains(&Some(&*policy.policy_version)) {
            return;
        }
        let version = Some(policy.policy_version.clone());
        let kill = policy.kill_params.0.iter().filter(|_| !self.harvest_only);
        let params = policy.harvest_params.0.iter().chain(kill);
        let (counted, parameters) = match Theta::of_policy(params.map(|(n, v)| (n.as_str(), *v))) {
            Ok(theta) => ("theta_loaded", self.with(theta, version, None)),
            Err(_) => ("theta_refused", self.with(Theta::default(), None, version)),
        };
        *self = parameters;
        ctx.count(counted, 1);
    }

    fn with(&self, theta: Theta, version: Option<String>, refused: Option<String>) -> Parameters {
        Parameters { theta, version, refused, ..*self }
    }
}

impl One {
    fn look(
        &mut self,
        parameters: &Parameters,
        settings: &HarvestProposalSettings,
        ctx: &mut Context<'_>,
    ) {
        let held = match self.held.look(ctx) {
            Seen::Held(held) => held,
            Seen::Flat | Seen::Unknown(_) if self.old.makes_up => {
                Box::new(Held::made_up(self.symbol))
            }
            Seen::Flat => return self.forget(ctx),
            // The old proposal is left to die.
            Seen::Unknown(reason) => return self.stuck(reason, ctx),
        };
        let market = match self.held.market(ctx) {
            Ok(market) => market,
            Err(reason) => return self.stuck(reason, ctx),
        };
        let distance = self.stop_distance(&held, ctx);
        let position = held.counted(self.old.of_whole);
        match harvest_proposal(&position, &market, distance, &parameters.theta) {
            Ok(proposed) => self.propose(&proposed, &held, &market, parameters, settings, ctx),
            Err(_) => ctx.count("proposal_refused", 1),
        }
    }

    /// Inputs are missing.
    fn stuck(&mut self, reason: &'static str, ctx: &mut Context<'_>) {
        ctx.count(reason, 1);
        if self.old.looks_fresh
            && let Some((_, told)) = &mut self.told
        {
            told.last_update_epoch = EpochSeconds(ctx.now());
            if ctx.set_record(&self.key, told, None).is_err() {
                ctx.count("proposal_not_saved", 1);
            }
        }
    }

    fn forget(&mut self, ctx: &mut Context<'_>) {
        if ctx.del(&self.key) {
            ctx.count("proposals_removed", 1);
        }
        if self.told.take().is_some() {
            ctx.gauge("quantum_harvest_kill_score", GaugeOf::Symbol(self.symbol), 0.0);
            ctx.gauge("quantum_harvest_r_net", GaugeOf::Symbol(self.symbol), 0.0);
        }
    }

    /// P1's stop distance for this very position, unless it is too old or R cannot be measured by it.
    fn stop_distance(&self, held: &Held, ctx: &mut Context<'_>) -> Option<f64> {
        let now = ctx.now();
        let counted = match ctx.record::<RiskProposal>(&self.risk_key) {
            Ok(Some(risk)) if risk.position_plan_id != held.opening_plan => "risk_proposal_missing",
            Ok(Some(risk)) if !risk_fresh(now, risk.last_update_epoch) => "risk_proposal_stale",
            Ok(Some(risk)) => match usable_stop_distance(risk.stop_dist_pct) {
                Some(distance) => return Some(distance),
                None => "risk_proposal_refused",
            },
            Ok(None) => "risk_proposal_missing",
            Err(_) => "risk_proposal_unreadable",
        };
        ctx.count(counted, 1);
        None
    }

    fn propose(
        &mut self,
        proposed: &Proposed,
        held: &Held,
        market: &MarketView,
        parameters: &Parameters,
        settings: &HarvestProposalSettings,
        ctx: &mut Context<'_>,
    ) {
        let now = ctx.now();
        let limits = PublishLimits {
            age_max: Nanos::from_secs(settings.publish_age_max_s),
            change_eps_pct: settings.change_eps_pct,
        };
        let told = self.told.take().filter(|(_, r)| r.position_plan_id == held.opening_plan);
        let told = match told {
            Some((last, record)) if !should_publish(Some(&last), proposed, now, &limits) => {
                ctx.count("proposals_confirmed", 1);
                (last, HarvestProposal { last_update_epoch: EpochSeconds(now), ..record })
            }
            _ => {
                ctx.count("proposals_published", 1);
                let record = record(self.symbol, proposed, held, market, parameters, now);
                if settings.stream {
                    crate::publish(ctx, HARVEST_PROPOSAL, Envelope::Flat, record.clone());
                }
                (PublishedProposal::of(proposed, now), record)
            }
        };
        let life = keys::HARVEST_PROPOSAL.life.filter(|_| !self.old.looks_fresh);
        if ctx.set_record(&self.key, &told.1, life).is_err() {
            ctx.count("proposal_not_saved", 1);
        }
        self.show(&told.1, ctx);
        self.told = Some(told);
    }

    /// The exporter's gauges (EHR 3.5).
    fn show(&self, proposal: &HarvestProposal, ctx: &mut Context<'_>) {
        let of = GaugeOf::Symbol(self.symbol);
        ctx.gauge("quantum_harvest_kill_score", of, proposal.kill_score);
        ctx.gauge("quantum_harvest_k_regime_flip", of, proposal.k_regime_flip);
        ctx.gauge("quantum_harvest_k_sigma_spike", of, proposal.k_sigma_spike);
        ctx.gauge("quantum_harvest_k_ts_drop", of, proposal.k_ts_drop);
        ctx.gauge("quantum_harvest_k_age_penalty", of, proposal.k_age_penalty);
        ctx.gauge("quantum_harvest_r_net", of, proposal.r_net);
        ctx.gauge("quantum_harvest_new_sl", of, proposal.new_sl_proposed.unwrap_or(0.0));
        let updated = proposal.last_update_epoch.0.as_secs_f64();
        ctx.gauge("quantum_harvest_last_update_epoch", of, updated);
    }
}

fn record(
    symbol: Symbol,
    proposed: &Proposed,
    held: &Held,
    market: &MarketView,
    parameters: &Parameters,
    now: Nanos,
) -> HarvestProposal {
    let (position, k) = (&held.position, &proposed.k_components);
    HarvestProposal {
        symbol,
        harvest_action: proposed.action_str().into(),
        new_sl_proposed: proposed.new_sl,
        r_net: proposed.r_net,
        risk_unit: proposed.risk_unit,
        cost_est: proposed.cost_est,
        kill_score: proposed.kill_score,
        reason_codes: proposed.reason_codes.join(",").into(),
        k_regime_flip: k.regime_flip,
        k_sigma_spike: k.sigma_spike,
        k_ts_drop: k.ts_drop,
        k_age_penalty: k.age_penalty,
        sigma: market.sigma,
        ts: market.ts,
        p_trend: market.p_trend,
        p_mr: market.p_mr,
        p_chop: market.p_chop,
        computed_at_utc: IsoTime(now),
        computed_epoch: EpochSeconds(now),
        last_update_epoch: EpochSeconds(now),
        policy_version: parameters.version.clone(),
        position_side: side_of(position),
        position_age_sec: position.age_sec,
        position_current_price: position.current_price,
        position_entry_price: position.entry_price,
        position_unrealized_pnl: position.unrealized_pnl_per_unit * grid::float(held.qty),
        position_pnl_per_unit: position.unrealized_pnl_per_unit,
        position_plan_id: held.opening_plan.clone(),
    }
}

impl HarvestProposalPublisher {
    fn look(&mut self, ctx: &mut Context<'_>) {
        let HarvestProposalPublisher { settings, symbols, parameters } = self;
        parameters.reload(ctx);
        symbols.iter_mut().for_each(|one| one.look(parameters, settings, ctx));
        for action in ACTIONS {
            let told = symbols.iter().filter_map(|one| one.told.as_ref());
            let count = told.filter(|(_, record)| record.harvest_action == action).count();
            ctx.gauge("quantum_harvest_action", GaugeOf::Word(action), count as f64);
        }
    }
}

impl Configured for HarvestProposalPublisher {
    type Settings = HarvestProposalSettings;
    const COUNTERS: &'static [&'static str] = &[
        "marketstate_missing",
        "marketstate_stale",
        "marketstate_unreadable",
        "policy_missing",
        "position_not_sound",
        "position_unreadable",
        "proposal_not_saved",
        "proposal_refused",
        "proposals_confirmed",
        "proposals_published",
        "proposals_removed",
        "risk_proposal_missing",
        "risk_proposal_refused",
        "risk_proposal_stale",
        "risk_proposal_unreadable",
        "snapshot_missing",
        "snapshot_stale",
        "snapshot_unreadable",
        "theta_loaded",
        "theta_refused",
    ];
    const GAUGES: &'static [&'static str] = &[
        "quantum_harvest_action",
        "quantum_harvest_k_age_penalty",
        "quantum_harvest_k_regime_flip",
        "quantum_harvest_k_sigma_spike",
        "quantum_harvest_k_ts_drop",
        "quantum_harvest_kill_score",
        "quantum_harvest_last_update_epoch",
        "quantum_harvest_new_sl",
        "quantum_harvest_r_net",
    ];

    fn configured(
        settings: &HarvestProposalSettings,
        setup: Setup<'_>,
    ) -> Result<HarvestProposalPublisher, String> {
        let audited = &setup.pipeline.audited;
        let parameters = Parameters {
            loads_once: audited.has(Audited::PolicyLoadedOnce),
            harvest_only: audited.has(Audited::KillParamsNotRead),
            ..Parameters::default()
        };
        let old = Old {
            makes_up: audited.has(Audited::SyntheticPositions),
            of_whole: audited.has(Audited::ROfWholePosition),
            looks_fresh: audited.has(Audited::StuckProposalLooksFresh),
        };
        let one = |symbol: &Symbol| One {
            symbol: *symbol,
            key: keys::HARVEST_PROPOSAL.of(symbol),
            risk_key: keys::RISK_PROPOSAL.of(symbol),
            held: HeldKeys::of(*symbol),
            told: None,
            old,
        };
        let symbols = setup.symbols.iter().map(one).collect();
        Ok(HarvestProposalPublisher { settings: settings.clone(), symbols, parameters })
    }
}

impl Service for HarvestProposalPublisher {
    fn wiring(&self) -> Wiring {
        let mut keys_read = keys::patterns(&HELD_KEYS);
        keys_read.extend(keys::patterns(&[keys::RISK_PROPOSAL, keys::POLICY_CURRENT]));
        Wiring {
            writes: if self.settings.stream { vec![HARVEST_PROPOSAL.name] } else { Vec::new() },
            keys_read,
            keys_written: keys::patterns(&[keys::HARVEST_PROPOSAL]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        if let Input::Timer(_) = input {
            self.look(ctx);
        }
        if let Input::Start | Input::Timer(_) = input {
            ctx.timer_after(Nanos::from_secs(self.settings.interval_s), TimerKey(0));
        }
    }
}
