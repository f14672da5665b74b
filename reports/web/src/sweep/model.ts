/** A sweep as its panels use it. */

import type { Axis, Objective, Sweep, Trials, Unit } from "../../data";
import { extent, median, numbers, texts } from "../data";
import { general, inUnit } from "../format";

export interface Measure {
  name: string;
  unit?: Unit;
  direction: "max" | "min";
  values: Float64Array;
  definition?: string;
}

export class SweepModel {
  readonly count: number;
  readonly ids: string[];
  readonly axes: Axis[];
  readonly parameters: Float64Array[];
  readonly objectives: Measure[];
  /** Objectives first, then the other metrics. */
  readonly measures: Measure[];
  /** Distinct values of each axis, ascending. */
  readonly levels: Float64Array[];
  private readonly neighbourValues = new Map<number, Float64Array>();

  constructor(
    readonly sweep: Sweep,
    readonly trials: Trials,
  ) {
    this.ids = texts(trials.id);
    this.count = this.ids.length;
    this.axes = sweep.axes;
    this.parameters = trials.parameters.map((c) => numbers(c));
    this.objectives = sweep.objectives.map((o: Objective, i) => ({ ...o, values: numbers(trials.objectives[i], this.count) }));
    this.measures = [
      ...this.objectives,
      ...(trials.metrics ?? []).map((m) => ({ name: m.name, unit: m.unit, definition: m.definition, direction: (m.better === "lower" ? "min" : "max") as "max" | "min", values: numbers(m.values) })),
    ];
    this.levels = this.parameters.map((values) => new Float64Array(new Set(values.filter((v) => !Number.isNaN(v)))).sort());
  }

  /** A parameter's value as text. */
  level(axis: number, value: number): string {
    const { choices, unit } = this.axes[axis];
    if (choices) return choices[value] ?? "\u2013";
    return unit ? inUnit(value, unit) : general(value);
  }

  axisName(axis: number): string {
    const { name, unit } = this.axes[axis];
    return unit && !["fraction", "ratio", "count", "ms"].includes(unit) ? `${name}, ${unit}` : name;
  }

  parameterText(trial: number): string {
    return this.axes.map((a, i) => `${a.name} ${this.level(i, this.parameters[i][trial])}`).join(", ");
  }

  /** Trials from the best to the worst; those without a value are left out. */
  ranked(measure: Measure): number[] {
    const sign = measure.direction === "max" ? -1 : 1;
    const rows: number[] = [];
    for (let i = 0; i < this.count; i += 1) if (!Number.isNaN(measure.values[i])) rows.push(i);
    return rows.sort((a, b) => sign * (measure.values[a] - measure.values[b]) || a - b);
  }

  /** Places of the trials on each axis, by rank, from 0 to 1: a step counts the same on every axis. */
  private places(): Float64Array[] {
    return this.parameters.map((values, axis) => {
      const levels = this.levels[axis];
      const rank = new Map<number, number>();
      levels.forEach((value, i) => rank.set(value, levels.length > 1 ? i / (levels.length - 1) : 0));
      return values.map((v) => rank.get(v) ?? 0.5);
    });
  }

  /** For each trial the median of the objective over its nearest trials, two an axis. Lets the page breathe. */
  async neighbourMedian(objective: number): Promise<{ values: Float64Array; given: boolean }> {
    const given = this.trials.neighbour_median?.[objective];
    if (given) return { values: numbers(given), given: true };
    const kept = this.neighbourValues.get(objective);
    if (kept) return { values: kept, given: false };
    const places = this.places();
    const depth = places.length;
    const flat = new Float64Array(this.count * depth);
    places.forEach((place, axis) => place.forEach((v, i) => (flat[i * depth + axis] = v)));
    const values = this.objectives[objective].values;
    const wanted = Math.min(2 * depth, Math.max(1, this.count - 1));
    const out = new Float64Array(this.count).fill(NaN);
    let began = performance.now();
    for (let i = 0; i < this.count; i += 1) {
      const near = nearest(flat, depth, values, i, wanted);
      if (near.length > 0) out[i] = median(near.map((j) => values[j]));
      if (performance.now() - began > 30) {
        await new Promise((go) => setTimeout(go));
        began = performance.now();
      }
    }
    this.neighbourValues.set(objective, out);
    return { values: out, given: false };
  }
}

/** The `wanted` trials with a value that are nearest to trial `i`; of equals the first. */
function nearest(flat: Float64Array, depth: number, values: Float64Array, i: number, wanted: number): number[] {
  const distance: number[] = [];
  const found: number[] = [];
  let worst = Infinity;
  for (let j = 0; j < values.length; j += 1) {
    if (j === i || values[j] !== values[j]) continue;
    let d = 0;
    for (let axis = 0; axis < depth && d < worst; axis += 1) {
      const step = flat[i * depth + axis] - flat[j * depth + axis];
      d += step * step;
    }
    if (d >= worst) continue;
    if (found.length === wanted) {
      found.pop();
      distance.pop();
    }
    let at = found.length;
    while (at > 0 && distance[at - 1] > d) at -= 1;
    distance.splice(at, 0, d);
    found.splice(at, 0, j);
    if (found.length === wanted) worst = distance[wanted - 1];
  }
  return found;
}

/** Ends of the colours of a measure: the middle 96 %, so that one outlier does not flatten the rest. */
export function rampEnds(values: ArrayLike<number>): [number, number] {
  const sorted = Float64Array.from(Array.from(values).filter(Number.isFinite)).sort();
  if (sorted.length === 0) return [0, 1];
  const low = sorted[Math.floor((sorted.length - 1) * 0.02)];
  const high = sorted[Math.ceil((sorted.length - 1) * 0.98)];
  return low < high ? [low, high] : extent(sorted);
}
