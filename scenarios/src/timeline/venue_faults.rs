//! What the actions have in common that are faults of the exchange: whom they strike, and how often.

use engine::{Nanos, Symbol, nearest};
use rust_decimal::Decimal;
use sim_exchange::{FaultFilter, FaultKind, RequestKind, VenueFault};

use super::{Plan, Setting, When};
use crate::events::offset;

/// Defines an action that strikes single requests or orders: its own keys, and those that all of them have.
macro_rules! strikes {
    ($(#[$meta:meta])* pub struct $name:ident {
        $($(#[$field_meta:meta])* pub $field:ident: $kind:ty,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $kind,)*
            /// Which requests: all, orders, opens, exits, changes, cancels, queries, order_queries,
            /// position_risk, account, exchange_info or settings.
            #[serde(default, skip_serializing_if = "super::venue_faults::is_default")]
            pub requests: sim_exchange::RequestKind,
            /// Those of one symbol.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub symbol: Option<engine::Symbol>,
            /// Of those so many: 0.1 is a tenth, drawn at random.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub share: Option<rust_decimal::Decimal>,
            /// The next so many of them, and none after.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub next: Option<u32>,
        }

        impl $name {
            fn whom(&self) -> super::venue_faults::Whom {
                super::venue_faults::Whom {
                    requests: self.requests,
                    symbol: self.symbol,
                    share: self.share,
                    next: self.next,
                }
            }
        }
    };
}
pub(super) use strikes;

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Whom a fault strikes, and how often.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Whom {
    pub(super) requests: RequestKind,
    pub(super) symbol: Option<Symbol>,
    pub(super) share: Option<Decimal>,
    pub(super) next: Option<u32>,
}

impl Whom {
    /// What it adds to a sentence.
    pub(super) fn sentence(&self) -> String {
        let mut parts = Vec::new();
        if self.requests != RequestKind::All {
            parts.push(format!("{:?}", self.requests).to_lowercase());
        }
        parts.extend(self.symbol.map(|symbol| symbol.to_string()));
        parts.extend(self.next.map(|next| format!("the next {next}")));
        parts.extend(self.share.map(|share| format!("a share of {}", share.normalize())));
        if parts.is_empty() { String::new() } else { format!(" (only {})", parts.join(", ")) }
    }
}

/// Adds a fault of the exchange to the plan, or says what is wrong with it.
pub(super) fn add(
    what: FaultKind,
    whom: Whom,
    when: When,
    setting: &Setting<'_>,
    plan: &mut Plan,
) -> Result<(), String> {
    if let Some(symbol) = whom.symbol {
        place_of(symbol, setting)?;
    }
    let fault = VenueFault {
        until: when.until,
        who: FaultFilter { account: None, requests: whom.requests, symbol: whom.symbol },
        share: whom.share.unwrap_or(Decimal::ONE),
        next: whom.next,
        stream: format!("fault:{}", setting.place),
        ..VenueFault::new(when.from, what)
    };
    if let Some(problem) = fault.own_problem() {
        return Err(problem);
    }
    plan.faults.push(fault);
    Ok(())
}

/// The place of a symbol of the run.
pub(super) fn place_of(symbol: Symbol, setting: &Setting<'_>) -> Result<usize, String> {
    let place = setting.symbols.iter().position(|own| *own == symbol);
    place.ok_or_else(|| {
        let known: Vec<&str> = setting.symbols.iter().map(Symbol::as_str).collect();
        match nearest(symbol.as_str(), &known) {
            Some(near) => format!("symbol: {symbol} is not in the market; did you mean {near:?}?"),
            None => format!(
                "symbol: {symbol} is not in the market: name one of {}",
                known.join(", ")
            ),
        }
    })
}

/// A span such as `250ms`.
pub(super) fn span(key: &str, text: &str) -> Result<Nanos, String> {
    offset(text).ok_or_else(|| {
        format!("{key} = {text:?} is no span: give one such as \"250ms\" or \"1m 30s\"")
    })
}
