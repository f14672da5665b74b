//! The safety kernel at the boundary where intents are published (MSE 5.4).

use std::collections::BTreeMap;

use engine::{Nanos, Symbol};
use serde::{Deserialize, Serialize};

/// Its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelLimits {
    /// SAFETY_WINDOW_SEC.
    pub window: Nanos,
    /// SAFETY_GLOBAL_MAX_INTENTS_PER_WINDOW.
    pub global_max: u32,
    /// SAFETY_SYMBOL_MAX_INTENTS_PER_WINDOW.
    pub symbol_max: u32,
    /// SAFETY_FAULT_COOLDOWN_SEC.
    pub cooldown: Nanos,
}

impl Default for KernelLimits {
    fn default() -> Self {
        KernelLimits {
            window: Nanos::from_secs(10),
            global_max: 20,
            symbol_max: 5,
            cooldown: Nanos::from_secs(300),
        }
    }
}

/// Why it tripped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SafetyFaultReason {
    /// Too many intents in the window.
    GlobalRateExceeded,
    /// Too many of one symbol.
    SymbolRateExceeded,
}

impl SafetyFaultReason {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            SafetyFaultReason::GlobalRateExceeded => "GLOBAL_RATE_EXCEEDED",
            SafetyFaultReason::SymbolRateExceeded => "SYMBOL_RATE_EXCEEDED",
        }
    }
}

/// What is told on safety.fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyFault {
    /// Why.
    pub reason: SafetyFaultReason,
    /// Intents of the window, with this one.
    pub global_count: u32,
    /// Of the symbol, with this one.
    pub symbol_count: u32,
    /// Safe mode ends.
    pub safe_until: Nanos,
}

/// What becomes of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KernelVerdict {
    /// It is published.
    Pass,
    /// Safe mode holds it back.
    SafeModeEnabled,
    /// It was one too many: it is held back, and safe mode is on.
    Tripped(SafetyFault),
    /// The bus cannot be asked: no opens.
    Unknown,
}

/// Judges an intent by what the bus says: safe mode, and the intents of the window, of all symbols and of this
/// one, with this one; `None` where it does not answer. Exits pass always.
#[must_use]
pub fn kernel_verdict(
    reduces: bool,
    safe_mode: Option<bool>,
    counts: Option<(u32, u32)>,
    now: Nanos,
    limits: &KernelLimits,
) -> KernelVerdict {
    if reduces {
        return KernelVerdict::Pass;
    }
    match safe_mode {
        None => return KernelVerdict::Unknown,
        Some(true) => return KernelVerdict::SafeModeEnabled,
        Some(false) => {}
    }
    let Some((global_count, symbol_count)) = counts else { return KernelVerdict::Unknown };
    let reason = if global_count > limits.global_max {
        SafetyFaultReason::GlobalRateExceeded
    } else if symbol_count > limits.symbol_max {
        SafetyFaultReason::SymbolRateExceeded
    } else {
        return KernelVerdict::Pass;
    };
    let safe_until = now + limits.cooldown;
    KernelVerdict::Tripped(SafetyFault { reason, global_count, symbol_count, safe_until })
}

/// Its state, on given time. What the bus holds (safe mode set by others) comes in as an argument.
///
/// Invariant: exits pass always and count nowhere; an intent that is held back renews nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyKernel {
    bucket: i64,
    global: u32,
    symbols: BTreeMap<Symbol, u32>,
    safe_until: Option<Nanos>,
}

impl SafetyKernel {
    /// Judges an intent. `safe_mode` is what the bus says, `None` where it does not answer.
    pub fn judge(
        &mut self,
        symbol: Symbol,
        reduces: bool,
        safe_mode: Option<bool>,
        now: Nanos,
        limits: &KernelLimits,
    ) -> KernelVerdict {
        let safe_mode = safe_mode.map(|on| on || self.safe_until.is_some_and(|until| now < until));
        if reduces || safe_mode != Some(false) {
            return kernel_verdict(reduces, safe_mode, None, now, limits);
        }
        let bucket = now.0.div_euclid(limits.window.0.max(1));
        if bucket != self.bucket {
            *self = SafetyKernel { bucket, ..SafetyKernel::default() };
        }
        self.global = self.global.saturating_add(1);
        let count = self.symbols.entry(symbol).or_insert(0);
        *count = count.saturating_add(1);
        let counts = Some((self.global, *count));
        let verdict = kernel_verdict(reduces, safe_mode, counts, now, limits);
        if let KernelVerdict::Tripped(fault) = verdict {
            self.safe_until = Some(fault.safe_until);
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(i: u32) -> Symbol {
        Symbol::new(&format!("S{i}USDT")).expect("a symbol")
    }

    fn judge(kernel: &mut SafetyKernel, of: u32, second: i64) -> KernelVerdict {
        let now = Nanos::from_secs(second);
        kernel.judge(symbol(of), false, Some(false), now, &KernelLimits::default())
    }

    #[test]
    fn the_sixth_of_a_symbol_trips_and_exits_pass() {
        let mut kernel = SafetyKernel::default();
        assert!((0..5).all(|_| judge(&mut kernel, 1, 0) == KernelVerdict::Pass));
        let KernelVerdict::Tripped(fault) = judge(&mut kernel, 1, 9) else { panic!("it trips") };
        assert_eq!(fault.reason, SafetyFaultReason::SymbolRateExceeded);
        assert_eq!((fault.global_count, fault.symbol_count), (6, 6));
        assert_eq!(fault.safe_until, Nanos::from_secs(309));
        for second in [10, 308] {
            assert_eq!(judge(&mut kernel, 2, second), KernelVerdict::SafeModeEnabled);
        }
        let exit =
            kernel.judge(symbol(1), true, None, Nanos::from_secs(20), &KernelLimits::default());
        assert_eq!(exit, KernelVerdict::Pass);
        assert_eq!(
            judge(&mut kernel, 2, 309),
            KernelVerdict::Pass,
            "held back, nothing is renewed"
        );
    }

    #[test]
    fn the_twenty_first_of_all_trips_and_a_new_window_counts_anew() {
        let mut kernel = SafetyKernel::default();
        assert!((0..20).all(|i| judge(&mut kernel, i, 9) == KernelVerdict::Pass));
        assert_eq!(judge(&mut kernel.clone(), 99, 10), KernelVerdict::Pass);
        let KernelVerdict::Tripped(fault) = judge(&mut kernel, 99, 9) else { panic!("it trips") };
        assert_eq!(fault.reason, SafetyFaultReason::GlobalRateExceeded);
    }

    #[test]
    fn what_the_bus_says_counts_and_silence_opens_nothing() {
        let mut kernel = SafetyKernel::default();
        let mut of = |safe_mode| {
            kernel.judge(symbol(1), false, safe_mode, Nanos::ZERO, &KernelLimits::default())
        };
        assert_eq!(of(Some(true)), KernelVerdict::SafeModeEnabled);
        assert_eq!(of(None), KernelVerdict::Unknown);
    }
}
