/** The trials in a table, how far the sweep came, and what failed. */

import { choice, h, replace } from "../dom";
import { duration, integer, inUnit } from "../format";
import { type Col, Grid, tableBox } from "../table";
import type { SweepModel } from "./model";

export function progressPanel(body: HTMLElement, m: SweepModel): void {
  const p = m.sweep.progress;
  if (p) {
    const part = (n: number) => `width:${(100 * n) / Math.max(1, p.planned)}%`;
    body.append(
      h("p", {}, `${integer(p.done)} of ${integer(p.planned)} trials done, ${integer(p.failed)} failed.`, p.elapsed_ms !== undefined && ` Took ${duration(p.elapsed_ms)}.`, p.trials_per_second !== undefined && ` ${inUnit(p.trials_per_second)} trials a second.`),
      h("div", { class: "meter", role: "img", "aria-label": `${integer(p.done)} done, ${integer(p.failed)} failed, of ${integer(p.planned)}` }, h("span", { style: part(p.done) }), h("span", { class: "bad-part", style: part(p.failed) })),
    );
  }
  const failed = m.sweep.failed ?? [];
  if (failed.length === 0) return;
  const reasons = new Map<string, number>();
  for (const f of failed) reasons.set(f.reason, (reasons.get(f.reason) ?? 0) + 1);
  const list = [...reasons].sort((a, b) => b[1] - a[1]);
  body.append(
    h("h3", {}, "Why trials failed"),
    h("ul", {}, list.slice(0, 8).map(([reason, n]) => h("li", {}, `${integer(n)}: ${reason}`))),
    tableBox({
      label: "Failed trials",
      count: failed.length,
      rowsMax: 8,
      columns: [
        { name: "Trial", value: (r) => String(failed[r].id), text: (r) => String(failed[r].id) },
        { name: "Reason", value: (r) => failed[r].reason, text: (r) => failed[r].reason },
        { name: "Parameters", value: (r) => JSON.stringify(failed[r].parameters ?? {}), text: (r) => Object.entries(failed[r].parameters ?? {}).map(([k, v]) => `${k} ${v}`).join(", ") },
      ],
    }),
  );
}

/** Columns of every trial: id, objectives, parameters, other metrics, origin. */
export function trialColumns(m: SweepModel): Col[] {
  const measure = (i: number): Col => {
    const { name, unit, values, definition } = m.measures[i];
    return { name, title: definition, numeric: true, value: (r) => values[r], text: (r) => inUnit(values[r], unit) };
  };
  const objectives = m.objectives.length;
  const words = (name: string, list?: string[]): Col[] => (list ? [{ name, value: (r) => list[r] ?? null, text: (r) => list[r] ?? "" }] : []);
  return [
    { name: "Trial", value: (r) => (Number.isFinite(Number(m.ids[r])) ? Number(m.ids[r]) : m.ids[r]), text: (r) => m.ids[r] },
    ...m.objectives.map((_, i) => measure(i)),
    ...m.axes.map((a, i): Col => ({ name: m.axisName(i), title: a.path, numeric: !a.choices, value: (r) => (a.choices ? m.level(i, m.parameters[i][r]) : m.parameters[i][r]), text: (r) => m.level(i, m.parameters[i][r]) })),
    ...m.measures.slice(objectives).map((_, i) => measure(objectives + i)),
    ...words("Seed", m.trials.seed),
    ...words("Worker", m.trials.worker),
    ...words("Digest", m.trials.digest),
  ];
}

export function trialsPanel(body: HTMLElement, m: SweepModel): void {
  const objective = m.objectives[0];
  const grid = new Grid({ label: "Trials", columns: trialColumns(m), count: m.count, rowsMax: 14, sort: objective ? { column: 1, descending: objective.direction === "max" } : undefined });
  const best = h("p", {});
  const tell = (i: number) => {
    const o = m.objectives[i];
    const top = m.ranked(o)[0];
    replace(best, top === undefined ? "No trial has a value." : `Best by ${o.name} (${o.direction}): trial ${m.ids[top]} with ${inUnit(o.values[top], o.unit)}; ${m.parameterText(top)}.`);
    grid.sortBy(1 + i, o.direction === "max");
  };
  if (m.objectives.length > 0) {
    body.append(h("div", { class: "fields" }, choice("Best by", m.objectives.map((o) => o.name), 0, tell)), best);
    tell(0);
  }
  body.append(grid.element, h("p", { class: "note" }, `${integer(m.count)} trials. Arrow keys move, a column's name sorts.`));
}
