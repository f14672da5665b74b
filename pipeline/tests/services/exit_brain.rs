//! Exit brain v3.5 and its control layer: EHR 3.22 and 3.23, INC-1.

use pipeline::records::{AdaptiveLevelsTold, ExitBrainPnl, TradeIntent};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, audited};
use crate::held::{self, Position};
use crate::plans::decimal;

const SERVICE: &str = "exit_brain";
const CALM: [&str; 5] = ["0.0005", "0.4", "0.6", "0.2", "0.2"];

fn at(mark: &'static str, best: &'static str) -> Position<'static> {
    Position { mark, best, pnl: "0", stop: "95", ..Position::default() }
}

fn live(pct: &str) -> PipelineSettings {
    let mut settings = PipelineSettings::default();
    let brain = &mut settings.exit_brain;
    brain.exit_mode = "EXIT_BRAIN_V3".into();
    brain.executor_mode = "LIVE".into();
    brain.live_rollout = "ENABLED".into();
    brain.rollout_pct = pct.into();
    settings
}

fn bench(settings: &PipelineSettings) -> Bench {
    let mut bench = Bench::new(&[SERVICE], settings, Vec::new());
    held::hold(&mut bench, &at("100", "100"));
    held::market(&mut bench, CALM);
    bench.run_to_ms(10_001);
    bench
}

/// Shows this position for so many seconds.
fn shows(bench: &mut Bench, position: &Position<'_>, secs: i64) {
    for _ in 0..secs / 10 {
        held::look(bench, position);
        held::market(bench, CALM);
        bench.run_for_ms(10_000);
    }
}

fn intents(bench: &mut Bench) -> Vec<TradeIntent> {
    bench.records(streams::TRADE_INTENT)
}

/// INC-1: the plan is told in every mode, when it is made and again every minute.
#[test]
fn plans_are_told_always() {
    let mut bench = bench(&PipelineSettings::default());
    let told: Vec<ExitBrainPnl> = bench.records(streams::EXITBRAIN_PNL);
    assert_eq!(told.len(), 1);
    assert!((0.015..=0.10).contains(&told[0].take_profit_pct));
    assert!((0.012..=0.05).contains(&told[0].stop_loss_pct));
    assert!((5.0..=80.0).contains(&told[0].dynamic_leverage));
    let levels: Vec<AdaptiveLevelsTold> = bench.records(streams::ADAPTIVE_LEVELS);
    assert!(levels[0].tp1_pct < levels[0].tp2_pct && levels[0].tp2_pct < levels[0].tp3_pct);
    shows(&mut bench, &at("100", "100"), 120);
    assert_eq!(bench.records::<ExitBrainPnl>(streams::EXITBRAIN_PNL).len(), 3);
    assert!(intents(&mut bench).is_empty());
}

/// Positions are open and nobody is told: that is an alarm.
#[test]
fn silence_while_positions_are_open_is_an_alarm() {
    let mut bench = Bench::new(&[SERVICE], &PipelineSettings::default(), Vec::new());
    held::hold(&mut bench, &at("100", "100"));
    for _ in 0..32 {
        held::look(&mut bench, &at("100", "100"));
        bench.run_for_ms(10_000);
    }
    assert_eq!(bench.counter(SERVICE, "exitbrain_silent"), 1);
    assert!(bench.counter(SERVICE, "marketstate_missing") > 30);
}

/// A level that is reached: BTCUSDT is in bucket 8, so that 9 % make it live and 8 % do not.
#[test]
fn live_symbols_ask_for_the_close_and_shadows_do_not() {
    let mut live_one = bench(&live("9"));
    shows(&mut live_one, &at("94", "100"), 10);
    let asked = intents(&mut live_one);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].source.as_deref(), Some("exitbrain_v3_5"));
    assert_eq!((asked[0].reduce_only, asked[0].quantity), (Some(true), Some(decimal("2"))));
    assert_eq!(asked[0].reason.as_deref(), Some("STOP_LOSS"));
    // Again when nothing came of it, not at every look.
    shows(&mut live_one, &at("94", "100"), 10);
    assert_eq!(intents(&mut live_one).len(), 1);
    shows(&mut live_one, &at("94", "100"), 10);
    assert_eq!(intents(&mut live_one).len(), 2);

    let mut legacy = live("100");
    legacy.exit_brain.exit_mode = "LEGACY".into();
    let mut misspelt = live("100");
    misspelt.exit_brain.executor_mode = "LIFE".into();
    let mut killed = live("100");
    killed.exit_brain.kill_switch = "on".into();
    let mut listed = live("100");
    listed.exit_brain.live_symbols = vec!["ETHUSDT".into()];
    for settings in [live("8"), legacy, misspelt, killed, listed] {
        let mut bench = bench(&settings);
        shows(&mut bench, &at("94", "100"), 10);
        assert!(intents(&mut bench).is_empty(), "{:?}", settings.exit_brain);
        assert_eq!(bench.counter(SERVICE, "shadow_exits"), 1);
        assert_eq!(bench.records::<ExitBrainPnl>(streams::EXITBRAIN_PNL).len(), 1);
    }
}

/// The operator's switch counts at run time.
#[test]
fn the_global_kill_switch_makes_everything_shadow() {
    let mut bench = bench(&live("100"));
    bench.set(keys::KILL_SWITCH.name, "true");
    shows(&mut bench, &at("94", "100"), 10);
    assert!(intents(&mut bench).is_empty());
    assert_eq!(bench.counter(SERVICE, "shadow_exits"), 1);
}

/// Both were always zero, although price feed tells them.
#[test]
fn funding_and_the_spread_of_the_venues_count() {
    use pipeline::keys::{FUNDING, MARKET_SPREAD};
    let symbol = crate::bench::instrument().symbol;
    let mut bench = bench(&PipelineSettings::default());
    let plain = bench.records::<ExitBrainPnl>(streams::EXITBRAIN_PNL).remove(0);
    assert_eq!((plain.funding_rate, plain.exch_divergence), (0.0, 0.0));
    let tells = |bench: &mut Bench, rate: &str, age_s: i64| {
        let at = (bench.kernel.now().secs() - age_s).to_string();
        let funding = [("symbol", "BTCUSDT"), ("funding_rate", rate), ("ts", "1770000000")];
        bench.hset(&FUNDING.of(symbol), &funding);
        let spread = [("spread_pct", "2"), ("venues", "2"), ("ts", at.as_str())];
        bench.hset(&MARKET_SPREAD.of(symbol), &spread);
    };
    tells(&mut bench, "0.01", 0);
    shows(&mut bench, &at("100", "100"), 60);
    let told = bench.records::<ExitBrainPnl>(streams::EXITBRAIN_PNL).remove(1);
    assert_eq!((told.funding_rate, told.exch_divergence), (0.01, 0.02));
    assert!(told.dynamic_leverage < plain.dynamic_leverage);
    // Nothing made up where it cannot be read.
    tells(&mut bench, "much", 600);
    shows(&mut bench, &at("100", "100"), 60);
    let told = bench.records::<ExitBrainPnl>(streams::EXITBRAIN_PNL).remove(2);
    assert_eq!((told.funding_rate, told.exch_divergence), (0.0, 0.0));
    assert_eq!(bench.counter(SERVICE, "funding_unreadable"), 1);
}

/// The callback of 0.8 % from the best price, once one percent in favour.
#[test]
fn the_stop_trails() {
    let mut bench = bench(&live("100"));
    shows(&mut bench, &at("101.2", "101.2"), 10);
    shows(&mut bench, &at("100.5", "101.2"), 10);
    assert!(intents(&mut bench).is_empty(), "0.7 % back");
    shows(&mut bench, &at("100.3", "101.2"), 10);
    let asked = intents(&mut bench);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].reason.as_deref(), Some("TRAILING_STOP"));
}

#[test]
fn the_control_layer_is_on_record() {
    let mut settings = live("ten");
    settings.exit_brain.executor_mode = "LIFE".into();
    let mut bench = bench(&settings);
    bench.crash(SERVICE, 100);
    bench.run_for_ms(200);
    let now = bench.kernel.now();
    let list =
        bench.kernel.bus_mut().lrange(now, keys::EXITBRAIN_CONTROL.name, 10).expect("a list");
    assert_eq!(list.len(), 2, "one a start");
    let state: serde_json::Value = serde_json::from_slice(&list[0]).expect("JSON");
    assert_eq!(
        (&state["executor_mode"], &state["brain_profile"]),
        (&"LIFE".into(), &"v3_5".into())
    );
    assert_eq!(state["warnings"].as_array().map(Vec::len), Some(2));
    assert_eq!(bench.counter(SERVICE, "control_warnings"), 4);
}

/// INC-1: exitbrain.pnl had one entry, five days old, while positions were open.
#[test]
fn without_a_store_nothing_is_told() {
    let mut bench = bench(&audited(&["exit_brain_without_store"]));
    shows(&mut bench, &at("100", "100"), 320);
    assert!(bench.records::<ExitBrainPnl>(streams::EXITBRAIN_PNL).is_empty());
    assert!(bench.records::<AdaptiveLevelsTold>(streams::ADAPTIVE_LEVELS).is_empty());
    assert_eq!(bench.counter(SERVICE, "exitbrain_silent"), 1, "and now somebody notices");
}

/// Which symbols were live changed with every start of the process.
#[test]
fn the_rollout_was_drawn_by_each_process() {
    let of = |name: &str| {
        let mut settings = live("50");
        if !name.is_empty() {
            settings.audited = audited(&[name]).audited;
        }
        let mut bench = bench(&settings);
        let mut asked = Vec::new();
        for _ in 0..12 {
            let before = intents(&mut bench).len();
            shows(&mut bench, &at("110", "110"), 20);
            asked.push(intents(&mut bench).len() > before);
            bench.crash(SERVICE, 10);
            bench.run_for_ms(20);
        }
        asked
    };
    assert_eq!(of(""), [true; 12], "bucket 8 of 100");
    let drawn = of("rollout_drawn_per_process");
    assert!(drawn.contains(&true) && drawn.contains(&false), "{drawn:?}");
    assert_eq!(drawn, of("rollout_drawn_per_process"), "of the run's seed");
}

/// The gateway asked for no symbol, so that a rollout of nobody was one of all.
#[test]
fn a_rollout_without_symbol_limits_nothing() {
    let mut settings = live("0");
    for closes in [false, true] {
        let mut bench = bench(&settings);
        shows(&mut bench, &at("110", "110"), 20);
        assert_eq!(!intents(&mut bench).is_empty(), closes);
        settings.audited = audited(&["rollout_without_symbol"]).audited;
    }
}
