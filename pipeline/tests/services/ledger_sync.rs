//! Ledger sync: MSE 14.3, I-35.

use engine::Ttl;
use pipeline::{PipelineSettings, keys};

use crate::bench::{Bench, audited, instrument};

const SYNC: &str = "ledger_sync";
const BRAIN: &str = "position_state_brain";

fn key(key: keys::Key) -> String {
    key.of(instrument().symbol)
}

fn ledger(bench: &mut Bench, amount: &str) {
    let fields = [
        ("symbol", "BTCUSDT"),
        ("position_amt", amount),
        ("last_known_amt", amount),
        ("side", if amount.starts_with('-') { "SHORT" } else { "LONG" }),
        ("avg_entry_price", "100"),
        ("version", "4"),
        ("source", "intent_executor"),
        ("updated_at", "1770000000"),
    ];
    bench.hset(&key(keys::POSITION_LEDGER), &fields);
}

fn bench(held: i64, booked: &str) -> Bench {
    let mut bench = Bench::new(&[BRAIN, SYNC], &PipelineSettings::default(), Vec::new());
    bench.kernel.exchange_mut().held[0] = held;
    ledger(&mut bench, booked);
    bench
}

/// I-35: the timer wrote the sizes of shorts without their sign, and their exits were denied.
#[test]
fn the_executors_book_is_compared_and_never_written() {
    let mut bench = bench(-1_500, "1.5");
    let before = bench.hash(&key(keys::POSITION_LEDGER));
    bench.run_to_ms(31_000);
    assert_eq!(bench.hash(&key(keys::POSITION_LEDGER)), before);
    assert_eq!(bench.counter(SYNC, "ledger_differs"), 2);
    ledger(&mut bench, "-1.5");
    bench.run_to_ms(61_000);
    assert_eq!(bench.counter(SYNC, "ledger_differs"), 2);
}

#[test]
fn the_older_record_follows_the_exchange() {
    let mut bench = bench(-1_500, "-1.5");
    bench.run_to_ms(15_100);
    let derived = bench.hash(&key(keys::POSITION));
    assert_eq!((derived["quantity"].as_str(), derived["side"].as_str()), ("1.500", "SHORT"));
    assert_eq!(derived.get("stop_loss"), None, "nothing watches it");
    let stops = [
        ("symbol", "BTCUSDT"),
        ("side", "SHORT"),
        ("qty", "1.5"),
        ("entry_price", "100"),
        ("stop_loss", "103"),
        ("take_profit", "90"),
        ("trailing_gap_pct", "1"),
        ("best_price", "100"),
        ("source", "plan"),
        ("plan_id", "0123456789abcdef"),
        ("correlation_id", "00000000-0000-4000-8000-000000000009"),
        ("opened_at", "1769999000"),
        ("exit_attempts", "0"),
    ];
    bench.hset(&key(keys::STATE_STOPS), &stops);
    bench.run_to_ms(30_100);
    let derived = bench.hash(&key(keys::POSITION));
    assert_eq!(
        (derived["stop_loss"].as_str(), derived["created_at"].as_str()),
        ("103", "1769999000")
    );
    // Also after a restart, and where it is another's.
    bench.kernel.exchange_mut().held[0] = 0;
    bench.crash(SYNC, 10);
    bench.run_to_ms(60_100);
    assert_eq!(bench.ttl(&key(keys::POSITION)), Ttl::Absent);
}

/// I-35: then a short's ledger was long, and P3.4 and P3.3 saw a mismatch of sides.
#[test]
fn the_ledger_was_overwritten_without_its_sign() {
    let names = [BRAIN, SYNC, "reconcile_engine"];
    let of = |settings: &PipelineSettings| {
        let mut bench = Bench::new(&names, settings, Vec::new());
        bench.kernel.exchange_mut().held[0] = -1_500;
        ledger(&mut bench, "-1.5");
        bench.run_to_ms(31_000);
        let amount = bench.hash(&key(keys::POSITION_LEDGER))["position_amt"].clone();
        (amount, bench.get(&key(keys::RECONCILE_HOLD_REASON)))
    };
    assert_eq!(of(&PipelineSettings::default()), ("-1.5".into(), None));
    let audited = of(&audited(&["ledger_without_sign"]));
    assert_eq!(audited, ("1.500".into(), Some("side_mismatch".into())));
}
