// A made-up run: equity, bars, trades with their causes, gates, streams.
import { random, round } from "./sample_random.mjs";

const MINUTE = 60_000;
const START = Date.UTC(2025, 0, 1);
const HOSTILE = '<img src=x onerror="window.hacked=1">';
const SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT", "ADAUSDT", "DOGEUSDT"];
const PRICES = [42_000, 2300, 98, 310, 0.62, 0.55, 0.091];
const REASONS = [
  { name: "TAKE_PROFIT", kind: "target" },
  { name: "STOP_LOSS", kind: "stop" },
  { name: "TRAILING_STOP", kind: "trailing" },
  { name: "MAX_HOLDING_TIME", kind: "time" },
  { name: "LIQUIDATION", kind: "liquidation" },
];

/** A walk of prices, one bar each `step` milliseconds. */
function walk(r, count, price, step) {
  const digits = price > 1000 ? 1 : price > 1 ? 3 : 5;
  const open = [];
  const high = [];
  const low = [];
  const close = [];
  let at = price;
  for (let i = 0; i < count; i += 1) {
    const next = at * (1 + r.normal() * 0.0009 * Math.sqrt(step / MINUTE));
    open.push(round(at, digits));
    close.push(round(next, digits));
    high.push(round(Math.max(at, next) * (1 + r.next() * 0.0006), digits));
    low.push(round(Math.min(at, next) * (1 - r.next() * 0.0006), digits));
    at = next;
  }
  return { time_ms: { start: START, step, count }, open, high, low, close };
}

function tradesOf(r, size, symbols, reasons, bars, step, shifted) {
  const t = { reasons, id: [], symbol: [], side: [], entry_ms: [], exit_ms: [], entry_price: [], exit_price: [], qty: [], pnl: [], fees: [], funding: [], slippage: [], ret: [], mae: [], mfe: [], stop_price: [], reason: [] };
  const bar = bars[0].close.length;
  for (let i = 0; i < size.trades; i += 1) {
    const symbol = r.below(symbols.length);
    const from = Math.min(bar - 2, Math.floor((i / size.trades) * bar * 0.98) + r.below(3));
    const to = Math.min(bar - 1, from + 1 + r.below(Math.max(2, Math.ceil((3 * 60 * MINUTE) / step))));
    const entry = bars[symbol].close[from];
    const side = r.below(2);
    const exit = bars[symbol].close[to];
    const gross = (side === 0 ? 1 : -1) * (exit / entry - 1) + (shifted ? 0.0003 : 0.0001);
    const qty = round(2000 / entry, 4);
    const fees = round(2000 * 0.0008, 4);
    const funding = round(r.normal() * 0.1, 4);
    const pnl = round(gross * 2000 - fees - funding, 4);
    const liquidated = r.next() < 0.002;
    t.id.push(i + 1);
    t.symbol.push(symbol);
    t.side.push(side);
    t.entry_ms.push(START + from * step + r.below(step));
    const open = i >= size.trades - 3;
    t.exit_ms.push(open ? null : START + to * step + step - 1 + r.below(MINUTE));
    t.entry_price.push(entry);
    t.exit_price.push(open ? null : exit);
    t.qty.push(qty);
    t.pnl.push(open ? null : pnl);
    t.fees.push(fees);
    t.funding.push(funding);
    t.slippage.push(round(r.next() * 0.3, 4));
    t.ret.push(open ? null : round(pnl / 2000, 6));
    t.mae.push(round(Math.min(0, gross, -Math.abs(r.normal()) * 0.004), 6));
    t.mfe.push(round(Math.max(0, gross, Math.abs(r.normal()) * 0.004), 6));
    t.stop_price.push(round(entry * (side === 0 ? 0.994 : 1.006), entry > 1 ? 2 : 5));
    t.reason.push(open ? null : liquidated ? 4 : pnl > 0 ? r.pick([0, 0, 2]) : r.pick([1, 1, 3, 2]));
  }
  return t;
}

const PLACES = ["stream market.bars", "service ai_engine", "stream signals", "service governor", "stream permits", "service intent_executor", "exchange", "service exit_monitor", "stream exits"];

function chainsOf(t, from, to) {
  const offsets = [0];
  const time_ms = [];
  const place = [];
  const text = [];
  const texts = [];
  const say = (ms, where, words) => {
    time_ms.push(ms);
    place.push(where);
    text.push(texts.length);
    texts.push(words);
  };
  for (let i = from; i < to; i += 1) {
    const e = t.entry_ms[i];
    say(e - 900, 0, `bar closed at ${t.entry_price[i]}`);
    say(e - 700, 1, `signal ${t.side[i] === 0 ? "BUY" : "SELL"} confidence 0.${60 + (i % 40)}`);
    say(e - 520, 3, `permit ${i + 1}: allowed, daily loss 0.4 %, 3 of 5 slots`);
    say(e - 300, 5, `order c-${i + 1} sent: market ${t.qty[i]}`);
    say(e, 6, `order c-${i + 1} filled at ${t.entry_price[i]}`);
    if (t.exit_ms[i] !== null) {
      say(t.exit_ms[i] - 200, 7, `exit wanted: ${t.reasons[t.reason[i]].name}`);
      say(t.exit_ms[i], 6, `order x-${i + 1} filled at ${t.exit_price[i]}`);
    }
    offsets.push(texts.length);
  }
  return { offsets, time_ms, place, text, places: PLACES, texts };
}

function gatesOf(r, size, span, symbols) {
  const gates = ["gateway_guard", "portfolio_gate", "governor", "safety_kernel", "execution_service.admit"];
  const reasons = ["", "daily loss limit", "too many positions", "signal too old", "permit missing", "leverage above mode limit"];
  const g = { gates, reasons, time_ms: [], gate: [], outcome: [], reason: [], symbol: [] };
  const kill = { time_ms: [], value: [], threshold: 0.8 };
  let score = 0.2;
  for (let i = 0; i < size.decisions; i += 1) {
    const roll = r.next();
    const outcome = roll < 0.72 ? 0 : roll < 0.92 ? 1 : 2;
    g.time_ms.push(START + Math.floor(((i + r.next()) / size.decisions) * span));
    g.gate.push(r.below(gates.length));
    g.outcome.push(outcome);
    g.reason.push(outcome === 0 ? null : outcome === 2 ? 5 : 1 + r.below(4));
    g.symbol.push(r.below(symbols.length));
    if (i % 10 === 0) {
      score = Math.min(1, Math.max(0, score + r.normal() * 0.03));
      kill.time_ms.push(g.time_ms[i]);
      kill.value.push(round(score, 3));
    }
  }
  return { ...g, kill_score: kill };
}

const WIRES = [
  ["exchange", "exchange.events"], ["exchange", "market.bars"], ["market.bars", "market_publisher"], ["market_publisher", "market.state"], ["market.state", "ai_engine"], ["market.state", "regime"], ["regime", "policy"], ["policy", "governor"],
  ["ai_engine", "signals"], ["signals", "orchestrator"], ["orchestrator", "intents"], ["intents", "governor"], ["governor", "permits"], ["permits", "intent_executor"], ["intent_executor", "exchange"], ["exchange.events", "position_monitor"],
  ["position_monitor", "positions"], ["positions", "exit_monitor"], ["market.state", "exit_monitor"], ["exit_monitor", "exits"], ["exits", "intent_executor"], ["positions", "portfolio_gate"], ["portfolio_gate", "permits"], ["positions", "trade_logger"], ["trade_logger", "trades.closed"],
  ["trades.closed", "performance"], ["performance", "policy"], ["intent_executor", "results"], ["results", "governor"], ["results", "dashboard"], ["signals", "safety_kernel"], ["safety_kernel", "permits"],
];
const STREAMS = new Set(["market.bars", "market.state", "policy", "signals", "intents", "permits", "positions", "exits", "trades.closed", "results", "exchange.events"]);

function topologyOf(r) {
  const names = [...new Set(WIRES.flat())];
  const nodes = names.map((name) => ({ name, kind: name === "exchange" ? "exchange" : STREAMS.has(name) ? "stream" : "service", ...(name === "results" ? { dead_letters: 14, dropped: 2, note: "14 entries were delivered five times and given up." } : {}) }));
  const edges = WIRES.map(([from, to]) => ({ from: names.indexOf(from), to: names.indexOf(to), count: 10 + r.below(80_000), lag_p50_ms: round(0.2 + r.next() * 4, 2), lag_p99_ms: round(5 + r.next() * 90, 1), ...(to === "dashboard" ? { dead_letters: 14, dropped: 2 } : {}) }));
  return { nodes, edges };
}

function metricsOf(t, equity) {
  const done = t.pnl.filter((p) => p !== null);
  const won = done.filter((p) => p > 0);
  const total = done.reduce((a, p) => a + p, 0);
  let peak = -Infinity;
  let deepest = 0;
  for (const e of equity) {
    peak = Math.max(peak, e);
    deepest = Math.min(deepest, e / peak - 1);
  }
  const m = (group, name, value, unit, better, headline, definition, source) => ({ group, name, value, unit, better, headline, definition, source });
  return [
    m("Return", "Net profit", round(total, 2), "USDT", "higher", true, "Sum of the net profit of all closed trades."),
    m("Return", "Total return", round(equity.at(-1) / equity[0] - 1, 6), "fraction", "higher", true, "Last equity by first equity, less one."),
    m("Return", "CAGR", 0.1832, "fraction", "higher", false, "(E_end / E_start)^(1 year / duration) \u2212 1"),
    m("Risk", "Sharpe ratio", 1.214, "ratio", "higher", true, "mean(r) / sd(r) \u00B7 \u221A365, of daily returns r, with a riskless rate of zero.", "Sharpe (1994), The Sharpe Ratio"),
    m("Risk", "Sortino ratio", 1.731, "ratio", "higher", false, "As Sharpe, by the downside deviation.", "Sortino and Price (1994)"),
    m("Risk", "Maximum drawdown", round(deepest, 5), "fraction", "higher", true, "min over t of E(t) / max(E up to t) \u2212 1"),
    m("Risk", "Longest drawdown", 19 * 86_400_000 + 7_200_000, "ms", "lower", false, "Longest time below an earlier peak."),
    m("Risk", "Value at risk, 95 %, daily", -0.0182, "fraction", "higher"),
    m("Trades", "Trades", done.length, "count", undefined, true),
    m("Trades", "Hit rate", round(won.length / done.length, 5), "fraction", "higher", true, "Trades with a profit by all closed trades."),
    m("Trades", "Expectancy", round(total / done.length, 4), "USDT", "higher", false, "Mean net profit of a trade."),
    m("Trades", "Fees", round(t.fees.reduce((a, f) => a + f, 0), 2), "USDT", "lower"),
    m("Trades", "Liquidations", t.reason.filter((x) => x === 4).length, "count", "lower", false),
    m("Pipeline", "Refusals", 612, "count", undefined, false, "Decisions of all gates that refused."),
    m("Pipeline", "Lag p99", 83.4, "ms", "lower", false, "From publication to handling, 99th percentile over all streams."),
  ];
}

function breakdown(t, keys, of) {
  const n = keys.map(() => 0);
  const won = keys.map(() => 0);
  const sum = keys.map(() => 0);
  t.pnl.forEach((p, i) => {
    const k = of(i);
    if (p === null || k === null) return;
    n[k] += 1;
    sum[k] += p;
    if (p > 0) won[k] += 1;
  });
  return {
    keys,
    metrics: [
      { name: "Trades", unit: "count", values: n },
      { name: "Net profit", unit: "USDT", values: sum.map((s) => round(s, 2)) },
      { name: "Hit rate", unit: "fraction", definition: "Trades with a profit by all.", values: won.map((w, k) => (n[k] ? w / n[k] : null)) },
      { name: "Expectancy", unit: "USDT", values: sum.map((s, k) => (n[k] ? s / n[k] : null)) },
    ],
  };
}

/** A run and its parts; `parts` gives the named parts of a whole report of these runs. */
export function sampleRun(size, seed, { name, hostile = false, shifted = false }) {
  const r = random(seed);
  const symbols = hostile ? [HOSTILE, ...SYMBOLS.slice(1)] : SYMBOLS;
  const reasons = REASONS.map((x, i) => (hostile && i === 1 ? { ...x, name: `${HOSTILE}</script><script>window.hacked=2</script>` } : x));
  const step = size.points > 100_000 ? 5 * MINUTE : MINUTE;
  const bar = Math.floor((size.points * MINUTE) / step);
  const span = size.points * MINUTE;
  const bars = symbols.map((_, i) => walk(r, bar, PRICES[i], step));
  const trades = tradesOf(r, size, symbols, reasons, bars, step, shifted);
  const equity = [];
  let at = 10_000;
  for (let i = 0; i < size.points; i += 1) {
    at *= 1 + (r.normal() * 0.8 + (shifted ? 0.011 : 0.006)) * (0.06 / Math.sqrt(size.points));
    equity.push(round(at, 2));
  }
  const report = {
    name,
    scenario: "scenarios/ema_cross.toml",
    seed: String(seed),
    digest: "b3:5f0c2a9e77d1b84c61f2a7c0d95e3b1844aa6be3f1d2c7a8e6f0b9d4c3a2e1f0",
    version: "qsim 0.1.0 (c85d781)",
    from_ms: START,
    to_ms: START + span,
    facts: [["Bars", "1m, 7 symbols"], ["Exchange", "sim, hedge mode off"]],
    warnings: [{ text: "Bars replace the order book: fills inside a bar follow the path model", detail: "Open, low, high, close for rising bars; open, high, low, close for falling ones." }],
    assumptions: [{ text: "Taker fee 0.05 %, maker fee 0.02 %" }, { text: "Funding every 8 hours, from the recorded rates" }, { text: "Latency of 12 ms to the exchange, 9 ms back" }],
    metrics: metricsOf(trades, equity),
    symbols,
    by_symbol: breakdown(trades, symbols, (i) => trades.symbol[i]),
    by_reason: breakdown(trades, reasons.map((x) => x.name), (i) => trades.reason[i]),
  };
  const heavy = { equity: { time_ms: { start: START, step: MINUTE, count: size.points }, equity }, trades, gates: gatesOf(r, size, span, symbols), topology: topologyOf(r) };
  const parts = (runs, comparison) => {
    const out = { report: { kind: "run", format: 1, comparison, runs: [] } };
    runs.forEach((run, n) => {
      const at = `run${n}`;
      const chains = `${at}/chains`;
      for (const [key, value] of Object.entries(run.heavy)) out[`${at}/${key}`] = key === "trades" ? { ...value, chains: { part: chains, rows_per_part: size.perPart } } : value;
      run.bars.forEach((value, s) => (out[`${at}/bars/${s}`] = value));
      for (let i = 0; i < size.trades; i += size.perPart) out[`${chains}/${i / size.perPart}`] = chainsOf(run.heavy.trades, i, Math.min(size.trades, i + size.perPart));
      const lazy = Object.fromEntries(Object.keys(run.heavy).map((key) => [key, { part: `${at}/${key}` }]));
      out.report.runs.push({ ...run.report, ...lazy, bars: run.bars.map((_, s) => ({ symbol: s, bars: { part: `${at}/bars/${s}` } })) });
    });
    return out;
  };
  return { report, heavy, bars, parts };
}
