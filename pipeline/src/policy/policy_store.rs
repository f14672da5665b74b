//! Policy store (MSE 8.1): the policy in force, renewed at half of its validity, and how others read it.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{
    Context, Envelope, EpochSeconds, Input, JsonText, Nanos, Record, Service, Symbol, TimerKey,
    TypedRecord, Wiring,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::keys;
use crate::records::{Policy, PolicyAudit, PolicyUpdated, SymbolList};
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

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PolicyStore {
    symbols: Vec<Symbol>,
    settings: PolicyStoreSettings,
    version: u64,
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
    /// With these symbols.
    fn new(symbols: &[Symbol], settings: &PolicyStoreSettings) -> PolicyStore {
        PolicyStore { symbols: symbols.to_vec(), settings: settings.clone(), version: 0 }
    }

    fn save(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        self.version += 1;
        let version = format!("v{}", self.version);
        let leverage =
            self.symbols.iter().map(|symbol| (*symbol, self.settings.leverage)).collect();
        let mut policy = Policy {
            universe_symbols: SymbolList(Arc::new(self.symbols.clone())),
            leverage_by_symbol: JsonText(leverage),
            harvest_params: JsonText(BTreeMap::new()),
            kill_params: JsonText(BTreeMap::new()),
            valid_until_epoch: EpochSeconds(now + Nanos::from_secs(self.settings.validity_s)),
            policy_version: version.clone(),
            generator: Some("policy_store".into()),
            policy_hash: None,
        };
        let hash = hash_of(&policy);
        policy.policy_hash = Some(hash.clone());
        if ctx.set_record(keys::POLICY_CURRENT.name, &policy, None).is_err() {
            ctx.count("policy_not_saved", 1);
            return;
        }
        let timestamp = EpochSeconds(now);
        let updated =
            PolicyUpdated { event: "policy.updated".into(), version: version.clone(), timestamp };
        crate::publish(ctx, POLICY_UPDATED, Envelope::Flat, updated);
        let audit = PolicyAudit {
            policy_version: version,
            policy_hash: hash,
            valid_until_epoch: policy.valid_until_epoch,
            created_at_epoch: timestamp,
            generator: "policy_store".into(),
            universe_count: self.symbols.len() as u64,
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
    hex(&hasher.finalize())
}

/// Lower-case hex.
fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xF)]).collect()
}

impl Configured for PolicyStore {
    type Settings = PolicyStoreSettings;
    const COUNTERS: &'static [&'static str] = &["policy_not_saved"];

    fn configured(settings: &PolicyStoreSettings, setup: Setup<'_>) -> Result<PolicyStore, String> {
        Ok(PolicyStore::new(setup.symbols, settings))
    }
}

impl Service for PolicyStore {
    fn wiring(&self) -> Wiring {
        Wiring {
            writes: vec![POLICY_UPDATED.name, POLICY_AUDIT.name],

            keys_written: keys::patterns(&[keys::POLICY_CURRENT]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        if let Input::Start | Input::Timer(_) = input {
            self.save(ctx);
            ctx.timer_after(
                Nanos::from_secs(self.settings.validity_s) - half(self.settings.validity_s),
                TimerKey(0),
            );
        }
    }
}

fn half(seconds: i64) -> Nanos {
    Nanos(Nanos::from_secs(seconds).0 / 2)
}
