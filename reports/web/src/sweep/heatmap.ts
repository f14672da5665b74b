/** An objective over two axes, the others put together. */

import { axis, ChartBox, tip, tooltip } from "../chart";
import { median } from "../data";
import { choice, h } from "../dom";
import { integer, inUnit } from "../format";
import type { Colours } from "../theme";
import { type Measure, rampEnds, type SweepModel } from "./model";

const WAYS = ["mean", "best", "worst", "median"] as const;
/** An axis with more distinct values is cut into this many ranges of equal counts. */
const LEVELS_MAX = 24;

interface Cells {
  x: string[];
  y: string[];
  /** Column, row, value, trials. */
  cells: [number, number, number, number][];
}

/** Steps of an axis: each value its own, or ranges where there are many. */
function steps(m: SweepModel, axisIndex: number): { names: string[]; of: (value: number) => number } {
  const levels = m.levels[axisIndex];
  if (levels.length <= LEVELS_MAX) {
    const place = new Map(Array.from(levels, (v, i) => [v, i]));
    return { names: Array.from(levels, (v) => m.level(axisIndex, v)), of: (v) => place.get(v) ?? -1 };
  }
  const bins = 12;
  const edges = Array.from({ length: bins + 1 }, (_, i) => levels[Math.round(((levels.length - 1) * i) / bins)]);
  const names = edges.slice(0, -1).map((edge, i) => `${m.level(axisIndex, edge)} to ${m.level(axisIndex, edges[i + 1])}`);
  const of = (v: number) => {
    let i = 0;
    while (i < bins - 1 && v >= edges[i + 1]) i += 1;
    return i;
  };
  return { names, of };
}

function aggregate(values: number[], way: (typeof WAYS)[number], direction: "max" | "min"): number {
  if (way === "median") return median(values);
  if (way === "mean") return values.reduce((a, v) => a + v, 0) / values.length;
  return (way === "best") === (direction === "max") ? values.reduce((a, v) => Math.max(a, v)) : values.reduce((a, v) => Math.min(a, v));
}

function cells(m: SweepModel, measure: Measure, x: number, y: number, way: (typeof WAYS)[number]): Cells {
  const across = steps(m, x);
  const up = steps(m, y);
  const found = new Map<number, number[]>();
  for (let i = 0; i < m.count; i += 1) {
    const value = measure.values[i];
    const column = across.of(m.parameters[x][i]);
    const row = up.of(m.parameters[y][i]);
    if (Number.isNaN(value) || column < 0 || row < 0) continue;
    const key = row * across.names.length + column;
    const list = found.get(key);
    if (list) list.push(value);
    else found.set(key, [value]);
  }
  const out: Cells["cells"] = [...found].sort((a, b) => a[0] - b[0]).map(([key, list]) => [key % across.names.length, Math.floor(key / across.names.length), aggregate(list, way, measure.direction), list.length]);
  return { x: across.names, y: up.names, cells: out };
}

export function ramp(c: Colours, ends: [number, number], measure: Measure, extra: Record<string, unknown> = {}): Record<string, unknown> {
  // Bright is good, whichever way the objective points.
  const colours = measure.direction === "max" ? c.ramp : [...c.ramp].reverse();
  return {
    type: "continuous",
    min: ends[0],
    max: ends[1],
    calculable: false,
    orient: "horizontal",
    left: "center",
    bottom: 0,
    itemHeight: 160,
    itemWidth: 12,
    text: [inUnit(ends[1], measure.unit), inUnit(ends[0], measure.unit)],
    textStyle: { color: c.muted, fontSize: 11 },
    inRange: { color: colours },
    formatter: (v: number) => inUnit(v, measure.unit),
    ...extra,
  };
}

export function heatmapPanel(body: HTMLElement, m: SweepModel): void {
  const chosen = { x: 0, y: Math.min(1, m.axes.length - 1), measure: 0, way: 0 };
  const data = () => cells(m, m.measures[chosen.measure], chosen.x, chosen.y, WAYS[chosen.way]);
  const box = new ChartBox({
    height: 480,
    heightNarrow: 420,
    describe: () => {
      const { cells: list } = data();
      const measure = m.measures[chosen.measure];
      const sign = measure.direction === "max" ? 1 : -1;
      const best = list.reduce((a, cell) => (sign * cell[2] > sign * a[2] ? cell : a), list[0]);
      const d = data();
      return `Heat map of ${measure.name} (${WAYS[chosen.way]}) over ${m.axisName(chosen.x)} and ${m.axisName(chosen.y)}. ${best ? `Best cell: ${d.x[best[0]]}, ${d.y[best[1]]} with ${inUnit(best[2], measure.unit)}.` : "No values."}`;
    },
    option: (c, narrow) => {
      const d = data();
      const measure = m.measures[chosen.measure];
      const labels = !narrow && d.x.length * d.y.length <= 150;
      const ends = rampEnds(d.cells.map((cell) => cell[2]));
      return {
        grid: { left: narrow ? 70 : 120, right: 16, top: 26, bottom: 92 },
        xAxis: { ...axis(c, m.axisName(chosen.x)), type: "category", data: d.x, nameLocation: "middle", nameGap: 30, splitArea: { show: false }, axisLabel: { color: c.muted, fontSize: 10, hideOverlap: true, formatter: (_: string, i: number) => d.x[i] } },
        yAxis: { ...axis(c, m.axisName(chosen.y)), type: "category", data: d.y, nameGap: 8, axisLabel: { color: c.muted, fontSize: 10, width: narrow ? 60 : 110, overflow: "truncate" } },
        visualMap: ramp(c, ends, measure, { dimension: 2 }),
        tooltip: tooltip(c, (p: { value: number[] }) => tip(inUnit(p.value[2], measure.unit), [[m.axisName(chosen.x), d.x[p.value[0]]], [m.axisName(chosen.y), d.y[p.value[1]]], ["trials", integer(p.value[3])], ["put together by", WAYS[chosen.way]]])),
        series: [
          {
            id: "cells",
            type: "heatmap",
            // The colour of a label follows its cell: dark on bright, light on dark.
            data: d.cells.map((cell) => ({ value: cell, label: { color: (cell[2] - ends[0]) / (ends[1] - ends[0]) > 0.5 === (measure.direction === "max") ? "#111" : "#fff" } })),
            label: { show: labels, fontSize: 10, formatter: (p: { value: number[] }) => inUnit(p.value[2], measure.unit) },
            itemStyle: { borderColor: c.panel, borderWidth: 1 },
            emphasis: { itemStyle: { borderColor: c.text, borderWidth: 2 } },
          },
        ],
      };
    },
    table: () => {
      const d = data();
      const measure = m.measures[chosen.measure];
      return {
        label: "Cells of the heat map",
        count: d.cells.length,
        columns: [
          { name: m.axisName(chosen.x), value: (r) => d.cells[r][0], text: (r) => d.x[d.cells[r][0]] },
          { name: m.axisName(chosen.y), value: (r) => d.cells[r][1], text: (r) => d.y[d.cells[r][1]] },
          { name: `${measure.name}, ${WAYS[chosen.way]}`, numeric: true, value: (r) => d.cells[r][2], text: (r) => inUnit(d.cells[r][2], measure.unit) },
          { name: "Trials", numeric: true, value: (r) => d.cells[r][3], text: (r) => integer(d.cells[r][3]) },
        ],
      };
    },
  });
  const names = m.axes.map((_, i) => m.axisName(i));
  const pick = (key: keyof typeof chosen) => (i: number) => {
    chosen[key] = i;
    box.redraw();
  };
  body.append(
    h("div", { class: "fields" }, choice("Across", names, chosen.x, pick("x")), choice("Up", names, chosen.y, pick("y")), choice("Objective", m.measures.map((o) => o.name), 0, pick("measure")), choice("Over the other axes", [...WAYS], 0, pick("way"))),
    box.element,
    h("p", { class: "note" }, "Bright is good. Colours end at the 2nd and 98th percentile of the cells. An axis of many values is cut into ranges."),
  );
}
