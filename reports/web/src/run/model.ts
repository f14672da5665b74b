/** A run as its panels use it: columns as typed arrays, parts read once, one selected trade. */

import type { Bars, Chains, Equity, Gates, ReasonKind, Run, Trades } from "../../data";
import { extent, lazy, lowerBound, numbers, texts } from "../data";
import { reveal } from "../page";
import { TimeWindow } from "../series";

export const SIDES = ["long", "short"];

export class TradeTable {
  readonly count: number;
  readonly ids: string[];
  readonly symbol: Float64Array;
  readonly side: Float64Array;
  readonly entry: Float64Array;
  readonly exit: Float64Array;
  readonly entryPrice: Float64Array;
  readonly exitPrice: Float64Array;
  readonly qty: Float64Array;
  readonly pnl: Float64Array;
  readonly reason: Float64Array;
  readonly fees: Float64Array;
  readonly funding: Float64Array;
  readonly slippage: Float64Array;
  readonly ret: Float64Array;
  readonly mae: Float64Array;
  readonly mfe: Float64Array;
  readonly stop: Float64Array;
  readonly reasons: { name: string; kind: ReasonKind }[];

  constructor(
    readonly raw: Trades,
    readonly symbols: string[],
  ) {
    this.entry = numbers(raw.entry_ms);
    this.count = this.entry.length;
    const of = (column: Trades["pnl"] | undefined) => numbers(column, this.count);
    this.ids = texts(raw.id);
    this.symbol = of(raw.symbol);
    this.side = of(raw.side);
    this.exit = of(raw.exit_ms);
    this.entryPrice = of(raw.entry_price);
    this.exitPrice = of(raw.exit_price);
    this.qty = of(raw.qty);
    this.pnl = of(raw.pnl);
    this.reason = of(raw.reason);
    this.fees = of(raw.fees);
    this.funding = of(raw.funding);
    this.slippage = of(raw.slippage);
    this.ret = of(raw.ret);
    this.mae = of(raw.mae);
    this.mfe = of(raw.mfe);
    this.stop = of(raw.stop_price);
    this.reasons = raw.reasons.map((r) => ({ name: r.name, kind: r.kind ?? "other" }));
  }

  symbolName(row: number): string {
    return this.symbols[this.symbol[row]] ?? "";
  }

  sideName(row: number): string {
    return SIDES[this.side[row]] ?? "";
  }

  reasonName(row: number): string {
    return this.reasons[this.reason[row]]?.name ?? "open";
  }

  kind(row: number): ReasonKind {
    return this.reasons[this.reason[row]]?.kind ?? "other";
  }
}

export interface Cause {
  time: number;
  place: string;
  text: string;
}

export interface Curve {
  time: Float64Array;
  equity: Float64Array;
  drawdown: Float64Array;
}

/** Equity with its drawdown, which is worked out where the data has none. */
export function curve(raw: Equity): Curve {
  const equity = numbers(raw.equity);
  const drawdown = raw.drawdown ? numbers(raw.drawdown) : new Float64Array(equity.length);
  if (!raw.drawdown) {
    let peak = -Infinity;
    for (let i = 0; i < equity.length; i += 1) {
      if (equity[i] > peak) peak = equity[i];
      drawdown[i] = peak > 0 ? equity[i] / peak - 1 : NaN;
    }
  }
  return { time: numbers(raw.time_ms), equity, drawdown };
}

export class RunModel {
  readonly symbols: string[];
  readonly window: TimeWindow;
  private tradesRead?: Promise<TradeTable>;
  private readonly tellers = new Set<(row: number, from: string) => void>();

  constructor(
    readonly run: Run,
    readonly index: number,
    window: TimeWindow,
  ) {
    this.symbols = run.symbols ?? [];
    this.window = window;
  }

  trades(): Promise<TradeTable> {
    this.tradesRead ??= lazy(this.run.trades!).then((raw) => new TradeTable(raw, this.symbols));
    return this.tradesRead;
  }

  async gates(): Promise<Gates> {
    return lazy(this.run.gates!);
  }

  async bars(symbol: number): Promise<{ time: Float64Array; open: Float64Array; high: Float64Array; low: Float64Array; close: Float64Array; line: boolean } | null> {
    const entry = this.run.bars?.find((b) => b.symbol === symbol);
    if (!entry) return null;
    const raw: Bars = await lazy(entry.bars);
    const close = numbers(raw.close);
    const line = !raw.open || !raw.high || !raw.low;
    const of = (column: Bars["open"]) => (column ? numbers(column) : close);
    return { time: numbers(raw.time_ms), open: of(raw.open), high: of(raw.high), low: of(raw.low), close, line };
  }

  /** What led to a trade, oldest first; null where the report holds no chains. */
  async causes(row: number): Promise<Cause[] | null> {
    const trades = await this.trades();
    const where = trades.raw.chains;
    if (!where) return null;
    let chains: Chains;
    let at = row;
    if ("part" in where) {
      const part = Math.floor(row / where.rows_per_part);
      chains = await lazy<Chains>({ part: `${where.part}/${part}` });
      at = row - part * where.rows_per_part;
    } else {
      chains = where;
    }
    const times = numbers(chains.time_ms);
    const causes: Cause[] = [];
    for (let i = chains.offsets[at]; i < chains.offsets[at + 1]; i += 1) {
      causes.push({ time: times[i], place: chains.places[chains.place[i]] ?? "", text: chains.texts[chains.text[i]] ?? "" });
    }
    return causes;
  }

  private last: [number, string] | null = null;

  /** Selects a trade. `from` is the panel where it was chosen, or `show-price` or `show-table` to go there. */
  select(row: number, from: string): void {
    this.last = [row, from];
    if (from === "show-table") reveal("trades");
    if (from === "show-price") reveal("price");
    for (const tell of [...this.tellers]) tell(row, from);
  }

  onSelect(listener: (row: number, from: string) => void): void {
    this.tellers.add(listener);
    // A panel that was built because of a selection hears of it.
    if (this.last) listener(...this.last);
  }
}

/** The time that a report covers: from the runs' own words, or else from their data. */
export async function coverage(runs: Run[]): Promise<TimeWindow> {
  const times: number[] = [];
  for (const run of runs) {
    if (run.from_ms !== undefined && run.to_ms !== undefined) {
      times.push(run.from_ms, run.to_ms);
      continue;
    }
    if (run.equity) times.push(...extent(numbers((await lazy(run.equity)).time_ms)));
    else if (run.trades) times.push(...extent(numbers((await lazy(run.trades)).entry_ms)));
    else if (run.gates) times.push(...extent(numbers((await lazy(run.gates)).time_ms)));
  }
  const [from, to] = extent(times);
  return new TimeWindow({ from, to });
}

/** Rows of ascending times inside the window. */
export function inside(time: Float64Array, from: number, to: number): [number, number] {
  return [lowerBound(time, from), lowerBound(time, to + 1)];
}
