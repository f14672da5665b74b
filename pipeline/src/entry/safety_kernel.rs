//! Safety kernel (MSE 5.4, EHR 3.28), a component at the boundary where intents are published: safe mode, and
//! how many intents may come at once.
//!
//! Invariants: exits pass always and are not counted; what cannot be asked stops opens; an intent that is held
//! back renews nothing, so that safe mode ends.

use std::borrow::Cow;

use engine::{Context, Envelope, EpochSeconds, Nanos, SetOptions, Wiring};
use strategies::entry::{KernelLimits, KernelVerdict, kernel_verdict};

use crate::keys;
use crate::records::{IntentAction, SafeModeReason, SafetyFault, TradeIntent};
use crate::settings::settings;
use crate::streams::{SAFETY_FAULT, TRADE_INTENT};

settings! {
    /// Safety kernel.
    pub component SafetyKernelSettings {
        /// Length of the window in which intents are counted, in s.
        pub window_s: i64 = 10 => 1..,
        /// Intents of all symbols in a window; one more trips.
        pub max_intents: u32 = 20 => 1..=1_000_000,
        /// Intents of a symbol in a window; one more trips.
        pub max_intents_symbol: u32 = 5 => 1..=1_000_000,
        /// How long safe mode lasts after that, in s.
        pub fault_cooldown_s: i64 = 300 => 1..,
    }
}

impl SafetyKernelSettings {
    fn limits(&self) -> KernelLimits {
        KernelLimits {
            window: Nanos::from_secs(self.window_s),
            global_max: self.max_intents,
            symbol_max: self.max_intents_symbol,
            cooldown: Nanos::from_secs(self.fault_cooldown_s),
        }
    }
}

/// Adds to the wiring of a service what publishing opening intents touches.
pub(crate) fn wired(mut wiring: Wiring) -> Wiring {
    wiring.writes.extend([TRADE_INTENT.name, SAFETY_FAULT.name]);
    wiring.keys_read.push(keys::SAFE_MODE.pattern());
    wiring.keys_written.extend(keys::patterns(&[
        keys::SAFETY_RATE_GLOBAL,
        keys::SAFETY_RATE_SYMBOL,
        keys::SAFE_MODE,
        keys::SAFE_MODE_REASON,
    ]));
    wiring
}

/// Publishes an intent if the kernel lets it pass; `false` where it is held back or the bus refuses it, which
/// is counted.
pub(crate) fn publish(
    settings: &SafetyKernelSettings,
    source: &'static str,
    intent: TradeIntent,
    ctx: &mut Context<'_>,
) -> bool {
    let time = ctx.now();
    if let Some(held) = held_back(settings, &intent, ctx) {
        ctx.count(held, 1);
        return false;
    }
    let envelope = Envelope::Contract { event_type: TRADE_INTENT.event, source, time };
    crate::publish(ctx, TRADE_INTENT, envelope, intent)
}

/// Why an intent is not published, if it is not.
fn held_back(
    settings: &SafetyKernelSettings,
    intent: &TradeIntent,
    ctx: &mut Context<'_>,
) -> Option<&'static str> {
    let (now, limits) = (ctx.now(), settings.limits());
    let reduces = intent.reduce_only == Some(true) || intent.action == Some(IntentAction::Close);
    let safe_mode = if reduces { None } else { safe_mode(ctx) };
    // What safe mode holds back is not counted: it would trip again when the mode ends.
    let counts = (safe_mode == Some(false)).then(|| counted(intent, &limits, now, ctx)).flatten();
    match kernel_verdict(reduces, safe_mode, counts, now, &limits) {
        KernelVerdict::Pass => None,
        KernelVerdict::SafeModeEnabled => Some("safety_safe_mode_enabled"),
        KernelVerdict::Unknown => Some("safety_state_unknown"),
        KernelVerdict::Tripped(fault) => {
            let (reason, cooldown) = (fault.reason.as_str(), fault.safe_until - now);
            set_safe_mode(reason, cooldown, ctx);
            let entry = SafetyFault {
                timestamp: EpochSeconds(now),
                reason: reason.into(),
                symbol: intent.symbol,
                side: intent.side,
                global_count: fault.global_count,
                symbol_count: fault.symbol_count,
                global_max: limits.global_max,
                symbol_max: limits.symbol_max,
                window_sec: settings.window_s,
                cooldown_sec: settings.fault_cooldown_s,
                router_pid: Cow::Owned(ctx.name().to_owned()),
                correlation_id: intent.correlation_id,
                trace_id: None,
            };
            crate::publish(ctx, SAFETY_FAULT, Envelope::Flat, entry);
            Some(match reason {
                "GLOBAL_RATE_EXCEEDED" => "safety_global_rate_exceeded",
                _ => "safety_symbol_rate_exceeded",
            })
        }
    }
}

/// Whether safe mode is on; `None` where that cannot be read.
pub(crate) fn safe_mode(ctx: &mut Context<'_>) -> Option<bool> {
    match ctx.get(keys::SAFE_MODE.name) {
        Ok(Some(value)) => Some(value == "1"),
        // What is not text reads as absent.
        Ok(None) if !ctx.exists(keys::SAFE_MODE.name) => Some(false),
        Ok(None) | Err(_) => None,
    }
}

/// Counts the intent, of all symbols and of its own, on the bus, where all publishers count.
fn counted(
    intent: &TradeIntent,
    limits: &KernelLimits,
    now: Nanos,
    ctx: &mut Context<'_>,
) -> Option<(u32, u32)> {
    let bucket = now.0.div_euclid(limits.window.0.max(1));
    let global = keys::SAFETY_RATE_GLOBAL.of(bucket);
    let own = keys::SAFETY_RATE_SYMBOL.of(format_args!("{}:{bucket}", intent.symbol));
    // A little longer than the window.
    let life = limits.window + Nanos::from_secs(2);
    let [global, own] = [global, own].map(|key| {
        let count = ctx.incr_by(&key, 1).ok();
        ctx.expire(&key, life);
        count.and_then(|count| u32::try_from(count).ok())
    });
    global.zip(own)
}

/// Switches safe mode on for a while, with its reason.
pub(crate) fn set_safe_mode(reason: &'static str, life: Nanos, ctx: &mut Context<'_>) {
    let now = ctx.now();
    let options = SetOptions { expire: Some(life), ..SetOptions::default() };
    let record = SafeModeReason {
        reason: reason.into(),
        setter: Cow::Owned(ctx.name().to_owned()),
        since: EpochSeconds(now),
        until: EpochSeconds(now + life),
    };
    let on = ctx.set(keys::SAFE_MODE.name, "1", options);
    let why = ctx.set_json(keys::SAFE_MODE_REASON.name, &record, options);
    if on.is_err() || why.is_err() {
        ctx.count("safety_state_unknown", 1);
    }
}
