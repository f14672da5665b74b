//! What a service keeps survives its saving, which is JSON: the kernel snapshots states so.

use engine::{Nanos, Symbol};
use rust_decimal::Decimal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use strategies::calibration::WinRateRecord;
use strategies::entry::{
    EngineAnswer, ExecutionGates, FallbackRule, FallbackWatch, GateRequest, GateRule, GateTimes,
    KernelLimits, MarginFailures, MarginRenewal, PlanSide, RouterDedup, SafetyKernel,
};
use strategies::learning::{
    ExperienceBuffer, MultiplierNetwork, MultiplierState, OutcomeHistory, PromotionLock,
    RewardMonitor, RewardSource, SizeAction, SizeTable, SizeView,
};
use strategies::market::{CandleMerger, MergeRule, Venue};
use strategies::portfolio::{
    BookPosition, Equity, Fill, LedgerBook, PnlAverages, SmoothedPerMinute,
};
use strategies::signal::{Governer, RateLimits, SignalRates};
use strategies::universe::UniverseState;

fn survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(state: &T) {
    let saved = serde_json::to_value(state).expect("the state has a JSON");
    let loaded: T = serde_json::from_value(saved).expect("and is made of it again");
    assert_eq!(&loaded, state);
}

const NOW: Nanos = Nanos::from_secs(100);

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").expect("a symbol")
}

#[test]
fn states_of_the_entry_survive() {
    let mut gates = ExecutionGates::default();
    let request = GateRequest {
        identity: "1-0",
        symbol: symbol(),
        side: PlanSide::Buy,
        reduces: false,
        safe_mode: false,
    };
    gates.admit(&request, NOW, &GateTimes::default(), GateRule::default()).expect("admitted");
    survives(&gates);
    let mut dedup = RouterDedup::default();
    assert!(dedup.first("1-0", symbol(), PlanSide::Sell, NOW));
    survives(&dedup);
    let mut kernel = SafetyKernel::default();
    kernel.judge(symbol(), false, Some(false), NOW, &KernelLimits::default());
    survives(&kernel);
    let mut failures = MarginFailures::default();
    failures.failed(NOW, MarginRenewal::Never);
    survives(&failures);
    let mut watch = FallbackWatch::default();
    watch.falls_back(EngineAnswer::Unreachable, FallbackRule::Off, false);
    survives(&watch);
    let mut rates = SignalRates::default();
    rates.admit(symbol(), 0.9, NOW, &RateLimits::default()).expect("admitted");
    survives(&rates);
    let mut governer = Governer::default();
    governer.traded(NOW);
    governer.lost(symbol(), NOW);
    survives(&governer);
}

#[test]
fn states_of_learning_survive() {
    let view = SizeView {
        atr_pct: 0.01,
        adx: 10.0,
        trend: 0.1,
        confidence: 0.7,
        exposure_pct: 0.1,
        win_rate: 0.5,
    };
    let state = view.state().expect("finite");
    let mut table = SizeTable::default();
    for action in SizeAction::all() {
        table.learn(state, action, 0.125).expect("finite");
    }
    survives(&table);
    assert!(serde_json::from_str::<SizeAction>("75").is_err(), "an action that there is not");
    let mut outcomes = OutcomeHistory::default();
    outcomes.push(0.25).expect("finite");
    survives(&outcomes);
    let mut experiences = ExperienceBuffer::default();
    experiences.push(MultiplierState::default(), 0.5).expect("finite");
    survives(&experiences);
    let mut monitor = RewardMonitor::default();
    monitor.look(0.5, RewardSource::TradeClosed).expect("real");
    survives(&monitor);
    survives(&PromotionLock::new(&["xgb", "bot"], NOW));
    survives(&WinRateRecord::default().after(1.0));
    let layers =
        [(6, 64), (64, 64), (64, 1)].map(|(from, to)| (vec![0.5; from * to], vec![0.25; to]));
    survives(&MultiplierNetwork::new(layers).expect("sizes"));
    let empty = serde_json::json!([[[], []], [[], []], [[], []]]);
    assert!(serde_json::from_value::<MultiplierNetwork>(empty).is_err());
}

#[test]
fn states_of_the_book_survive() {
    let mut book = BookPosition::default();
    let fill = Fill {
        qty: Decimal::from(-3),
        price: Decimal::new(12_345, 2),
        fee_usd: Decimal::ONE,
        at: NOW,
    };
    book.apply(&fill).expect("a fill");
    survives(&book);
    let mut ledger = LedgerBook::default();
    ledger.commit(7, Decimal::from(-3));
    survives(&ledger);
    let mut equity = Equity::default();
    equity.update(Decimal::from(1_000));
    survives(&equity);
    survives(&PnlAverages::default().after(-3.0).expect("finite"));
    let mut smoothed = SmoothedPerMinute::default();
    smoothed.add(7, 0.5).expect("finite");
    survives(&smoothed);
    let mut merger = CandleMerger::default();
    merger.update(Venue::Binance, 60, 100.0, MergeRule::default()).expect("a price");
    survives(&merger);
    let mut universe = UniverseState::default();
    universe.fetched(NOW, Some(vec![symbol()]));
    survives(&universe);
}
