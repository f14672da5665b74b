/** What a report page reads. Times are integer milliseconds UTC, money is USDT; `data.md` says the rest. */

/** Numbers of one column. `deltas` adds up from `first`; its length is one less than the column's. */
export type Column = (number | null)[] | { start: number; step: number; count: number } | { first: number; deltas: number[] };

/** Either the value itself, or the name of the `data-part` that holds it. */
export type Lazy<T> = T | { part: string };

export type Report = RunReport | SweepReport;

/** Something a reader should know. `detail` is shown when it is opened. */
export interface Note {
  text: string;
  detail?: string;
}

/** What a figure is measured in. A `fraction` is shown in percent, `ms` as a duration. */
export type Unit = "USDT" | "fraction" | "ratio" | "count" | "ms" | "date" | string;

/** One figure with its definition. */
export interface Metric {
  name: string;
  value: number | string | null;
  unit?: Unit;
  /** What it is, with its formula. */
  definition?: string;
  /** Author, year and title, or an address; shown as text. */
  source?: string;
  better?: "higher" | "lower";
  /** Shown large at the top. */
  headline?: boolean;
  group?: string;
}

export interface RunReport {
  kind: "run";
  format: 1;
  title?: string;
  /** One run, or two that are compared. */
  runs: Run[];
  comparison?: Comparison;
}

export interface Run {
  name: string;
  scenario?: string;
  seed?: string;
  digest?: string;
  version?: string;
  from_ms?: number;
  to_ms?: number;
  /** Further facts, as name and text. */
  facts?: [string, string][];
  assumptions?: Note[];
  warnings?: Note[];
  metrics?: Metric[];
  symbols?: string[];
  equity?: Lazy<Equity>;
  /** One entry a symbol that has bars. */
  bars?: { symbol: number; bars: Lazy<Bars> }[];
  trades?: Lazy<Trades>;
  gates?: Lazy<Gates>;
  topology?: Lazy<Topology>;
  by_symbol?: Breakdown;
  by_reason?: Breakdown;
  /** Why a panel has no data: panel name to sentence. */
  missing?: Record<string, string>;
}

export interface Equity {
  time_ms: Column;
  equity: Column;
  /** Fractions, zero or negative. Worked out from `equity` where absent. */
  drawdown?: Column;
}

/** Bars of one symbol. With `close` alone a line is drawn. */
export interface Bars {
  /** When each bar opens. */
  time_ms: Column;
  open?: Column;
  high?: Column;
  low?: Column;
  close: Column;
}

/** How an exit is drawn. */
export type ReasonKind = "target" | "stop" | "trailing" | "time" | "liquidation" | "signal" | "other";

export interface Trades {
  /** Exit reasons; `reason` points into them. */
  reasons: { name: string; kind?: ReasonKind }[];
  id: (string | number)[] | Column;
  /** Into the run's `symbols`. */
  symbol: Column;
  /** 0 long, 1 short. */
  side: Column;
  entry_ms: Column;
  /** Null while open. */
  exit_ms: Column;
  entry_price: Column;
  exit_price: Column;
  qty: Column;
  /** Net, in USDT. */
  pnl: Column;
  fees?: Column;
  funding?: Column;
  slippage?: Column;
  /** Net profit by entry notional, a fraction. */
  ret?: Column;
  /** Most adverse and most favourable excursion, fractions of the entry price: MAE ≤ 0 ≤ MFE. */
  mae?: Column;
  mfe?: Column;
  stop_price?: Column;
  /** Into `reasons`. Null while open. */
  reason: Column;
  /** Cause chains, inline or in parts `<part>/0`, `<part>/1`, … of `rows_per_part` trades each. */
  chains?: Chains | { part: string; rows_per_part: number };
}

/** Chain of trade i: entries `offsets[i]` to `offsets[i + 1]`, oldest first. */
export interface Chains {
  offsets: number[];
  time_ms: Column;
  /** Into `places`: the stream or service. */
  place: number[];
  /** Into `texts`. */
  text: number[];
  places: string[];
  texts: string[];
}

export interface Gates {
  gates: string[];
  reasons: string[];
  time_ms: Column;
  /** Into `gates`. */
  gate: Column;
  /** 0 passed, 1 refused, 2 downgraded. */
  outcome: Column;
  /** Into `reasons`, or null. */
  reason?: Column;
  /** Into the run's `symbols`, or null. */
  symbol?: Column;
  kill_score?: { time_ms: Column; value: Column; threshold?: number };
}

export interface Topology {
  nodes: { name: string; kind: "service" | "stream" | "exchange" | "other"; dead_letters?: number; dropped?: number; note?: string }[];
  /** Into `nodes`. Lag is from publication to handling. */
  edges: { from: number; to: number; count: number; lag_p50_ms?: number; lag_p99_ms?: number; dead_letters?: number; dropped?: number }[];
}

/** One line a key, one column a metric. */
export interface Breakdown {
  keys: string[];
  metrics: { name: string; unit?: Unit; definition?: string; values: (number | null)[] }[];
}

export interface Comparison {
  /** Where the journals first differ. Null: they are equal. */
  first_difference?: null | { index: number; time_ms?: number; a: string; b: string; before?: string[] };
  /** Rows of the trades that only this run has, for each run. */
  trades_only?: [number[], number[]];
  notes?: Note[];
}

export interface SweepReport {
  kind: "sweep";
  format: 1;
  title?: string;
  sweep: Sweep;
}

export interface Sweep {
  name: string;
  scenario?: string;
  seed?: string;
  sampler?: string;
  version?: string;
  digest?: string;
  facts?: [string, string][];
  assumptions?: Note[];
  warnings?: Note[];
  axes: Axis[];
  objectives: Objective[];
  progress?: { planned: number; done: number; failed: number; elapsed_ms?: number; trials_per_second?: number };
  trials: Lazy<Trials>;
  failed?: { id: string | number; reason: string; parameters?: Record<string, string | number> }[];
  walk_forward?: Lazy<WalkForward>;
  overfitting?: Lazy<Overfitting>;
  missing?: Record<string, string>;
}

export interface Axis {
  name: string;
  /** Path in the scenario. */
  path?: string;
  unit?: Unit;
  /** Drawn on a log scale. */
  log?: boolean;
  /** Names of the values, where they are not numbers; the trials' values point into them. */
  choices?: string[];
}

export interface Objective {
  name: string;
  direction: "max" | "min";
  unit?: Unit;
  definition?: string;
}

export interface Trials {
  id: (string | number)[] | Column;
  /** One column an axis, in the order of `axes`. */
  parameters: Column[];
  /** One column an objective, in the order of `objectives`. */
  objectives: Column[];
  metrics?: { name: string; unit?: Unit; definition?: string; better?: "higher" | "lower"; values: Column }[];
  seed?: string[];
  digest?: string[];
  worker?: string[];
  /** For each objective, the median of the trial's neighbours. Worked out on the page where absent. */
  neighbour_median?: Column[];
}

export interface WalkForward {
  scheme: string;
  objective: Objective;
  windows: {
    train_from_ms: number;
    train_to_ms: number;
    test_from_ms: number;
    test_to_ms: number;
    train: number | null;
    test: number | null;
    parameters: Record<string, string | number>;
  }[];
  /** Out of sample, stitched together. */
  equity?: Equity;
}

export interface Overfitting {
  statistics: Metric[];
  /** Logits of the probability of backtest overfitting, one a split. */
  logits?: number[];
  /** One point a split: the best in sample, and the same trial out of sample. */
  degradation?: { in_sample: number[]; out_of_sample: number[]; slope?: number; intercept?: number };
  notes?: Note[];
}
