//! Safety telemetry (MSE 16, 1.7; EHR 4.3, 4.4; I-34), every minute: the gauges of safe mode and intents, how
//! far each group is behind and what it lost, and a heartbeat of each service. It raises the alarms that the
//! audits missed: entries that nobody acknowledges, entries lost, services that get inputs and write nothing,
//! services that are down or do not handle what waits for them.

use std::collections::{BTreeSet, VecDeque};

use engine::{
    Activity, Context, Entry, EntryId, Envelope, EpochSeconds, GaugeOf, GroupInfo, Input, Nanos,
    Service, TimerKey, Ttl, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::operations::{PENDING_ALARM, backlog};

use crate::audited::Audited;
use crate::keys;
use crate::records::{AlarmKind, GroupLag, Heartbeat, TelemetryAlarm};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{HEARTBEAT, STREAMS, TELEMETRY_ALARMS, TRADE_INTENT};

settings! {
    /// Safety telemetry.
    pub struct SafetyTelemetrySettings {
        /// Between two rounds, in s.
        pub interval_s: i64 = 60 => 1..,
        /// Inputs without an output are an alarm after so long, in s.
        pub idle_after_s: i64 = 300 => 1..,
        /// What waits for a service that handles nothing is an alarm after so long, in s.
        pub stale_after_s: i64 = 300 => 1..,
    }
}

const FAULTS: &str = "quantum:stream:safety.fault";
const RATE_WINDOW_S: i64 = 10;
const ENTRIES_LOOKED_AT: usize = 1_000;

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SafetyTelemetry {
    settings: SafetyTelemetrySettings,
    /// Inputs and outputs of each service, of the last rounds.
    rounds: VecDeque<Vec<(u64, u64)>>,
    alarms: BTreeSet<(AlarmKind, String)>,
    /// All that a read counter lags behind is still to be read, or lost.
    lag_is_backlog: bool,
}

impl SafetyTelemetry {
    fn round(&mut self, ctx: &mut Context<'_>) {
        self.safety(ctx);
        self.groups(ctx);
        self.heartbeats(ctx);
        for kind in [AlarmKind::Pending, AlarmKind::Loss, AlarmKind::Idle, AlarmKind::Stale] {
            let active = self.alarms.iter().filter(|(of, _)| *of == kind).count();
            ctx.gauge("alarms_active", GaugeOf::Word(kind.as_str()), active as f64);
        }
    }

    fn safety(&self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let safe = keys::SAFE_MODE.name;
        let ttl = match ctx.ttl(safe) {
            Ttl::Absent => 0.0,
            Ttl::Persistent => -1.0,
            Ttl::Left(left) => left.as_secs_f64(),
        };
        let on = f64::from(u8::from(ctx.exists(safe)));
        ctx.gauge("quantum_safety_safe_mode", GaugeOf::All, on);
        ctx.gauge("quantum_safety_safe_mode_ttl_seconds", GaugeOf::All, ttl);
        let faults = ctx.newest(FAULTS, ENTRIES_LOOKED_AT);
        let intents = ctx.newest(TRADE_INTENT.name, ENTRIES_LOOKED_AT);
        let window = now.secs() / RATE_WINDOW_S;
        let rate = ctx.get(&format!("quantum:safety:rate:global:{window}"));
        let up = faults.is_ok() && intents.is_ok() && rate.is_ok();
        ctx.gauge("quantum_safety_redis_up", GaugeOf::All, f64::from(u8::from(up)));
        let (faults, intents) = (faults.unwrap_or_default(), intents.unwrap_or_default());
        let since = |entries: &[Entry], span: Nanos| {
            let from = (now - span).millis().max(0) as u64;
            entries.iter().filter(|entry| entry.id.ms > from).count() as f64
        };
        let length = |ctx: &mut Context<'_>, stream| ctx.length(stream).unwrap_or(0) as f64;
        let count = length(ctx, FAULTS);
        ctx.gauge("quantum_safety_fault_stream_length", GaugeOf::All, count);
        let hour = since(&faults, Nanos::from_secs(3_600));
        ctx.gauge("quantum_safety_faults_last_1h", GaugeOf::All, hour);
        let last = faults.first().map_or(0.0, |entry| entry.id.ms as f64 / 1_000.0);
        ctx.gauge("quantum_safety_last_fault_timestamp", GaugeOf::All, last);
        let count = length(ctx, TRADE_INTENT.name);
        ctx.gauge("quantum_trade_intent_stream_length", GaugeOf::All, count);
        let minute = since(&intents, Nanos::from_secs(60));
        ctx.gauge("quantum_trade_intent_rate_per_min", GaugeOf::All, minute);
        let rate = rate.ok().flatten().and_then(|text| text.parse().ok()).unwrap_or(0.0);
        ctx.gauge("quantum_safety_rate_global_current_window", GaugeOf::All, rate);
    }

    /// What a group has still to read and what it can no longer read. Where it stands decides that: a lag counts reads, and
    /// what was trimmed away before they were counted, or was passed over, stays in it for ever.
    fn unread(&self, stream: &str, group: &GroupInfo, ctx: &mut Context<'_>) -> (u64, u64) {
        let lag = group.lag.unwrap_or(0);
        if self.lag_is_backlog {
            return (lag, ctx.length(stream).unwrap_or(0));
        }
        let newest = ctx.newest(stream, 1).unwrap_or_default();
        if newest.first().is_some_and(|newest| newest.id <= group.last_delivered) {
            return (0, 0);
        }
        let ahead = ctx.after(stream, group.last_delivered, usize::MAX).unwrap_or_default();
        let ahead = ahead.len() as u64;
        let oldest = ctx.after(stream, EntryId::ZERO, 1).unwrap_or_default();
        // Streams are trimmed from their old end: behind an entry that is still there nothing is missing.
        let nothing_missing =
            oldest.first().is_some_and(|oldest| oldest.id <= group.last_delivered);
        (if nothing_missing { ahead } else { lag.max(ahead) }, ahead)
    }

    fn groups(&mut self, ctx: &mut Context<'_>) {
        let timestamp = EpochSeconds(ctx.now());
        for stream in STREAMS {
            let Ok(groups) = ctx.groups(stream.name) else { continue };
            let (mut behind, mut lost, mut pending) = (0, 0, 0);
            for group in groups {
                if group.lag.is_none() {
                    ctx.count("lag_unknown", 1);
                }
                let (lag, ahead) = self.unread(stream.name, &group, ctx);
                let told = backlog(lag, ahead, group.pending);
                behind += told.backlog;
                lost += told.lost;
                pending += group.pending;
                let subject = format!("{}/{}", stream.event, group.name);
                let many = (group.pending > PENDING_ALARM, group.pending as f64);
                self.alarm(AlarmKind::Pending, &subject, many, PENDING_ALARM as f64, ctx);
                let loss = (told.lost > 0, told.lost as f64);
                self.alarm(AlarmKind::Loss, &subject, loss, 0.0, ctx);
                let key = keys::TELEMETRY_GROUP.of(subject);
                let record = GroupLag {
                    stream: stream.event.into(),
                    group: group.name,
                    lag: group.lag,
                    backlog: told.backlog,
                    loss: told.lost,
                    pending: group.pending,
                    timestamp,
                };
                if ctx.set_record(&key, &record, keys::TELEMETRY_GROUP.life).is_err() {
                    ctx.count("figures_not_saved", 1);
                }
            }
            let of = GaugeOf::Word(stream.event);
            ctx.gauge("group_backlog", of, behind as f64);
            ctx.gauge("group_loss", of, lost as f64);
            ctx.gauge("group_pending", of, pending as f64);
        }
    }

    fn heartbeats(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let names = ctx.services().to_vec();
        let activities = ctx.activities();
        let round: Vec<(u64, u64)> = activities.iter().map(|a| (a.inputs, a.outputs)).collect();
        let rounds = (self.settings.idle_after_s / self.settings.interval_s).max(1) as usize;
        let before = (self.rounds.len() >= rounds).then(|| self.rounds.front().cloned()).flatten();
        self.rounds.push_back(round);
        while self.rounds.len() > rounds {
            self.rounds.pop_front();
        }
        let own = ctx.me();
        let mut alive = 0;
        for (place, (name, activity)) in names.into_iter().zip(activities).enumerate() {
            if place == usize::from(own.0) {
                continue;
            }
            let Activity { inputs, outputs, waiting, seen_at, .. } = activity;
            let old = before.as_ref().and_then(|before| before.get(place));
            let idle = old.is_some_and(|old| inputs > old.0 && outputs == old.1);
            let silent = now - seen_at;
            let stale = !activity.alive
                || (waiting > 0 && silent >= Nanos::from_secs(self.settings.stale_after_s));
            let grown = old.map_or(0, |old| inputs - old.0);
            self.alarm(AlarmKind::Idle, &name, (idle, grown as f64), 0.0, ctx);
            let limit = self.settings.stale_after_s as f64;
            self.alarm(AlarmKind::Stale, &name, (stale, silent.as_secs_f64()), limit, ctx);
            alive += u64::from(activity.alive);
            let key = keys::HEARTBEAT.of(&name);
            let beat = Heartbeat {
                service: name,
                alive: activity.alive,
                inputs,
                outputs,
                waiting,
                idle,
                stale,
                last_seen: EpochSeconds(seen_at),
                revision: env!("CARGO_PKG_VERSION").into(),
                timestamp: EpochSeconds(now),
            };
            if ctx.set_record(&key, &beat, keys::HEARTBEAT.life).is_err() {
                ctx.count("figures_not_saved", 1);
            }
            crate::publish(ctx, HEARTBEAT, Envelope::Flat, beat);
        }
        ctx.gauge("services_alive", GaugeOf::All, alive as f64);
    }

    /// Tells when an alarm begins and when it ends.
    fn alarm(
        &mut self,
        alarm: AlarmKind,
        subject: &str,
        (active, value): (bool, f64),
        limit: f64,
        ctx: &mut Context<'_>,
    ) {
        // Nearly always there is none and there was none.
        if !active && self.alarms.is_empty() {
            return;
        }
        let slot = (alarm, subject.to_owned());
        let changed = if active { self.alarms.insert(slot) } else { self.alarms.remove(&slot) };
        if !changed {
            return;
        }
        if active {
            ctx.count(
                match alarm {
                    AlarmKind::Pending => "pending_alarm",
                    AlarmKind::Loss => "loss_alarm",
                    AlarmKind::Idle => "idle_alarm",
                    AlarmKind::Stale => "staleness_alarm",
                },
                1,
            );
        }
        let timestamp = EpochSeconds(ctx.now());
        let subject = subject.to_owned();
        let entry = TelemetryAlarm { alarm, subject, active, value, limit, timestamp };
        crate::publish(ctx, TELEMETRY_ALARMS, Envelope::Flat, entry);
    }
}

impl Configured for SafetyTelemetry {
    type Settings = SafetyTelemetrySettings;
    const COUNTERS: &'static [&'static str] = &[
        "figures_not_saved",
        "idle_alarm",
        "lag_unknown",
        "loss_alarm",
        "pending_alarm",
        "staleness_alarm",
    ];
    const GAUGES: &'static [&'static str] = &[
        "alarms_active",
        "group_backlog",
        "group_loss",
        "group_pending",
        "quantum_safety_fault_stream_length",
        "quantum_safety_faults_last_1h",
        "quantum_safety_last_fault_timestamp",
        "quantum_safety_rate_global_current_window",
        "quantum_safety_redis_up",
        "quantum_safety_safe_mode",
        "quantum_safety_safe_mode_ttl_seconds",
        "quantum_trade_intent_rate_per_min",
        "quantum_trade_intent_stream_length",
        "services_alive",
    ];

    fn configured(
        settings: &SafetyTelemetrySettings,
        setup: Setup<'_>,
    ) -> Result<SafetyTelemetry, String> {
        Ok(SafetyTelemetry {
            settings: settings.clone(),
            rounds: VecDeque::new(),
            alarms: BTreeSet::new(),
            lag_is_backlog: setup.pipeline.audited.has(Audited::LagIsBacklog),
        })
    }
}

impl Service for SafetyTelemetry {
    fn wiring(&self) -> Wiring {
        Wiring {
            writes: vec![HEARTBEAT.name, TELEMETRY_ALARMS.name],
            keys_written: keys::patterns(&[keys::HEARTBEAT, keys::TELEMETRY_GROUP]),
            watches: true,
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {}
            Input::Timer(_) => self.round(ctx),
            _ => return,
        }
        ctx.timer_after(Nanos::from_secs(self.settings.interval_s), TimerKey(0));
    }
}
