//! Invented events over a market, and perturbations of it.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test")]

mod common;

use common::drain;
use datasets::MemoryFeed;
use datasets::perturbation::Perturbation;
use datasets::splice::Spliced;
use datasets::synthetic::{LaidEvent, Shock, SyntheticConfig, SyntheticFeed};
use engine::{Feed, Instrument, MarketData, MarketEvent, Nanos, Symbol, TradeOrigin};

const MINUTE: Nanos = Nanos::from_secs(60);

fn config() -> SyntheticConfig {
    SyntheticConfig { minutes: 300, crash: None, ..SyntheticConfig::default() }
}

fn market() -> (Vec<MarketEvent>, Vec<Instrument>, Vec<i64>, (Nanos, Nanos)) {
    let config = config();
    let events = drain(&mut SyntheticFeed::new(&config, 5).expect("a market"));
    let start = Nanos::from_millis(config.start_ms);
    let range = (start, start + Nanos::from_secs(60 * 300));
    let ticks = config.symbols.iter().map(|symbol| symbol.tick_units).collect();
    (events, config.instruments(), ticks, range)
}

fn feed(events: &[MarketEvent]) -> Box<dyn Feed + Send> {
    Box::new(MemoryFeed::new(events.to_vec()).expect("in order"))
}

fn perturbed(settings: &Perturbation, seed: u64) -> Vec<MarketEvent> {
    let (events, instruments, ticks, range) = market();
    let feed = settings.apply(feed(&events), &instruments, &ticks, range, seed);
    let all = drain(&mut *feed.expect("a market"));
    assert!(all.is_sorted_by_key(|event| event.time), "in order of time");
    all
}

fn closes(events: &[MarketEvent], symbol: u16) -> Vec<f64> {
    let of = events.iter().filter(|event| event.symbol.0 == symbol);
    of.filter_map(|event| match event.data {
        MarketData::Bar(bar) => Some(bar.close.0 as f64),
        _ => None,
    })
    .collect()
}

fn trades(events: &[MarketEvent]) -> usize {
    events.iter().filter(|event| matches!(event.data, MarketData::Trade(_))).count()
}

fn crash(symbol: Option<&str>) -> LaidEvent {
    let what = Shock::FlashCrash {
        depth: 0.2,
        fall_minutes: 5,
        recovery_minutes: 20,
        recovered_share: 0.5,
        volume_factor: 8.0,
    };
    LaidEvent { at_minute: 100, symbol: symbol.map(|s| Symbol::new(s).unwrap()), what }
}

#[test]
fn a_crash_is_put_into_a_market() {
    let (events, instruments, ticks, (start, _)) = market();
    let laid = [crash(Some("ETHUSDT"))];
    let feed = Spliced::new(feed(&events), start, &instruments, &ticks, &laid);
    let spliced = drain(&mut feed.expect("a market"));
    assert_eq!(spliced.len(), events.len());
    let begins = start + Nanos(100 * MINUTE.0);
    for (old, new) in events.iter().zip(&spliced) {
        if old.symbol.0 != 1 || old.time < begins {
            assert_eq!(old, new, "other symbols and the time before are untouched");
        }
    }
    let (old, new) = (closes(&events, 1), closes(&spliced, 1));
    let factor = |minute: usize| new[minute] / old[minute];
    assert!((factor(104) - 0.8).abs() < 1e-3, "the bottom: {}", factor(104));
    assert!((factor(124) - 0.9).abs() < 1e-3, "half of the loss is won back: {}", factor(124));
    assert!((factor(299) - 0.9).abs() < 1e-3, "and stays");

    // Bars are those of the points inside them, in price; and prices are on the tick.
    let mut points: Vec<i64> = Vec::new();
    for event in spliced.iter().filter(|event| event.symbol.0 == 1) {
        match event.data {
            MarketData::Trade(trade) => {
                assert_eq!(trade.origin, TradeOrigin::BarPath);
                assert_eq!(trade.price.0 % ticks[1], 0);
                points.push(trade.price.0);
            }
            MarketData::Bar(bar) => {
                // The next bar's first point stands at this instant, after it.
                let own = std::mem::take(&mut points);
                let of = [bar.open.0, bar.high.0, bar.low.0, bar.close.0];
                let (high, low) = (*own.iter().max().unwrap(), *own.iter().min().unwrap());
                assert_eq!(of, [own[0], high, low, own[3]]);
            }
            _ => {}
        }
    }
    let volume = |events: &[MarketEvent]| -> i64 {
        let times = begins..begins + Nanos(5 * MINUTE.0);
        let within = events.iter().filter(|e| e.symbol.0 == 1 && times.contains(&e.time));
        let qty = within.filter_map(|event| match event.data {
            MarketData::Trade(trade) => Some(trade.qty.0),
            _ => None,
        });
        qty.sum()
    };
    let times = volume(&spliced) as f64 / volume(&events) as f64;
    assert!((times - 8.0).abs() < 0.01, "{times}");
}

/// Into a market of fine ticks and one whose tick is 1 % of the price.
#[test]
fn a_crash_and_a_squeeze_reach_their_end_whatever_the_tick() {
    let (events, instruments, _, (start, _)) = market();
    let old = closes(&events, 1);
    let squeeze = Shock::Squeeze {
        height: 0.3,
        rise_minutes: 5,
        recovery_minutes: 20,
        recovered_share: 0.5,
        volume_factor: 1.0,
    };
    let squeeze = LaidEvent { what: squeeze, ..crash(None) };
    for tick in [1, 3_000] {
        for (event, end, after) in [(crash(None), 0.8, 0.9), (squeeze.clone(), 1.3, 1.15)] {
            let ticks = [tick; 3];
            let feed = Spliced::new(feed(&events), start, &instruments, &ticks, &[event]);
            let new = closes(&drain(&mut feed.expect("a market")), 1);
            for (minute, share) in [(104, end), (124, after)] {
                let off = (new[minute] - old[minute] * share).abs();
                // The last price of a minute stands a little before its end.
                assert!(
                    off <= tick as f64 + 3.0,
                    "tick {tick}, minute {minute}: {off} off {share}"
                );
            }
        }
    }
}

#[test]
fn events_that_cannot_be_are_refused() {
    let (events, instruments, ticks, (start, _)) = market();
    let refused = |event: LaidEvent| {
        let all = Spliced::new(feed(&events), start, &instruments, &ticks, &[event]);
        all.err().expect("a refusal").to_string()
    };
    assert!(refused(crash(Some("XRPUSDT"))).contains("XRPUSDT, which is no symbol"));
    let mut deep = crash(None);
    deep.what = Shock::Gap { share: -1.5 };
    assert!(refused(deep).contains("share -0.99 to 10"));
}

#[test]
fn nothing_is_done_where_nothing_is_asked() {
    assert_eq!(perturbed(&Perturbation::default(), 1), market().0);
}

#[test]
fn noise_stays_within_its_ticks() {
    let settings = Perturbation { noise_ticks: 3, ..Perturbation::default() };
    let (old, _, ticks, _) = market();
    let new = perturbed(&settings, 1);
    assert_eq!(new, perturbed(&settings, 1), "the same seed draws the same");
    assert_ne!(new, perturbed(&settings, 2));
    assert_eq!(new.len(), old.len());
    let mut seen = [0; 7];
    for (old, new) in old.iter().zip(&new) {
        match (old.data, new.data) {
            (MarketData::Trade(old_trade), MarketData::Trade(trade)) => {
                let tick = ticks[usize::from(old.symbol.0)];
                let steps = (trade.price.0 - old_trade.price.0) / tick;
                assert_eq!(trade.price.0, old_trade.price.0 + steps * tick);
                seen[(steps + 3) as usize] += 1;
            }
            (MarketData::Bar(_), MarketData::Bar(bar)) => {
                let (top, bottom) = (bar.open.max(bar.close), bar.open.min(bar.close));
                assert!(bar.high >= top && bar.low <= bottom);
            }
            _ => assert_eq!(old, new),
        }
    }
    assert!(seen.iter().all(|&count| count > 300), "all steps come: {seen:?}");
}

#[test]
fn minutes_are_missing_whole() {
    let settings = Perturbation { missing_minutes: 0.25, ..Perturbation::default() };
    let (old, new) = (market().0, perturbed(&settings, 1));
    let bars = closes(&new, 0).len();
    assert!((200..250).contains(&bars), "a quarter of 300 is missing: {bars}");
    let rates = |events: &[MarketEvent]| {
        events.iter().filter(|e| matches!(e.data, MarketData::FundingRate(_))).count()
    };
    assert_eq!(rates(&new), rates(&old), "funding is settled all the same");
    // Of a minute there is all or nothing: its four points and its bar.
    let all = new.iter().filter(|event| event.symbol.0 == 0);
    let points = all.filter(|event| matches!(event.data, MarketData::Trade(_))).count();
    assert_eq!(points, 4 * bars);
}

#[test]
fn trades_come_twice_or_late() {
    let old = market().0;
    let settings = Perturbation { duplicated: 0.1, ..Perturbation::default() };
    let more = trades(&perturbed(&settings, 1)) - trades(&old);
    let expected = trades(&old) / 10;
    assert!(more.abs_diff(expected) < expected / 4, "{more} more of {}", trades(&old));

    let settings = Perturbation { late: 0.3, late_max_ms: 90_000, ..Perturbation::default() };
    let new = perturbed(&settings, 1);
    // Only those that come after the market's end are lost.
    assert!(trades(&old) - trades(&new) < 10);
    let moved = new
        .iter()
        .filter(|event| matches!(event.data, MarketData::Trade(_)) && !old.contains(event));
    let share = moved.count() as f64 / trades(&old) as f64;
    assert!((0.25..0.35).contains(&share), "{share}");
}

#[test]
fn everything_is_shifted() {
    let settings = Perturbation { shift_s: 7_200, ..Perturbation::default() };
    let (old, new) = (market().0, perturbed(&settings, 1));
    let later = Nanos::from_secs(7_200);
    let (_, _, _, (_, end)) = market();
    let expected: Vec<MarketEvent> = old
        .iter()
        .map(|event| MarketEvent { time: event.time + later, ..*event })
        .filter(|event| event.time <= end)
        .collect();
    assert_eq!(new, expected);
}

#[test]
fn the_bootstrap_draws_the_markets_own_bars_in_blocks() {
    let settings = Perturbation { bootstrap_minutes: 30, ..Perturbation::default() };
    let (old, new) = (market().0, perturbed(&settings, 1));
    assert_ne!(new, perturbed(&settings, 2));
    let returns = |events: &[MarketEvent], symbol: u16| -> Vec<f64> {
        closes(events, symbol).windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect()
    };
    // A tick of SOLUSDT is 8e-5 of its price.
    let near = |a: f64, b: f64| (a - b).abs() < 2.5e-4;
    let same = |olds: &[f64], news: &[f64]| olds.iter().zip(news).all(|(a, b)| near(*a, *b));
    let both = [0, 2].map(|symbol| (returns(&old, symbol), returns(&new, symbol)));
    // Each block is a piece of the old market, at one place for all symbols.
    for block in 1..9 {
        let news = block * 30..block * 30 + 29;
        let place = (0..both[0].0.len() - 29).find(|&at| {
            both.iter().all(|(olds, fresh)| same(&olds[at..at + 29], &fresh[news.clone()]))
        });
        // A block may run over the end of the old market and go on at its beginning.
        let wraps = (0..both[0].0.len()).find(|&at| {
            let around = |olds: &[f64]| -> Vec<f64> {
                (0..29).map(|n| olds[(at + n) % olds.len()]).collect()
            };
            let unlike = both.iter().map(|(olds, fresh)| {
                let olds = around(olds);
                let fresh = &fresh[news.clone()];
                olds.iter().zip(fresh).filter(|(a, b)| !near(**a, **b)).count()
            });
            unlike.max().is_some_and(|most| most <= 2)
        });
        assert!(place.or(wraps).is_some(), "block {block} is none of the old market");
    }
    assert_eq!(closes(&new, 0).len(), 300);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (events, instruments, ticks, range) = market();
    for (settings, reason) in [
        (Perturbation { late: 0.1, ..Perturbation::default() }, "late needs late_max_ms"),
        (Perturbation { missing_minutes: 1.0, ..Perturbation::default() }, "leaves no market"),
        (Perturbation { shift_s: 18_000, ..Perturbation::default() }, "18000 s: nothing would"),
        (
            Perturbation { bootstrap_minutes: 300, ..Perturbation::default() },
            "300 minutes: a block must be shorter",
        ),
        (Perturbation { missing_minutes: 1.5, ..Perturbation::default() }, "a share from 0 to 1"),
    ] {
        let refused = settings.apply(feed(&events), &instruments, &ticks, range, 1);
        let refused = refused.err().expect("a refusal").to_string();
        assert!(refused.contains(reason), "{refused}");
    }
    let tape: Vec<MarketEvent> = events
        .iter()
        .map(|event| match event.data {
            MarketData::Trade(trade) => {
                let trade = engine::Trade { origin: TradeOrigin::Tape, ..trade };
                MarketEvent { data: MarketData::Trade(trade), ..*event }
            }
            _ => *event,
        })
        .collect();
    let settings = Perturbation { bootstrap_minutes: 30, ..Perturbation::default() };
    let refused = settings.apply(feed(&tape), &instruments, &ticks, range, 1);
    let refused = refused.err().expect("a refusal").to_string();
    assert!(refused.contains("the market tells trades"), "{refused}");
}
