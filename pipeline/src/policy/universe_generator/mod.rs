//! AI universe generator (MSE 8.2): which symbols are worth trading, and with how much leverage.
//!
//! It proposes; the policy store puts in force. All that it knows it has seen: volumes and bars come from the
//! run's market, spreads from its book. Where a run has no book at all, spreads are checked for nobody and count
//! as the widest that is allowed; what else is not known is named in `missing_fields`. It keeps its bars on the bus,
//! since fifty hours of them are not seen again after a crash. Without exchangeInfo it proposes nothing, and
//! the policy runs out.

mod bars;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::{
    Body, Context, Envelope, ExchangeEvent, Input, JsonText, MarketData, MarketEvent, MarketWants,
    Nanos, Reply, Service, Symbol, SymbolInfo, TimerKey, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::portfolio::{ClusterInput, ClusterSettings, clusters};
use strategies::universe::{
    CandidateFilter, PolicyClock, UniverseRejection, candidate_filter, guard_churn, is_leveraged,
    select_diverse,
};

use crate::audited::Audited;
use crate::exchange_info::ExchangeInfo;
use crate::keys;
use crate::policy::policy_store::AUDITED_REFRESH;
use crate::records::{Policy, PolicyAnswer, PolicyProposal, SymbolList};
use crate::settings::{Configured, Setup, settings};
use bars::{DAY, OneSymbol};

settings! {
    /// Universe generator.
    pub struct UniverseGeneratorSettings: off {
        /// Between two proposals, in s: at most half of the policy's validity.
        pub refresh_s: i64 = 120 => 1..,
        /// Symbols of a universe at most.
        pub size: u32 = 10 => 1..=800,
    }
}

const STORE: &str = "policy_store";
const TIME_OUT: Nanos = Nanos::from_secs(5);
const REFRESH: TimerKey = TimerKey(0);
const INFO: TimerKey = TimerKey(1);
/// Counts as the spread where the run has no book, in basis points.
const SPREAD_UNKNOWN_BPS: f64 = 15.0;
/// Stands for any place behind those whose spread is checked.
const UNCHECKED: usize = usize::MAX;
/// Returns that a correlation needs.
const RETURNS_MIN: usize = 10;

/// A symbol that may be chosen.
struct Candidate {
    place: usize,
    score: f64,
    leverage: u32,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UniverseGenerator {
    settings: UniverseGeneratorSettings,
    refresh: Nanos,
    symbols: Vec<OneSymbol>,
    info: ExchangeInfo,
    /// Symbols of the exchange that may be traded; `None` without an answer.
    listed: Option<Vec<Symbol>>,
    armed: bool,
}

impl UniverseGenerator {
    fn market(&mut self, event: &MarketEvent, ctx: &mut Context<'_>) {
        let place = usize::from(event.symbol.0);
        let Some(instrument) = ctx.instruments().get(place) else { return };
        let price = |ticks| instrument.price_f64(ticks);
        let Some(one) = self.symbols.get_mut(place) else { return };
        match &event.data {
            MarketData::Bar(bar) => {
                let (h, l, c) = (price(bar.high), price(bar.low), price(bar.close));
                let quote = c * instrument.qty_f64(bar.volume);
                one.has_bars = true;
                let opened = event.time - Nanos::from_millis(i64::from(bar.interval_ms));
                one.grow(opened, (h, l, c), quote, ctx);
            }
            MarketData::Trade(trade) if !one.has_bars => {
                let p = price(trade.price);
                let quote = p * instrument.qty_f64(trade.qty);
                one.grow(event.time, (p, p, p), quote, ctx);
            }
            MarketData::BestQuotes(quotes) if quotes.bid_qty.0 > 0 && quotes.ask_qty.0 > 0 => {
                let (bid, ask) = (price(quotes.bid), price(quotes.ask));
                one.spread_bps = Some((ask - bid) / ((ask + bid) / 2.0) * 10_000.0);
            }
            _ => {}
        }
    }

    /// USDT perpetuals that are traded, and no tokens that multiply others.
    fn list(&mut self, rows: &[SymbolInfo], ctx: &mut Context<'_>) {
        let base = |row: &SymbolInfo| Some(row.name.as_str().strip_suffix("USDT")?.to_owned());
        let bases: Vec<String> = rows.iter().filter_map(base).collect();
        let is_listed = |name: &str| bases.iter().any(|base| base == name);
        let plain = |row: &&SymbolInfo| {
            row.trading && base(row).is_some_and(|base| !is_leveraged(&base, is_listed))
        };
        self.listed =
            (!rows.is_empty()).then(|| rows.iter().filter(plain).map(|r| r.name).collect());
        if !self.armed {
            self.armed = true;
            self.propose(ctx);
        }
    }

    fn propose(&mut self, ctx: &mut Context<'_>) {
        ctx.timer_after(self.refresh, REFRESH);
        let Some(store) = ctx.service(STORE) else {
            return ctx.count("policy_store_missing", 1);
        };
        let mut missing = BTreeSet::from(["age"]);
        let candidates = self.candidates(&mut missing, ctx);
        let universe = self.choose(&candidates, ctx);
        if universe.is_empty() {
            return ctx.count("no_candidates", 1);
        }
        let leverage = |symbol: &Symbol| {
            let of = candidates.iter().find(|c| self.symbols[c.place].symbol == *symbol)?;
            Some((*symbol, of.leverage))
        };
        let leverage: BTreeMap<Symbol, u32> = universe.iter().filter_map(leverage).collect();
        let missing: Vec<&str> = missing.into_iter().collect();
        let proposal = PolicyProposal {
            universe_symbols: SymbolList(Arc::new(universe)),
            leverage_by_symbol: JsonText(leverage),
            generator: "universe_generator".into(),
            features_window: "15m,1h".into(),
            missing_fields: missing.join(",").into(),
        };
        ctx.call(store, Body::message(Envelope::Flat, proposal), TIME_OUT);
    }

    /// All that pass the filters, with their scores.
    fn candidates(
        &self,
        missing: &mut BTreeSet<&'static str>,
        ctx: &mut Context<'_>,
    ) -> Vec<Candidate> {
        let Some(listed) = &self.listed else {
            ctx.count("no_exchange_info", 1);
            return Vec::new();
        };
        let now = ctx.now();
        let has_book = self.symbols.iter().any(|one| one.spread_bps.is_some());
        if !has_book {
            missing.insert("spread");
        }
        let mut ranked: Vec<(usize, f64)> = (0..self.symbols.len())
            .filter(|place| listed.contains(&self.symbols[*place].symbol))
            .map(|place| (place, self.symbols[place].volume(now)))
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let last = ranked.len().saturating_sub(1);
        let mut found = Vec::new();
        for (rank, (place, volume)) in ranked.into_iter().enumerate() {
            let one = &self.symbols[place];
            let filter = CandidateFilter {
                quote_volume_usd: volume,
                place: if has_book { rank } else { UNCHECKED },
                spread_bps: one.spread_bps,
                age_days: None,
            };
            let age_factor = match candidate_filter(&filter) {
                Ok(factor) => factor,
                Err(why) => {
                    ctx.count(rejection(why), 1);
                    continue;
                }
            };
            let rank = if last == 0 { 1.0 } else { 1.0 - rank as f64 / last as f64 };
            let spread_bps = one.spread_bps.unwrap_or(SPREAD_UNKNOWN_BPS);
            let scored = one.score((rank, spread_bps, age_factor), missing, ctx);
            match scored {
                Some((score, leverage)) => found.push(Candidate { place, score, leverage }),
                None => ctx.count("rejected_too_few_bars", 1),
            }
        }
        found
    }

    /// Unlike ones first, and few changes at a time; those that are no candidates any more go at once.
    fn choose(&self, candidates: &[Candidate], ctx: &mut Context<'_>) -> Vec<Symbol> {
        let size = self.settings.size as usize;
        let symbol = |candidate: &Candidate| self.symbols[candidate.place].symbol;
        let score = |of: Symbol| candidates.iter().find(|c| symbol(c) == of).map(|c| c.score);
        let scored: Vec<(Symbol, f64)> = candidates.iter().map(|c| (symbol(c), c.score)).collect();
        let alike = self.correlations(candidates);
        let correlation = |a: Symbol, b: Symbol| {
            let found = alike.iter().find(|(x, y, _)| (*x, *y) == (a, b) || (*y, *x) == (a, b));
            found.map_or(f64::NAN, |(_, _, correlation)| *correlation)
        };
        let picked = select_diverse(&scored, size, correlation);
        let held: Vec<Symbol> = match ctx.record::<Policy>(keys::POLICY_CURRENT.name) {
            Ok(Some(policy)) => policy.universe_symbols.0.to_vec(),
            Ok(None) => Vec::new(),
            Err(_) => {
                ctx.count("policy_unreadable", 1);
                Vec::new()
            }
        };
        let mut next = guard_churn(&held, &picked, score);
        next.retain(|of| score(*of).is_some());
        let room = size.saturating_sub(next.len());
        let more: Vec<Symbol> =
            picked.into_iter().filter(|of| !next.contains(of)).take(room).collect();
        next.extend(more);
        next.truncate(size);
        next
    }

    fn correlations(&self, candidates: &[Candidate]) -> Vec<(Symbol, Symbol, f64)> {
        let prices: Vec<Vec<f64>> = candidates
            .iter()
            .map(|candidate| {
                let closes = self.symbols[candidate.place].closes();
                closes[closes.len().saturating_sub(DAY + 1)..].to_vec()
            })
            .collect();
        let input: Vec<ClusterInput<'_>> = candidates
            .iter()
            .zip(&prices)
            .map(|(candidate, prices)| ClusterInput {
                symbol: self.symbols[candidate.place].symbol.as_str(),
                prices,
                notional_usd: 0.0,
            })
            .collect();
        let rules = ClusterSettings { returns_min: RETURNS_MIN, ..ClusterSettings::default() };
        let Ok(found) = clusters(&input, &rules) else { return Vec::new() };
        let symbol = |place: usize| self.symbols[candidates[place].place].symbol;
        let named =
            |(a, b, correlation): &(usize, usize, f64)| (symbol(*a), symbol(*b), *correlation);
        found.correlations.iter().map(named).collect()
    }

    fn reply(reply: &Reply, ctx: &mut Context<'_>) {
        let answer = reply.body.as_ref().and_then(|body| body.read::<PolicyAnswer>().ok());
        let counter = match answer {
            Some(answer) if answer.accepted => "proposals_accepted",
            Some(_) => "proposals_refused",
            None => "proposals_unanswered",
        };
        ctx.count(counter, 1);
    }
}

fn rejection(why: UniverseRejection) -> &'static str {
    match why {
        UniverseRejection::LowVolume => "rejected_low_volume",
        UniverseRejection::WideSpread => "rejected_wide_spread",
        UniverseRejection::TooYoung => "rejected_too_young",
    }
}

impl Configured for UniverseGenerator {
    type Settings = UniverseGeneratorSettings;
    const COUNTERS: &'static [&'static str] = &[
        "bars_not_saved",
        "bars_unreadable",
        "no_candidates",
        "no_exchange_info",
        "performance_unreadable",
        "policy_store_missing",
        "policy_unreadable",
        "prices_too_late",
        "proposals_accepted",
        "proposals_refused",
        "proposals_unanswered",
        "rejected_low_volume",
        "rejected_too_few_bars",
        "rejected_too_young",
        "rejected_wide_spread",
    ];

    fn configured(
        settings: &UniverseGeneratorSettings,
        setup: Setup<'_>,
    ) -> Result<UniverseGenerator, String> {
        let validity = Nanos::from_secs(setup.pipeline.policy_store.validity_s);
        let refresh = Nanos::from_secs(settings.refresh_s);
        PolicyClock::new(validity, refresh).map_err(|fault| fault.to_string())?;
        Ok(UniverseGenerator {
            settings: settings.clone(),
            refresh: match setup.pipeline.audited.has(Audited::PolicyRunsOut) {
                true => AUDITED_REFRESH,
                false => refresh,
            },
            symbols: setup.symbols.iter().copied().map(OneSymbol::new).collect(),
            info: ExchangeInfo::new(INFO),
            listed: None,
            armed: false,
        })
    }
}

impl Service for UniverseGenerator {
    fn wiring(&self) -> Wiring {
        Wiring {
            market: MarketWants { trades: true, bars: true, depth: true, ..MarketWants::NONE },
            keys_read: keys::patterns(&[
                keys::UNIVERSE_BARS,
                keys::SYMBOL_PERFORMANCE,
                keys::POLICY_CURRENT,
            ]),
            keys_written: keys::patterns(&[keys::UNIVERSE_BARS]),
            calls: vec![STORE],
            exchange: true,
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {
                self.symbols.iter_mut().for_each(|one| one.recover(ctx));
                self.info.ask(ctx);
            }
            Input::Timer(INFO) => self.info.ask(ctx),
            Input::Timer(_) => self.propose(ctx),
            Input::Market(event) => self.market(event, ctx),
            Input::Exchange(ExchangeEvent::Response { request, outcome, .. }) => {
                if let Some(rows) = self.info.heard(*request, outcome, ctx) {
                    let rows = rows.to_vec();
                    self.list(&rows, ctx);
                }
            }
            Input::Reply(reply) => UniverseGenerator::reply(reply, ctx),
            _ => {}
        }
    }
}
