//! What must hold of the chain whatever happens: no double order, no lost position, exits that nothing but
//! the operator stops, nothing dropped without a reason.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // A test fails by panicking.

use engine::{
    AccountId, Action, DigestOnly, EntryId, Exchange, ExchangeEvent, Instrument, Kernel,
    KernelConfig, Link, MarketEvent, MemoryBus, Nanos, Outcome, QtyLots, Request, RequestId,
    Sender, ServiceId,
};
use pipeline::records::{ApplyPlan, ApplyResult, ExecutionResult, PlanClass, PositionLedger};
use pipeline::{PipelineSettings, chain};
use rust_decimal::Decimal;
use sim_exchange::{ExchangeConfig, Funding, Latency, SimExchange};

use datasets::synthetic::{SyntheticConfig, SyntheticFeed};

/// Nothing is opened before a market state is known, which takes four hours of prices.
const MINUTES: i64 = 720;

type Run<X = SimExchange> = Kernel<X, SyntheticFeed>;

fn kernel() -> (Run, Vec<Instrument>, Nanos) {
    kernel_behind(|exchange| exchange)
}

fn kernel_behind<X: Exchange>(
    wrap: impl FnOnce(SimExchange) -> X,
) -> (Run<X>, Vec<Instrument>, Nanos) {
    let market = SyntheticConfig { minutes: MINUTES as u32, ..SyntheticConfig::default() };
    let instruments = market.instruments();
    let start = Nanos::from_millis(market.start_ms);
    let latency =
        Latency::Constant { request: Nanos::from_millis(5), response: Nanos::from_millis(5) };
    let wallet = Decimal::from(10_000);
    let config = ExchangeConfig::new(instruments.clone(), start, wallet, latency, Funding::Data);
    let exchange = SimExchange::new(config).expect("an exchange");
    let feed = SyntheticFeed::new(&market, 7).expect("a market");
    let members = chain(&PipelineSettings::default(), &instruments).expect("a chain");
    let config = KernelConfig {
        seed: 7,
        start,
        instruments: instruments.clone(),
        link: Link { latency: Nanos::from_micros(300), jitter: Nanos::from_micros(200) },
        links: Default::default(),
        call_link: Link { latency: Nanos::from_millis(1), jitter: Nanos::ZERO },
        feed_latency: engine::FeedLatency::NONE,
    };
    let kernel = Kernel::new(
        config,
        Box::new(MemoryBus::new()),
        wrap(exchange),
        feed,
        members,
        Box::new(DigestOnly),
    );
    (kernel, instruments, start)
}

fn executor<X: Exchange>(kernel: &Run<X>) -> ServiceId {
    let place =
        kernel.services().iter().position(|name| name == "intent_executor").expect("it is there");
    ServiceId(place as u16)
}

fn entries<R: engine::TypedRecord>(
    kernel: &mut Run<impl Exchange>,
    stream: &str,
) -> Vec<(Nanos, R)> {
    let now = kernel.now();
    let mut found = Vec::new();
    let bus = kernel.bus_mut();
    bus.xrange(now, stream, EntryId::ZERO, EntryId::MAX, usize::MAX, &mut found).expect("a stream");
    let read = |entry: &engine::Entry| {
        let record =
            entry.body.as_ref().expect("a body").read::<R>().expect("a record").into_owned();
        (Nanos::from_millis(entry.id.ms as i64), record)
    };
    found.iter().map(read).collect()
}

/// What the exchange holds, symbol by symbol, against the pipeline's own book.
fn books_agree(kernel: &mut Run<impl Exchange>, instruments: &[Instrument]) {
    let now = kernel.now();
    // The positions as the exchange itself answers them.
    let request = engine::RequestId(u64::MAX);
    let from = Sender { service: ServiceId(999), account: AccountId(0) };
    kernel.exchange_mut().submit(now, from, request, Request::PositionRisk);
    let mut events = Vec::new();
    kernel.exchange_mut().advance(now + Nanos::from_secs(1), &mut events);
    let rows = events
        .into_iter()
        .find_map(|event| match event {
            engine::ExchangeEvent::Response {
                outcome: Outcome::Done(engine::Answer::PositionRisk(rows)),
                ..
            } => Some(rows),
            _ => None,
        })
        .expect("an answer");
    for (row, instrument) in rows.iter().zip(instruments) {
        let key = pipeline::keys::POSITION_LEDGER.of(instrument.symbol);
        let fields = kernel.bus_mut().hgetall(now, &key).expect("a hash");
        let get = |name: &str| {
            let (_, value) = fields.iter().find(|(n, _)| n == name)?;
            std::str::from_utf8(value).ok()
        };
        let booked = match fields.is_empty() {
            true => Decimal::ZERO,
            false => {
                <PositionLedger as engine::TypedRecord>::from_fields(&get)
                    .expect("a ledger")
                    .position_amt
            }
        };
        let QtyLots(lots) = row.position_amt;
        assert_eq!(Decimal::new(lots, instrument.qty_decimals), booked, "{}", instrument.symbol);
    }
}

#[test]
fn a_crash_of_the_executor_around_an_order_doubles_and_loses_nothing() {
    let (mut baseline, instruments, start) = kernel();
    baseline.run_until(start + Nanos::from_secs(60 * MINUTES)).expect("a run");
    let fills = entries::<ExecutionResult>(&mut baseline, "quantum:stream:execution.result");
    let plans = entries::<ApplyPlan>(&mut baseline, "quantum:stream:apply.plan");
    let first_open = plans
        .iter()
        .find(|(_, plan)| fills.iter().any(|(_, fill)| fill.plan_id == plan.plan_id))
        .expect("a plan that was filled");
    let first_close =
        plans.iter().find(|(_, plan)| plan.class == PlanClass::Close).expect("a close");
    books_agree(&mut baseline, &instruments);

    // From before the plan is read to after its result: 0 to 24 ms after the plan appears, in steps of 2 ms.
    for (around, closes) in [(first_open.0, false), (first_close.0, true)] {
        for offset_ms in (0..=24).step_by(2) {
            let (mut kernel, instruments, start) = kernel();
            let executor = executor(&kernel);
            let crash = around + Nanos::from_millis(offset_ms);
            kernel.at(crash, Action::Crash(executor));
            kernel.at(crash + Nanos::from_millis(40), Action::Restart(executor));
            kernel.run_until(start + Nanos::from_secs(60 * MINUTES)).expect("a run");
            let what =
                format!("crash {offset_ms} ms after the {}", if closes { "close" } else { "open" });

            let fills = entries::<ExecutionResult>(&mut kernel, "quantum:stream:execution.result");
            for (_, fill) in &fills {
                let same = fills.iter().filter(|(_, other)| other.plan_id == fill.plan_id).count();
                assert_eq!(same, 1, "{what}: plan {} was filled {same} times", fill.plan_id);
            }
            let results = entries::<ApplyResult>(&mut kernel, "quantum:stream:apply.result");
            for (_, result) in results.iter().filter(|(_, result)| result.executed) {
                let same =
                    results.iter().filter(|(_, other)| other.plan_id == result.plan_id).count();
                assert_eq!(same, 1, "{what}: plan {} has {same} results", result.plan_id);
            }
            assert_eq!(
                kernel.exchange().report().symbols.iter().map(|(_, c)| c.fills).sum::<u64>(),
                fills.len() as u64,
                "{what}: a fill of the exchange that the pipeline does not know"
            );
            books_agree(&mut kernel, &instruments);
        }
    }
}

#[test]
fn safe_mode_stops_opens_and_never_exits() {
    let (mut kernel, instruments, start) = kernel();
    let end = start + Nanos::from_secs(60 * MINUTES);
    // Until the first position is open; then safe mode, for the rest of the run.
    let mut at = start;
    while entries_if_any(&mut kernel) == 0 {
        at += Nanos::from_secs(60);
        kernel.run_until(at).expect("a run");
        assert!(at < end, "nothing was opened");
    }
    let key = pipeline::keys::SAFE_MODE.name;
    kernel.bus_mut().set(at, key, b"1", engine::SetOptions::default()).expect("a key");
    kernel.run_until(end).expect("a run");

    let results = entries::<ApplyResult>(&mut kernel, "quantum:stream:apply.result");
    let later = results.iter().filter(|(time, _)| *time > at);
    let opened = later.clone().filter(|(_, r)| r.executed && !r.reduce_only.0).count();
    let closed = later.clone().filter(|(_, r)| r.executed && r.reduce_only.0).count();
    let blocked = later.filter(|(_, r)| r.error.as_deref() == Some("SAFE_MODE_ACTIVE"));
    let bot = kernel.services().iter().position(|name| name == "trading_bot").expect("it runs");
    let counters = kernel.counters(ServiceId(bot as u16)).expect("counters");
    let held_back = counters.get("safety_safe_mode_enabled").copied().unwrap_or_default();
    assert_eq!(opened, 0, "an open passed safe mode");
    assert!(closed >= 1, "safe mode held an exit back");
    assert!(held_back >= 1, "no open was there to be stopped");
    assert!(blocked.clone().all(|(_, r)| !r.reduce_only.0));
    books_agree(&mut kernel, &instruments);
}

fn entries_if_any(kernel: &mut Run) -> usize {
    let now = kernel.now();
    kernel.bus_mut().xlen(now, "quantum:stream:execution.result").expect("a stream") as usize
}

#[test]
fn a_malformed_intent_is_a_dead_letter_and_a_repeated_one_no_second_order() {
    let (mut baseline, _, start) = kernel();
    baseline.run_until(start + Nanos::from_secs(60 * MINUTES)).expect("a run");
    let intents =
        entries::<pipeline::records::TradeIntent>(&mut baseline, "quantum:stream:trade.intent");
    let fills = entries::<ExecutionResult>(&mut baseline, "quantum:stream:execution.result");
    let is_filled = |intent: &pipeline::records::TradeIntent| {
        let decision = intent.correlation_id.expect("a decision");
        fills.iter().any(|(_, f)| f.correlation_id == decision && !f.reduce_only.0)
    };
    let (time, intent) = intents
        .iter()
        .find(|(_, i)| i.reduce_only == Some(false) && is_filled(i))
        .expect("an intent");

    let (mut kernel, instruments, _) = kernel();
    let stream = "quantum:stream:trade.intent".to_owned();
    let envelope =
        engine::Envelope::Contract { event_type: "trade.intent", source: "test", time: *time };
    // The same intent again, as another entry, before and after the first one is through.
    for after_ms in [0, 1, 5, 30, 400] {
        let body = engine::Body::message(envelope, intent.clone());
        let at = *time + Nanos::from_millis(after_ms);
        kernel.at(at, Action::Publish { stream: stream.clone(), body });
    }
    let payload = r#"{"symbol":"BTCUSDT","action":"BUY","confidence":"high"}"#;
    let body = engine::Body::fields(&[("event_type", "trade.intent"), ("payload", payload)]);
    kernel.at(*time, Action::Publish { stream, body });
    kernel.run_until(*time + Nanos::from_secs(30)).expect("a run");

    let now = kernel.now();
    let mut letters = Vec::new();
    let bus = kernel.bus_mut();
    bus.xrange(now, "quantum:dlq:trade.intent", EntryId::ZERO, EntryId::MAX, 9, &mut letters)
        .expect("a stream");
    assert_eq!(letters.len(), 1);
    let fields = letters[0].body.as_ref().expect("a body").to_fields();
    let reason = fields.get("dlq_reason").expect("a reason");
    assert!(reason.contains("confidence") && reason.contains("not a finite number"), "{reason}");

    let fills = entries::<ExecutionResult>(&mut kernel, "quantum:stream:execution.result");
    let opens = |f: &ExecutionResult| f.symbol == intent.symbol && !f.reduce_only.0;
    let own = fills.iter().filter(|(at, f)| opens(f) && *at >= *time).count();
    assert_eq!(own, 1, "one decision, one order");
    books_agree(&mut kernel, &instruments);
}

/// What the network does to the first orders of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// The exchange never sees the order.
    Request,
    /// It does what was asked; the answer gets lost, the user stream does not.
    Answer,
    /// Answer and user stream get lost.
    AnswerAndStream,
}

/// An exchange behind a bad line: orders in `orders` are lost as `loss` says, and so are the answers to
/// the first `queries_lost` questions after them.
struct BadLine {
    inner: SimExchange,
    loss: Loss,
    orders: std::ops::Range<usize>,
    queries_lost: usize,
    orders_seen: usize,
    lost: Vec<RequestId>,
    /// Requests that never arrived: their senders learn that nobody knows.
    dropped: Vec<(Nanos, Sender, RequestId)>,
    time_outs: usize,
}

const TIME_OUT: Nanos = Nanos::from_secs(1);

impl Exchange for BadLine {
    fn submit(&mut self, now: Nanos, from: Sender, id: RequestId, request: Request) {
        match &request {
            Request::NewOrder(_) => {
                let struck = self.orders.contains(&self.orders_seen);
                self.orders_seen += 1;
                if struck && self.loss == Loss::Request {
                    self.dropped.push((now + TIME_OUT, from, id));
                    return;
                }
                if struck {
                    self.lost.push(id);
                }
            }
            Request::QueryOrder { .. } if self.queries_lost > 0 => {
                self.queries_lost -= 1;
                self.dropped.push((now + TIME_OUT, from, id));
                return;
            }
            _ => {}
        }
        self.inner.submit(now, from, id, request);
    }

    fn observe(&mut self, event: &MarketEvent) {
        self.inner.observe(event);
    }

    fn next_due(&self) -> Nanos {
        let dropped = self.dropped.first().map_or(Nanos::NEVER, |(due, _, _)| *due);
        self.inner.next_due().min(dropped)
    }

    fn advance(&mut self, now: Nanos, out: &mut Vec<ExchangeEvent>) {
        let from = out.len();
        self.inner.advance(now, out);
        let answers_lost = &self.lost;
        let loses_stream = self.loss == Loss::AnswerAndStream && !answers_lost.is_empty();
        let mut at = 0;
        out.retain(|event| {
            at += 1;
            at <= from || !(loses_stream && matches!(event, ExchangeEvent::User { .. }))
        });
        for event in &mut out[from..] {
            if let ExchangeEvent::Response { request, outcome, .. } = event
                && self.lost.contains(request)
            {
                *outcome = Outcome::Unknown;
                self.time_outs += 1;
                self.lost.retain(|id| id != request);
            }
        }
        while let Some(&(due, to, request)) = self.dropped.first().filter(|(due, ..)| *due <= now) {
            assert!(due <= now);
            self.dropped.remove(0);
            self.time_outs += 1;
            out.push(ExchangeEvent::Response {
                to: to.service,
                request,
                outcome: Outcome::Unknown,
            });
        }
    }
}

#[test]
fn an_unknown_outcome_is_asked_for_before_anything_is_sent_again() {
    for loss in [Loss::Request, Loss::Answer, Loss::AnswerAndStream] {
        for (orders, queries_lost) in [(0..1, 0), (0..1, 1), (0..3, 4), (1..2, 40)] {
            let what = format!("{loss:?} of orders {orders:?}, then {queries_lost} queries");
            let struck = orders.len();
            let (mut kernel, instruments, start) = kernel_behind(|inner| BadLine {
                inner,
                loss,
                orders,
                queries_lost,
                orders_seen: 0,
                lost: Vec::new(),
                dropped: Vec::new(),
                time_outs: 0,
            });
            kernel.run_until(start + Nanos::from_secs(60 * MINUTES)).expect("a run");
            let line = kernel.exchange();
            assert!(line.time_outs > queries_lost, "{what}: the line was not that bad");
            let filled = line.inner.report().symbols.iter().map(|(_, c)| c.fills).sum::<u64>();

            let fills = entries::<ExecutionResult>(&mut kernel, "quantum:stream:execution.result");
            assert!(fills.len() > 2, "{what}: the chain goes on trading");
            let mut plans: Vec<_> = fills.iter().map(|(_, fill)| fill.plan_id.clone()).collect();
            plans.sort();
            plans.dedup();
            assert_eq!(plans.len(), fills.len(), "{what}: a plan was filled twice");
            assert_eq!(
                filled,
                fills.len() as u64,
                "{what}: a fill that the pipeline does not know"
            );
            let results = entries::<ApplyResult>(&mut kernel, "quantum:stream:apply.result");
            let not_placed =
                results.iter().filter(|(_, r)| r.error.as_deref() == Some("not_placed")).count();
            assert_eq!(not_placed, if loss == Loss::Request { struck } else { 0 }, "{what}");
            books_agree(&mut kernel, &instruments);
        }
    }
}
