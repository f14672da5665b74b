// A made-up sweep: a smooth hill with noise and a few lonely peaks.
import { random, round } from "./sample_random.mjs";

const DAY = 86_400_000;
const START = Date.UTC(2025, 0, 1);
const AXES = [
  { name: "fast", path: "signal.ema.fast", unit: "count", levels: [4, 6, 8, 10, 12, 16, 20, 24, 32] },
  { name: "slow", path: "signal.ema.slow", unit: "count", levels: [30, 40, 50, 60, 80, 100, 120, 160, 200] },
  { name: "stop", path: "exits.stop_atr", levels: [0.8, 1, 1.2, 1.5, 2, 2.5, 3] },
  { name: "exit policy", path: "exits.policy", choices: ["fixed", "trailing", "brain"], levels: [0, 1, 2] },
  { name: "risk", path: "sizing.risk", unit: "fraction", log: true, levels: null },
];

function walkForward(r) {
  const windows = Array.from({ length: 12 }, (_, i) => {
    const train = 0.9 + r.next() * 1.2;
    return {
      train_from_ms: START + i * 14 * DAY, train_to_ms: START + (i * 14 + 60) * DAY, test_from_ms: START + (i * 14 + 60) * DAY, test_to_ms: START + (i * 14 + 74) * DAY,
      train: round(train, 3), test: round(train * 0.45 + r.normal() * 0.6, 3), parameters: { fast: r.pick(AXES[0].levels), slow: r.pick(AXES[1].levels), stop: r.pick(AXES[2].levels) },
    };
  });
  const equity = [];
  let at = 10_000;
  for (let i = 0; i < 12 * 14 * 24; i += 1) {
    at *= 1 + r.normal() * 0.002 + 0.00003;
    equity.push(round(at, 2));
  }
  return { scheme: "rolling", objective: { name: "Sharpe", direction: "max", unit: "ratio" }, windows, equity: { time_ms: { start: START + 60 * DAY, step: 3_600_000, count: equity.length }, equity } };
}

function overfitting(r) {
  const logits = Array.from({ length: 924 }, () => round(r.normal() * 1.1 + 0.5, 4));
  const inSample = logits.map(() => round(1.4 + r.next() * 1.4, 4));
  const out = inSample.map((v) => round(1.9 - 0.6 * v + r.normal() * 0.5, 4));
  const below = logits.filter((v) => v < 0).length / logits.length;
  return {
    statistics: [
      { name: "Deflated Sharpe ratio", value: 0.713, unit: "fraction", better: "higher", definition: "Probability that the best trial's Sharpe ratio is above what the best of that many worthless trials shows by chance.", source: "Bailey and L\u00F3pez de Prado (2014), The Deflated Sharpe Ratio" },
      { name: "Expected best Sharpe of worthless trials", value: 1.382, unit: "ratio" },
      { name: "Probability of backtest overfitting", value: round(below, 4), unit: "fraction", better: "lower", definition: "Share of splits where the best in sample is below the median out of sample.", source: "Bailey, Borwein, L\u00F3pez de Prado and Zhu (2017)" },
      { name: "Probability of loss out of sample", value: round(out.filter((v) => v < 0).length / out.length, 4), unit: "fraction", better: "lower" },
    ],
    logits,
    degradation: { in_sample: inSample, out_of_sample: out, slope: -0.6, intercept: 1.9 },
    notes: [{ text: "924 splits of 12 blocks" }],
  };
}

/** The parts of a sweep's report. */
export function sampleSweep(size, seed) {
  const r = random(seed);
  const axes = AXES.slice(0, size.axes);
  const n = size.trials;
  const parameters = axes.map(() => []);
  const sharpe = [];
  const drawdown = [];
  const profit = [];
  const count = [];
  for (let i = 0; i < n; i += 1) {
    const values = axes.map((a) => (a.levels ? r.pick(a.levels) : round(10 ** (-3 + r.next() * 1.7), 6)));
    values.forEach((v, a) => parameters[a].push(v));
    const hill = 1.8 - ((values[0] - 12) / 14) ** 2 - ((values[1] - 90) / 80) ** 2 - ((values[2] - 1.6) / 1.6) ** 2 * 0.5;
    const s = hill + r.normal() * 0.15 + (r.next() < 0.004 ? 1.8 : 0);
    sharpe.push(round(s, 4));
    drawdown.push(round(-0.05 - r.next() * 0.12 - Math.max(0, s) * 0.02, 5));
    profit.push(round(s * 900 + r.normal() * 150, 2));
    count.push(200 + r.below(900));
  }
  const failed = Array.from({ length: Math.ceil(n / 60) }, (_, i) => ({ id: n + i, reason: r.pick(["fast is not below slow", "liquidated in the first hour", '<img src=x onerror="window.hacked=3">']), parameters: { fast: 32, slow: 30 } }));
  return {
    report: {
      kind: "sweep", format: 1,
      sweep: {
        name: "ema_cross_grid", scenario: "scenarios/ema_cross.toml", seed: "11", sampler: "Sobol, scrambled", version: "qsim 0.1.0 (c85d781)",
        warnings: [{ text: "The best of many trials is biased upwards; see Overfitting" }],
        assumptions: [{ text: "Common random numbers: every trial sees the same market and the same faults" }],
        axes: axes.map(({ levels, ...axis }) => axis),
        objectives: [
          { name: "Sharpe", direction: "max", unit: "ratio", definition: "Annualised, of daily returns." },
          { name: "Maximum drawdown", direction: "max", unit: "fraction", definition: "Zero or negative." },
        ],
        progress: { planned: n + failed.length + 20, done: n, failed: failed.length, elapsed_ms: n * 45, trials_per_second: 22.1 },
        trials: { part: "trials" }, walk_forward: { part: "walk_forward" }, overfitting: { part: "overfitting" }, failed,
      },
    },
    trials: {
      id: { start: 0, step: 1, count: n }, parameters, objectives: [sharpe, drawdown],
      metrics: [{ name: "Net profit", unit: "USDT", better: "higher", values: profit }, { name: "Trades", unit: "count", values: count }],
      seed: Array.from({ length: n }, (_, i) => String(1000 + i)), worker: Array.from({ length: n }, (_, i) => `worker-${i % 4}`), digest: Array.from({ length: n }, (_, i) => `b3:${(i * 2654435761 % 4294967296).toString(16).padStart(8, "0")}`),
    },
    walk_forward: walkForward(r),
    overfitting: overfitting(r),
  };
}
