//! Universe service (MSE 8.3): which symbols the exchange trades, asked every minute.

use std::borrow::Cow;
use std::sync::Arc;

use engine::{
    Answer, Context, EpochSeconds, ExchangeEvent, Input, Nanos, Outcome, Request, Service,
    SetOptions, Symbol, SymbolInfo, TimerKey, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::universe::{UniverseCopy, UniverseSource, UniverseState};

use crate::keys;
use crate::records::{SymbolList, Universe, UniverseMeta};
use crate::settings::{Configured, Setup, settings};

settings! {
    /// Universe service.
    pub struct UniverseServiceSettings {
    }
}

/// Counter, and error of the list: the last good one stands in for it.
const BOOTSTRAPPED: &str = "bootstrapped_from_last_ok";
const INTERVAL: Nanos = Nanos::from_secs(60);
/// An older list is none.
const AGE_MAX: Nanos = Nanos::from_secs(300);

/// The service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct UniverseService {
    last_ok: Option<Nanos>,
    count: u64,
}

/// Whether the exchange trades the symbol; `None` where its list is absent, marked stale or too old. The policy
/// decides alone then (MSE 9 step 3): one refused exchangeInfo is no reason to stop all opens.
pub(crate) fn tradable(ctx: &mut Context<'_>, symbol: Symbol) -> Option<bool> {
    let now = ctx.now();
    let fresh = match ctx.record::<UniverseMeta>(keys::UNIVERSE_META.name) {
        Ok(Some(meta)) => meta.stale == 0 && now - meta.asof_epoch.0 <= AGE_MAX,
        Ok(None) | Err(_) => false,
    };
    if !fresh {
        return None;
    }
    match ctx.json::<Universe>(keys::UNIVERSE_ACTIVE.name) {
        Ok(Some(universe)) => Some(universe.symbols.0.contains(&symbol)),
        Ok(None) | Err(_) => None,
    }
}

/// The list under a key; what cannot be read is none.
fn list_of(key: keys::Key, ctx: &mut Context<'_>) -> Option<Universe> {
    match ctx.json::<Universe>(key.name) {
        Ok(list) => list.map(Cow::into_owned),
        Err(_) => {
            ctx.count("universe_unreadable", 1);
            None
        }
    }
}

impl UniverseService {
    /// After a start: what a former life has left. Without an active list the last good one stands in for it,
    /// marked stale (MSE 8.3).
    fn recover(&mut self, ctx: &mut Context<'_>) {
        let (active, last_ok) =
            (list_of(keys::UNIVERSE_ACTIVE, ctx), list_of(keys::UNIVERSE_LAST_OK, ctx));
        let copy = |list: &Universe| UniverseCopy {
            asof: list.asof_epoch.0,
            symbols: list.symbols.0.to_vec(),
        };
        let (state, source) =
            UniverseState::start(active.as_ref().map(copy), last_ok.as_ref().map(copy));
        self.last_ok = state.last_ok.map(|list| list.asof);
        self.count = state.active.map_or(0, |list| list.symbols.len() as u64);
        if source != Some(UniverseSource::BootstrappedFromLastOk) {
            return;
        }
        let Some(list) = last_ok else { return };
        ctx.count(BOOTSTRAPPED, 1);
        if ctx.set_json(keys::UNIVERSE_ACTIVE.name, &list, SetOptions::default()).is_err() {
            ctx.count("universe_not_saved", 1);
        }
        self.meta(Some(BOOTSTRAPPED.to_owned()), ctx);
    }

    fn take(&mut self, rows: &[SymbolInfo], ctx: &mut Context<'_>) {
        let now = ctx.now();
        let mut symbols: Vec<Symbol> =
            rows.iter().filter(|row| row.trading).map(|row| row.name).collect();
        symbols.sort_unstable();
        symbols.truncate(800);
        if symbols.is_empty() {
            // An answer without symbols is none: what was known stays.
            return self.meta(Some("no symbols".to_owned()), ctx);
        }
        self.last_ok = Some(now);
        self.count = symbols.len() as u64;
        let universe = Universe {
            asof_epoch: EpochSeconds(now),
            source: "exchangeInfo".into(),
            mode: "exchange".into(),
            symbols: SymbolList(Arc::new(symbols)),
        };
        for key in [keys::UNIVERSE_ACTIVE.name, keys::UNIVERSE_LAST_OK.name] {
            if ctx.set_json(key, &universe, SetOptions::default()).is_err() {
                ctx.count("universe_not_saved", 1);
            }
        }
        self.meta(None, ctx);
    }

    fn meta(&self, error: Option<String>, ctx: &mut Context<'_>) {
        let meta = UniverseMeta {
            asof_epoch: EpochSeconds(ctx.now()),
            last_ok_epoch: self.last_ok.map(EpochSeconds),
            count: self.count,
            stale: u32::from(error.is_some()),
            error: error.unwrap_or_default().into(),
        };
        if ctx.set_record(keys::UNIVERSE_META.name, &meta, None).is_err() {
            ctx.count("universe_not_saved", 1);
        }
    }
}

impl Configured for UniverseService {
    type Settings = UniverseServiceSettings;
    const COUNTERS: &'static [&'static str] =
        &[BOOTSTRAPPED, "universe_not_saved", "universe_unreadable"];

    fn configured(_: &UniverseServiceSettings, _: Setup<'_>) -> Result<UniverseService, String> {
        Ok(UniverseService::default())
    }
}

impl Service for UniverseService {
    fn wiring(&self) -> Wiring {
        Wiring {
            keys_read: keys::patterns(&[keys::UNIVERSE_ACTIVE, keys::UNIVERSE_LAST_OK]),
            keys_written: keys::patterns(&[
                keys::UNIVERSE_ACTIVE,
                keys::UNIVERSE_LAST_OK,
                keys::UNIVERSE_META,
            ]),
            exchange: true,
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start | Input::Timer(_) => {
                if matches!(input, Input::Start) {
                    self.recover(ctx);
                }
                ctx.submit(Request::ExchangeInfo);
                ctx.timer_after(INTERVAL, TimerKey(0));
            }
            Input::Exchange(ExchangeEvent::Response { outcome, .. }) => match outcome {
                Outcome::Done(Answer::ExchangeInfo(rows)) => self.take(rows, ctx),
                Outcome::Refused(error) => self.meta(Some(error.to_string()), ctx),
                Outcome::Unknown | Outcome::Done(_) => self.meta(Some("no answer".to_owned()), ctx),
            },
            _ => {}
        }
    }
}
