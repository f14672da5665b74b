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

  /** For each trial the median of the objective over its nearest trials, two an axis. */
  neighbourMedian(objective: number): { values: Float64Array; given: boolean } {
    const given = this.trials.neighbour_median?.[objective];
    if (given) return { values: numbers(given), given: true };
    const kept = this.neighbourValues.get(objective);
    if (kept) return { values: kept, given: false };
    const places = this.places();
    const wanted = Math.min(2 * this.axes.length, Math.max(1, this.count - 1));
    const values = this.objectives[objective].values;
    const out = new Float64Array(this.count).fill(NaN);
    const distance = new Float64Array(wanted);
    const nearest = new Int32Array(wanted);
    for (let i = 0; i < this.count; i += 1) {
      let found = 0;
      for (let j = 0; j < this.count; j += 1) {
        if (j === i || Number.isNaN(values[j])) continue;
        let d = 0;
        for (const place of places) {
          const step = place[i] - place[j];
          d += step * step;
        }
        if (found === wanted && d >= distance[found - 1]) continue;
        let at = found < wanted ? found : found - 1;
        while (at > 0 && distance[at - 1] > d) {
          distance[at] = distance[at - 1];
          nearest[at] = nearest[at - 1];
          at -= 1;
        }
        distance[at] = d;
        nearest[at] = j;
        if (found < wanted) found += 1;
      }
      if (found > 0) out[i] = median(Array.from(nearest.subarray(0, found), (j) => values[j]));
    }
    this.neighbourValues.set(objective, out);
    return { values: out, given: false };
  }
}

/** Ends of the colours of a measure: the middle 96 %, so that one outlier does not flatten the rest. */
export function rampEnds(values: ArrayLike<number>): [number, number] {
  const sorted = Float64Array.from(Array.from(values).filter(Number.isFinite)).sort();
  if (sorted.length === 0) return [0, 1];
  const low = sorted[Math.floor((sorted.length - 1) * 0.02)];
  const high = sorted[Math.ceil((sorted.length - 1) * 0.98)];
  return low < high ? [low, high] : extent(sorted);
}
