//! The read model of the dashboard API (MSE 16): all that its GETs show, in one JSON document, made of what lies
//! on the bus and of nothing else. It takes no command: control is off.

use engine::{
    Body, Context, EpochSeconds, Input, JsonText, Nanos, Record as _, Service, SetOptions,
    TimerKey, TypedRecord, Wiring,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::keys;
use crate::records::{
    Dashboard, Equity, EssMode, Heartbeat, PortfolioState, PositionSide, PositionSnapshot,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{
    AI_DECISION_MADE, EVENT_ESS, POLICY_UPDATED, RECONCILE_EVENTS, STREAMS, Stream,
    TELEMETRY_ALARMS, TRADE_CLOSED,
};

settings! {
    /// The dashboard's read model.
    pub struct DashboardSettings {
        /// Between two documents, in s.
        pub interval_s: i64 = 60 => 1..,
        /// Entries of a feed.
        pub entries: u32 = 10 => 1..=1_000,
    }
}

/// What makes the feed of events.
const EVENTS: [Stream; 4] = [RECONCILE_EVENTS, EVENT_ESS, TELEMETRY_ALARMS, POLICY_UPDATED];

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DashboardModel {
    settings: DashboardSettings,
    snapshot_keys: Vec<String>,
}

/// What an entry says, without its envelope.
fn content(body: &Body) -> Json {
    match body {
        Body::Message(message) => message.record().to_json(),
        Body::Fields(fields) => match fields.get("payload").map(serde_json::from_str) {
            Some(Ok(json)) => json,
            _ => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let pairs = fields.0.iter().map(|(name, value)| (text(name), text(value).into()));
                Json::Object(pairs.collect())
            }
        },
    }
}

impl DashboardModel {
    fn refresh(&self, ctx: &mut Context<'_>) {
        let document = Dashboard {
            portfolio_status: JsonText(self.hash::<PortfolioState>(keys::PORTFOLIO.name, ctx)),
            portfolio_positions: JsonText(self.positions(ctx)),
            ai_predictions: JsonText(self.feed(&AI_DECISION_MADE, ctx).into_iter().collect()),
            risk_metrics: JsonText(self.risk(ctx)),
            system_health: JsonText(self.health(ctx)),
            stream_health: JsonText(streams(ctx)),
            trades: JsonText(self.feed(&TRADE_CLOSED, ctx).into_iter().collect()),
            events_feed: JsonText(self.events(ctx)),
            timestamp: EpochSeconds(ctx.now()),
        };
        let options = SetOptions { expire: keys::DASHBOARD.life, ..SetOptions::default() };
        if ctx.set_json(keys::DASHBOARD.name, &document, options).is_err() {
            ctx.count("document_not_saved", 1);
        }
    }

    /// A hash as JSON; null when it is absent or cannot be read.
    fn hash<R: TypedRecord>(&self, key: &str, ctx: &mut Context<'_>) -> Json {
        match ctx.record::<R>(key) {
            Ok(Some(record)) => return record.to_json(),
            Ok(None) => {}
            Err(_) => ctx.count("keys_unreadable", 1),
        }
        Json::Null
    }

    fn positions(&self, ctx: &mut Context<'_>) -> Json {
        let mut open = Vec::new();
        for key in &self.snapshot_keys {
            match ctx.record::<PositionSnapshot>(key) {
                Ok(Some(seen)) if seen.side != PositionSide::None => open.push(seen.to_json()),
                Ok(_) => {}
                Err(_) => ctx.count("keys_unreadable", 1),
            }
        }
        Json::Array(open)
    }

    fn risk(&self, ctx: &mut Context<'_>) -> Json {
        let today = keys::RISK_DAILY_PNL.of(keys::date_of(ctx.now()));
        let text = |key: &str, ctx: &mut Context<'_>| match ctx.get(key) {
            Ok(Some(text)) => Json::String(text),
            Ok(None) => Json::Null,
            Err(_) => {
                ctx.count("keys_unreadable", 1);
                Json::Null
            }
        };
        json!({
            "equity": self.hash::<Equity>(keys::EQUITY_CURRENT.name, ctx),
            "margin_total": text(keys::MARGIN_TOTAL.name, ctx),
            "daily_pnl": text(&today, ctx),
            "consecutive_losses": text(keys::RISK_CONSECUTIVE_LOSSES.name, ctx),
            "recovery_mode": self.hash::<EssMode>(keys::ESS_MODE.name, ctx),
            "emergency_stop": ctx.exists(keys::EMERGENCY_STOP.name),
            "safe_mode": ctx.exists(keys::SAFE_MODE.name),
            "kill_switch": keys::KILL_SWITCHES.iter().any(|key| ctx.exists(key.name)),
        })
    }

    fn health(&self, ctx: &mut Context<'_>) -> Json {
        let mut health = Map::new();
        for name in ctx.services().to_vec() {
            let beat = self.hash::<Heartbeat>(&keys::HEARTBEAT.of(&name), ctx);
            health.insert(name, beat);
        }
        Json::Object(health)
    }

    fn feed(&self, stream: &Stream, ctx: &mut Context<'_>) -> Vec<Json> {
        let newest = ctx.newest(stream.name, self.settings.entries as usize);
        let newest = newest.unwrap_or_default();
        newest.iter().filter_map(|entry| entry.body.as_ref()).map(content).collect()
    }

    fn events(&self, ctx: &mut Context<'_>) -> Json {
        let most = self.settings.entries as usize;
        let mut all = Vec::new();
        for stream in EVENTS {
            let newest = ctx.newest(stream.name, most).unwrap_or_default();
            all.extend(newest.into_iter().map(|entry| (entry.id, stream.event, entry.body)));
        }
        all.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        all.truncate(most);
        let told = all.iter().map(|(id, event, body)| {
            let content = body.as_ref().map(content);
            json!({"id": id.to_string(), "stream": event, "event": content})
        });
        told.collect()
    }
}

/// Length and age of each stream.
fn streams(ctx: &mut Context<'_>) -> Json {
    let now_ms = ctx.now().millis();
    let mut health = Map::new();
    for stream in STREAMS {
        let length = ctx.length(stream.name).unwrap_or(0);
        let newest = ctx.newest(stream.name, 1).unwrap_or_default();
        let age_ms = newest.first().map(|entry| now_ms - entry.id.ms as i64);
        health.insert(stream.event.to_owned(), json!({"length": length, "age_ms": age_ms}));
    }
    Json::Object(health)
}

impl Configured for DashboardModel {
    type Settings = DashboardSettings;
    const COUNTERS: &'static [&'static str] = &["document_not_saved", "keys_unreadable"];

    fn configured(
        settings: &DashboardSettings,
        setup: Setup<'_>,
    ) -> Result<DashboardModel, String> {
        Ok(DashboardModel {
            settings: settings.clone(),
            snapshot_keys: keys::POSITION_SNAPSHOT.of_each(setup.symbols),
        })
    }
}

impl Service for DashboardModel {
    fn wiring(&self) -> Wiring {
        Wiring {
            keys_written: keys::patterns(&[keys::DASHBOARD]),
            watches: true,
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {}
            Input::Timer(_) => self.refresh(ctx),
            _ => return,
        }
        ctx.timer_after(Nanos::from_secs(self.settings.interval_s), TimerKey(0));
    }
}
