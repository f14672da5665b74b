//! Contract check (MSE 16, I-31): every stream and key against its typed contract, once a day.
//!
//! It reads what is there as any reader would and says what does not fit: envelope, fields, length, groups, age,
//! producers, types and lives. That each stream has one writer by its wiring is the map's to show.

use engine::{
    Context, Entry, Envelope, EpochSeconds, GaugeOf, Input, Nanos, Service, TimerKey, Trim, Ttl,
    Wiring,
};
use serde::{Deserialize, Serialize};

use crate::contracts::{Form, Holds, Shape};
use crate::keys::{self, KEYS, Key};
use crate::records::{ContractCheckResult, ContractFinding, FindingKind};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{
    ACCOUNT_BALANCE, CONTRACT_FINDINGS, MARKET_KLINES, MARKET_TICK, MARKETSTATE, PORTFOLIO_STATE,
    STREAMS, Stream, TRADE_INTENT,
};

settings! {
    /// Contract check.
    pub struct ContractCheckSettings {
        /// The first check, after a start, in s.
        pub first_s: i64 = 3_600 => 1..,
        /// Between two checks, in s.
        pub interval_s: i64 = 86_400 => 1..,
        /// Newest entries of a stream that are read.
        pub entries: u32 = 100 => 1..=10_000,
    }
}

/// Keys of one pattern that are looked at.
const KEYS_MAX: usize = 100;
/// A node of a stream: an approximate bound is kept to so many entries.
const NODE: u64 = 100;
/// Streams that are written on a timer, and how old their newest entry may be.
const FRESH: &[(Stream, i64)] = &[
    (MARKET_TICK, 300),
    (MARKET_KLINES, 300),
    (MARKETSTATE, 600),
    (PORTFOLIO_STATE, 60),
    (ACCOUNT_BALANCE, 120),
];
/// Streams in whose envelopes several sources may stand.
const OF_SEVERAL: &[Stream] = &[TRADE_INTENT];

/// A round of the check.
#[derive(Debug, Default)]
struct Round {
    entries: u64,
    keys: u64,
    findings: Vec<ContractFinding>,
    now: EpochSeconds,
}

impl Round {
    fn find(&mut self, finding: FindingKind, subject: &str, detail: String) {
        let subject = subject.to_owned();
        self.findings.push(ContractFinding { finding, subject, detail, timestamp: self.now });
    }
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContractCheck {
    settings: ContractCheckSettings,
}

impl ContractCheck {
    fn check(&self, ctx: &mut Context<'_>) {
        let mut round = Round { now: EpochSeconds(ctx.now()), ..Round::default() };
        for stream in STREAMS {
            self.stream(stream, &mut round, ctx);
        }
        for key in KEYS {
            check_pattern(key, &mut round, ctx);
        }
        let found = round.findings.len() as u64;
        let nothing = round.entries == 0 && round.keys == 0;
        let result = ContractCheckResult {
            streams: STREAMS.len() as u64,
            entries: round.entries,
            keys: round.keys,
            findings: found,
            exit_code: if nothing { 2 } else { u32::from(found > 0) },
            timestamp: round.now,
        };
        ctx.count("contract_checks_total", 1);
        ctx.count("contract_findings_total", found);
        ctx.gauge("contract_findings", GaugeOf::All, found as f64);
        ctx.gauge("contract_exit_code", GaugeOf::All, f64::from(result.exit_code));
        for finding in round.findings {
            crate::publish(ctx, CONTRACT_FINDINGS, Envelope::Flat, finding);
        }
        if ctx.set_record(keys::CONTRACT_LAST.name, &result, keys::CONTRACT_LAST.life).is_err() {
            ctx.count("result_not_saved", 1);
        }
    }

    fn stream(&self, stream: &Stream, round: &mut Round, ctx: &mut Context<'_>) {
        let entries = match ctx.newest(stream.name, self.settings.entries as usize) {
            Ok(entries) => entries,
            Err(error) => return round.find(FindingKind::Type, stream.name, error.to_string()),
        };
        let mut sources: Vec<String> = Vec::new();
        for entry in &entries {
            round.entries += 1;
            check_entry(stream, entry, &mut sources, round);
        }
        if sources.len() > 1 && !OF_SEVERAL.contains(stream) {
            round.find(FindingKind::Producers, stream.name, sources.join(", "));
        }
        let length = ctx.length(stream.name).unwrap_or(0);
        let most = match stream.trim {
            Trim::Keep => u64::MAX,
            Trim::Exact(most) => most,
            Trim::Approximate(most) => most + NODE,
        };
        if length > most {
            round.find(FindingKind::Length, stream.name, format!("{length} of {most}"));
        }
        let there = ctx.groups(stream.name).unwrap_or_default();
        let wanted: Vec<String> =
            ctx.groups_wanted(stream.name).into_iter().map(str::to_owned).collect();
        for group in wanted {
            if !there.iter().any(|info| info.name == group) {
                round.find(FindingKind::Group, stream.name, group);
            }
        }
        let Some(newest) = entries.first() else { return };
        let age_s = ctx.now().secs() - (newest.id.ms / 1_000) as i64;
        ctx.gauge("newest_entry_age_seconds", GaugeOf::Word(stream.event), age_s as f64);
        let fresh = FRESH.iter().find(|(of, _)| of == stream);
        if let Some((_, most)) = fresh.filter(|(_, most)| age_s > *most) {
            round.find(FindingKind::Age, stream.name, format!("{age_s} s, allowed are {most}"));
        }
    }
}

fn check_entry(stream: &Stream, entry: &Entry, sources: &mut Vec<String>, round: &mut Round) {
    let Some(body) = &entry.body else { return };
    let fields = body.to_fields();
    // A flat entry may have a field of that name, too.
    let payload = fields.get("payload").filter(|_| fields.get("event_type").is_some());
    let form = match (payload, fields.get("trace_id")) {
        (Some(_), Some(_)) => Form::Bus,
        (Some(_), None) => Form::Contract,
        (None, _) => Form::Flat,
    };
    if form != stream.form {
        let detail = format!("{}: {form:?}, not {:?}", entry.id, stream.form);
        round.find(FindingKind::Envelope, stream.name, detail);
    }
    if form != Form::Flat
        && let Some(source) = fields.get("source")
        && !sources.iter().any(|known| known == source)
    {
        sources.push(source.to_owned());
    }
    if let Err(malformed) = (stream.shape.reads.body)(body) {
        round.find(FindingKind::Fields, stream.name, format!("{}: {malformed}", entry.id));
    }
}

/// The keys of a pattern that belong to no longer one.
fn check_pattern(key: &Key, round: &mut Round, ctx: &mut Context<'_>) {
    let names = if key.part.is_empty() {
        if ctx.exists(key.name) { vec![key.name.to_owned()] } else { Vec::new() }
    } else {
        ctx.scan(&key.of("*"))
    };
    let longer = |name: &str| {
        KEYS.iter().any(|other| {
            other.name.len() + other.after.len() > key.name.len() + key.after.len()
                && name.starts_with(other.name)
                && name.ends_with(other.after)
        })
    };
    for name in names.iter().filter(|name| !longer(name)).take(KEYS_MAX) {
        round.keys += 1;
        check_key(key, name, round, ctx);
    }
}

fn check_key(key: &Key, name: &str, round: &mut Round, ctx: &mut Context<'_>) {
    if let Err((finding, detail)) = holds(key, name, ctx) {
        round.find(finding, name, detail);
    }
    match (key.life, ctx.ttl(name)) {
        (Some(_), Ttl::Persistent) => {
            round.find(FindingKind::Life, name, "it never dies".to_owned());
        }
        (None, Ttl::Left(left)) => {
            round.find(FindingKind::Life, name, format!("it dies in {} s", left.secs()));
        }
        _ => {}
    }
}

fn holds(key: &Key, name: &str, ctx: &mut Context<'_>) -> Result<(), (FindingKind, String)> {
    let wrong = |error: engine::BusError| (FindingKind::Type, error.to_string());
    let unfit = |detail: String| (FindingKind::Fields, detail);
    match key.holds {
        Holds::Hash(shape) => hash(&shape, name, ctx),
        Holds::Json(shape) => {
            let text = ctx.get(name).map_err(wrong)?.unwrap_or_default();
            let json = serde_json::from_str(&text).map_err(|error| unfit(error.to_string()))?;
            (shape.reads.json)(&json).map_err(|malformed| unfit(malformed.to_string()))
        }
        Holds::List(_) => ctx.lrange(name, 1).map(drop).map_err(wrong),
        Holds::Number => {
            let text = ctx.get(name).map_err(wrong)?.unwrap_or_default();
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            number.map(drop).ok_or_else(|| unfit(format!("{text:?} is no number")))
        }
        Holds::Switch | Holds::Text(_) | Holds::Mark => ctx.get(name).map(drop).map_err(wrong),
        Holds::Counters | Holds::Table(_) => ctx.hget(name, "").map(drop).map_err(wrong),
    }
}

fn hash(shape: &Shape, name: &str, ctx: &mut Context<'_>) -> Result<(), (FindingKind, String)> {
    let mut fields = Vec::with_capacity(shape.fields.len());
    for field in shape.fields {
        let value =
            ctx.hget(name, field).map_err(|error| (FindingKind::Type, error.to_string()))?;
        fields.push((*field, value));
    }
    let get = |name: &str| {
        let (_, value) = fields.iter().find(|(field, _)| *field == name)?;
        value.as_deref()
    };
    (shape.reads.fields)(&get).map_err(|malformed| (FindingKind::Fields, malformed.to_string()))
}

impl Configured for ContractCheck {
    type Settings = ContractCheckSettings;
    const COUNTERS: &'static [&'static str] =
        &["contract_checks_total", "contract_findings_total", "result_not_saved"];
    const GAUGES: &'static [&'static str] =
        &["contract_exit_code", "contract_findings", "newest_entry_age_seconds"];

    fn configured(settings: &ContractCheckSettings, _: Setup<'_>) -> Result<ContractCheck, String> {
        Ok(ContractCheck { settings: settings.clone() })
    }
}

impl Service for ContractCheck {
    fn wiring(&self) -> Wiring {
        Wiring {
            writes: vec![CONTRACT_FINDINGS.name],
            keys_written: keys::patterns(&[keys::CONTRACT_LAST]),
            watches: true,
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let wait_s = match input {
            Input::Start => self.settings.first_s,
            Input::Timer(_) => {
                self.check(ctx);
                self.settings.interval_s
            }
            _ => return,
        };
        ctx.timer_after(Nanos::from_secs(wait_s), TimerKey(0));
    }
}
