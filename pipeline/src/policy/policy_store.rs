//! Policy store (MSE 8.1): the policy in force, renewed at half of its validity, and how others read it.
//!
//! It is the only writer of the policy. Where the universe generator runs, the generator proposes and the store
//! checks, numbers, signs and saves; where it does not, the store keeps the scenario's symbols in force.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{
    Body, Call, Context, Envelope, EpochSeconds, Input, JsonText, Nanos, Record, Service, Symbol,
    TimerKey, TypedRecord, Wiring,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strategies::hex;

use crate::audited::Audited;
use crate::keys;
use crate::records::{
    Policy, PolicyAnswer, PolicyAudit, PolicyProposal, PolicyUpdated, SymbolList,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{POLICY_AUDIT, POLICY_UPDATED};

settings! {
    /// Policy store.
    pub struct PolicyStoreSettings {
        /// How long a policy holds, in s; it is renewed at half of that.
        pub validity_s: i64 = 300 => 2..,
        /// Leverage of each symbol.
        pub leverage: u32 = 10 => 1..=125,
    }
}

/// What refreshed the policy ran every half hour, whatever its validity (incident I-12).
pub(crate) const AUDITED_REFRESH: Nanos = Nanos::from_secs(1_800);

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PolicyStore {
    symbols: Vec<Symbol>,
    settings: PolicyStoreSettings,
    version: u64,
    renews_after: Nanos,
    /// The universe generator proposes.
    is_proposed: bool,
}

/// Whether the policy in force names the symbol; `None` where there is none, it cannot be read, or it is over.
pub(crate) fn names(ctx: &mut Context<'_>, symbol: Symbol) -> Option<bool> {
    let now = ctx.now();
    match ctx.record::<Policy>(keys::POLICY_CURRENT.name) {
        Ok(Some(policy)) if policy.valid_until_epoch.0 > now => {
            Some(policy.universe_symbols.0.contains(&symbol))
        }
        Ok(_) | Err(_) => None,
    }
}

/// Whether the policy in force names the symbol. No policy, one that cannot be read and one that is over
/// all mean no.
pub(crate) fn allows(ctx: &mut Context<'_>, symbol: Symbol) -> bool {
    names(ctx, symbol) == Some(true)
}

impl PolicyStore {
    /// After a start: versions count on.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        match ctx.record::<Policy>(keys::POLICY_CURRENT.name) {
            Ok(Some(policy)) => {
                let number = policy.policy_version.strip_prefix('v');
                self.version = number.and_then(|n| n.parse().ok()).unwrap_or(0);
            }
            Ok(None) => {}
            Err(_) => ctx.count("policy_unreadable", 1),
        }
    }

    /// The scenario's symbols.
    fn renew(&mut self, ctx: &mut Context<'_>) {
        let leverage =
            self.symbols.iter().map(|symbol| (*symbol, self.settings.leverage)).collect();
        let mut policy = self.policy(self.symbols.clone(), leverage, ctx.now());
        policy.generator = Some("policy_store".into());
        self.save(policy, ctx);
    }

    fn policy(&self, symbols: Vec<Symbol>, leverage: BTreeMap<Symbol, u32>, now: Nanos) -> Policy {
        Policy {
            universe_symbols: SymbolList(Arc::new(symbols)),
            leverage_by_symbol: JsonText(leverage),
            harvest_params: JsonText(BTreeMap::new()),
            kill_params: JsonText(BTreeMap::new()),
            valid_until_epoch: EpochSeconds(now + Nanos::from_secs(self.settings.validity_s)),
            policy_version: String::new(),
            generator: None,
            policy_hash: None,
            features_window: None,
            universe_hash: None,
            market: None,
            venue: None,
            stats_endpoint: None,
            exchange_info_endpoint: None,
            ticker_24h_endpoint: None,
            metadata_ok: None,
            missing_fields: None,
        }
    }

    /// Somebody proposes a policy.
    fn answer(&mut self, call: &Call, ctx: &mut Context<'_>) {
        let refusal = match call.body.read::<PolicyProposal>() {
            Ok(_) if !self.is_proposed => Some("the scenario's symbols are in force".to_owned()),
            Ok(proposal) => match self.problem(&proposal) {
                None => {
                    self.accept(&proposal, ctx);
                    None
                }
                problem => problem,
            },
            Err(malformed) => Some(malformed.to_string()),
        };
        if refusal.is_some() {
            ctx.count("proposals_refused", 1);
        }
        let accepted = refusal.is_none();
        let answer = PolicyAnswer { accepted, reason: refusal.unwrap_or_default().into() };
        ctx.reply(call.id, Body::message(Envelope::Flat, answer));
    }

    fn problem(&self, proposal: &PolicyProposal) -> Option<String> {
        let symbols = &proposal.universe_symbols.0;
        if symbols.is_empty() {
            return Some("no symbols".to_owned());
        }
        if let Some(symbol) = symbols.iter().find(|symbol| !self.symbols.contains(symbol)) {
            return Some(format!("{symbol} is not of this run"));
        }
        let bad = |symbol: &&Symbol| {
            let leverage = proposal.leverage_by_symbol.0.get(*symbol);
            !leverage.is_some_and(|leverage| (1..=125).contains(leverage))
        };
        let symbol = symbols.iter().find(bad)?;
        Some(format!("{symbol} has no leverage from 1 to 125"))
    }

    fn accept(&mut self, proposal: &PolicyProposal, ctx: &mut Context<'_>) {
        let symbols = proposal.universe_symbols.0.to_vec();
        let mut hasher = Sha256::new();
        symbols.iter().for_each(|symbol| hasher.update(format!("{symbol}\n")));
        let leverage = proposal.leverage_by_symbol.0.clone();
        let mut policy = self.policy(symbols, leverage, ctx.now());
        policy.generator = Some(proposal.generator.clone());
        policy.universe_hash = Some(hex::all(&hasher.finalize()));
        policy.features_window = Some(proposal.features_window.clone());
        policy.metadata_ok = Some(u32::from(proposal.missing_fields.is_empty()));
        policy.missing_fields = Some(proposal.missing_fields.clone());
        policy.market = Some("usdm_perpetual".into());
        policy.venue = Some("binance".into());
        policy.stats_endpoint = Some("market feed".into());
        policy.ticker_24h_endpoint = Some("market feed".into());
        policy.exchange_info_endpoint = Some("exchangeInfo".into());
        self.save(policy, ctx);
    }

    fn save(&mut self, mut policy: Policy, ctx: &mut Context<'_>) {
        self.version += 1;
        policy.policy_version = format!("v{}", self.version);
        let hash = hash_of(&policy);
        policy.policy_hash = Some(hash.clone());
        if ctx.set_record(keys::POLICY_CURRENT.name, &policy, None).is_err() {
            ctx.count("policy_not_saved", 1);
            return;
        }
        let timestamp = EpochSeconds(ctx.now());
        let version = policy.policy_version;
        let updated =
            PolicyUpdated { event: "policy.updated".into(), version: version.clone(), timestamp };
        crate::publish(ctx, POLICY_UPDATED, Envelope::Flat, updated);
        let audit = PolicyAudit {
            policy_version: version,
            policy_hash: hash,
            valid_until_epoch: policy.valid_until_epoch,
            created_at_epoch: timestamp,
            generator: policy.generator.unwrap_or(Cow::Borrowed("policy_store")),
            universe_count: policy.universe_symbols.0.len() as u64,
        };
        crate::publish(ctx, POLICY_AUDIT, Envelope::Flat, audit);
    }
}

/// SHA-256 of the sorted fields.
fn hash_of(policy: &Policy) -> String {
    let mut lines = String::new();
    let mut places = Vec::with_capacity(Policy::FIELDS.len());
    policy.for_each_field(&mut |name, text| {
        let from = lines.len();
        lines.extend([name, "=", text, "\n"]);
        places.push((name, from..lines.len()));
    });
    places.sort_unstable_by_key(|(name, _)| *name);
    let mut hasher = Sha256::new();
    for (_, line) in places {
        hasher.update(&lines[line]);
    }
    hex::all(&hasher.finalize())
}

impl Configured for PolicyStore {
    type Settings = PolicyStoreSettings;
    const COUNTERS: &'static [&'static str] =
        &["policy_not_saved", "policy_unreadable", "proposals_refused"];

    fn configured(settings: &PolicyStoreSettings, setup: Setup<'_>) -> Result<PolicyStore, String> {
        let validity = settings.validity_s;
        let outlived = setup.pipeline.audited.has(Audited::PolicyRunsOut);
        Ok(PolicyStore {
            symbols: setup.symbols.to_vec(),
            settings: settings.clone(),
            version: 0,
            renews_after: match outlived {
                true => AUDITED_REFRESH,
                false => Nanos::from_secs(validity) - half(validity),
            },
            is_proposed: setup.pipeline.universe_generator.enabled,
        })
    }
}

impl Service for PolicyStore {
    fn wiring(&self) -> Wiring {
        Wiring {
            writes: vec![POLICY_UPDATED.name, POLICY_AUDIT.name],
            keys_read: keys::patterns(&[keys::POLICY_CURRENT]),
            keys_written: keys::patterns(&[keys::POLICY_CURRENT]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Call(call) => return self.answer(call, ctx),
            Input::Start => self.recover(ctx),
            Input::Timer(_) => {}
            _ => return,
        }
        if self.is_proposed {
            return;
        }
        self.renew(ctx);
        ctx.timer_after(self.renews_after, TimerKey(0));
    }
}

fn half(seconds: i64) -> Nanos {
    Nanos(Nanos::from_secs(seconds).0 / 2)
}
