/** Thins long series to what a screen can show, and keeps several charts in one window of time. */

import { extent, lowerBound } from "./data";

export type Point = [number, number | null];

/** Least and greatest of each of `buckets` slices, in the order they came; all points where they are few. */
function thinned(time: ArrayLike<number>, value: ArrayLike<number>, from: number, to: number, buckets: number, out: Point[]): void {
  const push = (i: number) => out.push([time[i], Number.isNaN(value[i]) ? null : value[i]]);
  if (to - from <= buckets * 2) {
    for (let i = from; i < to; i += 1) push(i);
    return;
  }
  for (let b = 0; b < buckets; b += 1) {
    const first = from + Math.floor(((to - from) * b) / buckets);
    const last = from + Math.floor(((to - from) * (b + 1)) / buckets);
    let low = first;
    let high = first;
    for (let i = first; i < last; i += 1) {
      if (value[i] < value[low]) low = i;
      if (value[i] > value[high]) high = i;
    }
    push(Math.min(low, high));
    if (low !== high) push(Math.max(low, high));
  }
}

/** The series, fine inside [from, to] and coarse outside. No peak or trough is lost. */
export function decimated(time: ArrayLike<number>, value: ArrayLike<number>, from: number, to: number, buckets: number): Point[] {
  const first = Math.max(0, lowerBound(time, from) - 1);
  const last = Math.min(time.length, lowerBound(time, to + 1) + 1);
  const out: Point[] = [];
  thinned(time, value, 0, first, buckets >> 3, out);
  thinned(time, value, first, last, buckets, out);
  thinned(time, value, last, time.length, buckets >> 3, out);
  return out;
}

const STEPS = [1, 3, 5, 15, 30, 60, 120, 240, 480, 720, 1440, 4320, 10_080, 43_200].map((minutes) => minutes * 60_000);

export interface Candles {
  step: number;
  /** Time, open, close, low, high. */
  rows: [number, number, number, number, number][];
}

/** Bars put together to at most about `count` candles of a usual length inside [from, to]. */
export function candles(
  bars: { time: Float64Array; open: Float64Array; high: Float64Array; low: Float64Array; close: Float64Array },
  from: number,
  to: number,
  count: number,
): Candles {
  const own = bars.time.length > 1 ? bars.time[1] - bars.time[0] : 60_000;
  const wanted = Math.max(own, (to - from) / count);
  const step = wanted <= own ? own : (STEPS.find((s) => s >= wanted && s % own === 0) ?? Math.ceil(wanted / own) * own);
  const rows: Candles["rows"] = [];
  const first = lowerBound(bars.time, Math.floor(from / step) * step);
  for (let i = first; i < bars.time.length && bars.time[i] <= to; i += 1) {
    const bucket = Math.floor(bars.time[i] / step) * step;
    const row = rows[rows.length - 1];
    if (row && row[0] === bucket) {
      row[2] = bars.close[i];
      if (bars.low[i] < row[3]) row[3] = bars.low[i];
      if (bars.high[i] > row[4]) row[4] = bars.high[i];
    } else {
      rows.push([bucket, bars.open[i], bars.close[i], bars.low[i], bars.high[i]]);
    }
  }
  return { step, rows };
}

export interface Span {
  from: number;
  to: number;
}

/** The window of time that all charts of a run share. */
export class TimeWindow {
  readonly full: Span;
  now: Span;
  private readonly listeners = new Set<(origin: unknown) => void>();

  constructor(full: Span) {
    this.full = full.to > full.from ? full : { from: full.from, to: full.from + 1 };
    this.now = { ...this.full };
  }

  /** Tells every listener but does not say who may ignore it: `origin` does. */
  set(from: number, to: number, origin: unknown = null): void {
    const { full } = this;
    const length = Math.min(Math.max(to - from, 60_000), full.to - full.from);
    const start = Math.min(Math.max(from, full.from), full.to - length);
    this.now = { from: start, to: start + length };
    for (const listener of [...this.listeners]) listener(origin);
  }

  /** Moves by a part of its length, and zooms by a factor around its middle. */
  step(move: number, zoom: number): void {
    const length = this.now.to - this.now.from;
    const middle = (this.now.from + this.now.to) / 2 + move * length;
    this.set(middle - (length * zoom) / 2, middle + (length * zoom) / 2);
  }

  reset(): void {
    this.set(this.full.from, this.full.to);
  }

  listen(listener: (origin: unknown) => void): void {
    this.listeners.add(listener);
  }
}

/** A window around all of these times. */
export function windowOver(times: ArrayLike<number>[]): TimeWindow {
  const ends = times.filter((t) => t.length > 0).flatMap((t) => [t[0], t[t.length - 1]]);
  const [from, to] = extent(ends);
  return new TimeWindow({ from, to });
}
