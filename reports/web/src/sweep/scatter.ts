/** Pareto front, stability of the neighbours, and the objective along each axis. */

import { axis, ChartBox, legend, tip, tooltip } from "../chart";
import { quantile } from "../data";
import { choice, h, replace } from "../dom";
import { general, integer, inUnit } from "../format";
import { Grid } from "../table";
import type { Colours } from "../theme";
import { type Measure, rampEnds, type SweepModel } from "./model";
import { trialColumns } from "./trials";

function valueAxis(c: Colours, m: Measure, up: boolean, narrow = false): Record<string, unknown> {
  const label = { color: c.muted, fontSize: 11, hideOverlap: true, formatter: (v: number) => (m.unit === "ratio" ? general(+v.toPrecision(6)) : inUnit(+v.toPrecision(6), m.unit)) };
  const place = up ? { nameGap: 8, nameTextStyle: { color: c.muted, align: "left" } } : { nameLocation: "middle", nameGap: 28, splitNumber: narrow ? 3 : 6 };
  return { ...axis(c, `${m.name} (${m.direction})`), type: "value", scale: true, axisLabel: label, ...place };
}

/** Trials that no other beats in both; in the order of the first. Ties in both all stay. */
export function front(a: Measure, b: Measure, count: number): number[] {
  const sa = a.direction === "max" ? -1 : 1;
  const sb = b.direction === "max" ? -1 : 1;
  const rows: number[] = [];
  for (let i = 0; i < count; i += 1) if (!Number.isNaN(a.values[i]) && !Number.isNaN(b.values[i])) rows.push(i);
  rows.sort((x, y) => sa * (a.values[x] - a.values[y]) || sb * (b.values[x] - b.values[y]) || x - y);
  const out: number[] = [];
  for (const row of rows) {
    const last = out[out.length - 1];
    if (last === undefined || sb * b.values[row] < sb * b.values[last]) out.push(row);
    else if (a.values[row] === a.values[last] && b.values[row] === b.values[last]) out.push(row);
  }
  return out;
}

function trialTip(m: SweepModel, row: number, extra: [string, string][]): HTMLElement {
  return tip(`Trial ${m.ids[row]}`, [...extra, ...m.axes.map((a, i): [string, string] => [a.name, m.level(i, m.parameters[i][row])])]);
}

export function paretoPanel(body: HTMLElement, m: SweepModel): void {
  if (m.measures.length < 2) {
    body.append(h("p", {}, "A front needs two objectives or metrics."));
    return;
  }
  const chosen = { x: 0, y: 1 };
  const pair = () => [m.measures[chosen.x], m.measures[chosen.y]] as const;
  const list = h("div", {});
  let best: number[] = [];
  const box = new ChartBox({
    height: 440,
    heightNarrow: 380,
    describe: () => `${integer(m.count)} trials by ${pair()[0].name} and ${pair()[1].name}; ${best.length} of them are on the Pareto front.`,
    option: (c, narrow) => {
      const [a, b] = pair();
      const on = new Set(best);
      const rest: number[] = [];
      for (let i = 0; i < m.count; i += 1) if (!on.has(i)) rest.push(i);
      const at = (r: number) => [a.values[r], b.values[r], r];
      return {
        grid: { left: narrow ? 62 : 84, right: 22, top: 52, bottom: 46 },
        legend: legend(c),
        xAxis: valueAxis(c, a, false, narrow),
        yAxis: valueAxis(c, b, true),
        tooltip: tooltip(c, (p: { value: number[] }) => trialTip(m, p.value[2], [[a.name, inUnit(p.value[0], a.unit)], [b.name, inUnit(p.value[1], b.unit)]])),
        series: [
          { name: "other trials", type: "scatter", symbolSize: 4, itemStyle: { color: c.muted, opacity: 0.45 }, data: rest.map(at), progressive: 4000 },
          { name: "Pareto front", type: "line", step: a.direction === "max" ? "start" : "end", symbol: "diamond", symbolSize: 10, showAllSymbol: true, itemStyle: { color: c.series[1] }, lineStyle: { width: 1.5 }, data: [...best].sort((x, y) => a.values[x] - a.values[y]).map(at), z: 5 },
        ],
      };
    },
    table: () => ({ label: "Trials on the Pareto front", count: best.length, columns: trialColumns(m).map((k) => ({ ...k, value: (i: number) => k.value(best[i]), text: (i: number) => k.text(best[i]) })) }),
  });
  const update = () => {
    best = front(...pair(), m.count);
    const grid = new Grid({ label: "Trials on the Pareto front", columns: trialColumns(m), count: m.count, rowsMax: 8 });
    grid.setRows(best);
    replace(list, h("h3", {}, `On the front: ${best.length} trials`), grid.element);
    box.redraw();
  };
  const names = m.measures.map((o) => o.name);
  body.append(h("div", { class: "fields" }, choice("Across", names, 0, (i) => ((chosen.x = i), update())), choice("Up", names, 1, (i) => ((chosen.y = i), update()))), box.element, list);
  update();
}

export async function neighboursPanel(body: HTMLElement, m: SweepModel): Promise<void> {
  let objective = 0;
  const note = h("p", { class: "note" });
  const compute = async () => {
    const o = m.objectives[objective];
    const { values, given } = await m.neighbourMedian(objective);
    const sign = o.direction === "max" ? 1 : -1;
    const gaps = o.values.map((v, i) => sign * (v - values[i]));
    const sorted = gaps.filter(Number.isFinite).sort();
    // Tukey's fence: a trial this far above its neighbours stands alone.
    const fence = quantile(sorted, 0.75) + 1.5 * (quantile(sorted, 0.75) - quantile(sorted, 0.25));
    const good = o.values.map((v) => sign * v).filter(Number.isFinite).sort();
    const high = quantile(good, 0.9);
    const lonely: number[] = [];
    const others: number[] = [];
    for (let i = 0; i < m.count; i += 1) {
      if (!Number.isFinite(gaps[i])) continue;
      (gaps[i] > fence && sign * o.values[i] >= high ? lonely : others).push(i);
    }
    lonely.sort((a, b) => gaps[b] - gaps[a] || a - b);
    return { o, values, given, gaps, lonely, others };
  };
  replace(body, h("p", { class: "note" }, "Comparing each trial with its neighbours\u2026"));
  let d = await compute();
  body.textContent = "";
  const box = new ChartBox({
    height: 440,
    heightNarrow: 380,
    describe: () => `${d.o.name} of each trial against the median of its neighbours. ${d.lonely.length} lonely peaks stand far above their neighbours.`,
    option: (c, narrow) => {
      const [low, high] = rampEnds(d.o.values);
      const at = (r: number) => [d.values[r], d.o.values[r], r];
      return {
        grid: { left: narrow ? 62 : 84, right: 22, top: 52, bottom: 46 },
        legend: legend(c, { data: ["trials", "lonely peaks"] }),
        xAxis: { ...valueAxis(c, d.o, false, narrow), name: `median of the neighbours' ${d.o.name}` },
        yAxis: valueAxis(c, d.o, true),
        tooltip: tooltip(c, (p: { value: number[] }) => trialTip(m, p.value[2], [[d.o.name, inUnit(p.value[1], d.o.unit)], ["neighbours' median", inUnit(p.value[0], d.o.unit)]])),
        series: [
          { name: "trials", type: "scatter", symbolSize: 4, itemStyle: { color: c.series[0], opacity: 0.5 }, data: d.others.map(at), progressive: 4000 },
          { name: "lonely peaks", type: "scatter", symbol: "diamond", symbolSize: 10, itemStyle: { color: c.series[1] }, data: d.lonely.map(at) },
          { name: "equal", type: "line", silent: true, showSymbol: false, tooltip: { show: false }, lineStyle: { color: c.muted, type: "dashed", width: 1 }, data: [[low, low], [high, high]] },
        ],
      };
    },
    table: () => {
      const rows = [...d.lonely, ...d.others];
      return {
        label: "Trials and their neighbours",
        count: rows.length,
        columns: [
          { name: "Trial", value: (i) => m.ids[rows[i]], text: (i) => m.ids[rows[i]] },
          { name: d.o.name, numeric: true, value: (i) => d.o.values[rows[i]], text: (i) => inUnit(d.o.values[rows[i]], d.o.unit) },
          { name: "Neighbours' median", numeric: true, value: (i) => d.values[rows[i]], text: (i) => inUnit(d.values[rows[i]], d.o.unit) },
          { name: "Above them by", numeric: true, value: (i) => d.gaps[rows[i]], text: (i) => inUnit(d.gaps[rows[i]], d.o.unit) },
          { name: "Lonely", value: (i) => (i < d.lonely.length ? "yes" : "no"), text: (i) => (i < d.lonely.length ? "yes" : "no") },
        ],
      };
    },
  });
  const tell = () => {
    const how = d.given ? "" : ` Neighbours here are the ${Math.min(2 * m.axes.length, m.count - 1)} nearest trials by rank on each axis.`;
    replace(note, `${d.lonely.length} lonely peaks: among the best tenth, and above their neighbours by more than Tukey's fence (third quartile and 1.5 interquartile ranges).${how}`);
  };
  tell();
  body.append(
    h("div", { class: "fields" }, choice("Objective", m.objectives.map((o) => o.name), 0, async (i) => {
      objective = i;
      const next = await compute();
      if (objective !== i) return;
      d = next;
      box.redraw();
      tell();
    })),
    box.element,
    note,
  );
}

export function slicesPanel(body: HTMLElement, m: SweepModel): void {
  let measure = 0;
  const boxes = m.axes.map((a, i) => slice(m, i, a.log === true, () => m.measures[measure]));
  body.append(
    h("div", { class: "fields" }, choice("Objective", m.measures.map((o) => o.name), 0, (i) => {
      measure = i;
      for (const box of boxes) box.redraw();
    })),
    h("div", { class: "pair" }, boxes.map((box, i) => h("div", {}, h("h3", {}, m.axisName(i)), box.element))),
  );
}

/** One axis: every trial a point, and the median of each step as a line. */
function slice(m: SweepModel, i: number, log: boolean, measure: () => Measure): ChartBox {
  const a = m.axes[i];
  const levels = m.levels[i];
  const few = levels.length <= 40;
  const medians = (): { at: number; low: number; mid: number; high: number; count: number }[] => {
    const bins = few ? levels.length : 20;
    const lists: number[][] = Array.from({ length: bins }, () => []);
    const place = new Map(Array.from(levels, (v, at) => [v, few ? at : Math.min(bins - 1, Math.floor((at * bins) / levels.length))]));
    for (let row = 0; row < m.count; row += 1) {
      const bin = place.get(m.parameters[i][row]);
      if (bin !== undefined && !Number.isNaN(measure().values[row])) lists[bin].push(measure().values[row]);
    }
    return lists.map((list, bin) => {
      const sorted = list.sort((x, y) => x - y);
      const at = few ? levels[bin] : levels[Math.min(levels.length - 1, Math.floor(((bin + 0.5) * levels.length) / bins))];
      return { at, low: quantile(sorted, 0.1), mid: quantile(sorted, 0.5), high: quantile(sorted, 0.9), count: list.length };
    });
  };
  return new ChartBox({
    height: 300,
    heightNarrow: 280,
    describe: () => {
      const list = medians();
      return `${measure().name} along ${a.name}: medians ${list.slice(0, 12).map((s) => `${m.level(i, s.at)}: ${inUnit(s.mid, measure().unit)}`).join("; ")}.`;
    },
    option: (c, narrow) => {
      const o = measure();
      const points: [number, number, number][] = [];
      for (let row = 0; row < m.count; row += 1) if (!Number.isNaN(o.values[row])) points.push([m.parameters[i][row], o.values[row], row]);
      const choices = a.choices;
      const list = medians();
      return {
        grid: { left: narrow ? 62 : 76, right: 18, top: 48, bottom: 32 },
        legend: legend(c, { data: ["trials", "median", "10 % and 90 %"] }),
        xAxis: {
          ...axis(c), type: log ? "log" : "value", scale: true, splitLine: { show: false }, ...(log ? { min: levels[0], max: levels[levels.length - 1] } : { boundaryGap: ["4%", "4%"] }), ...(choices ? { min: -0.5, max: choices.length - 0.5, interval: 0.5 } : {}),
          axisLabel: { color: c.muted, fontSize: 10, hideOverlap: true, formatter: (v: number) => (choices ? (choices[v] ?? "") : m.level(i, +v.toPrecision(4))) },
        },
        yAxis: { ...valueAxis(c, o, true), name: o.name },
        tooltip: tooltip(c, (p: { seriesName: string; value: number[] }) => (p.seriesName === "trials" ? trialTip(m, p.value[2], [[o.name, inUnit(p.value[1], o.unit)]]) : tip(m.level(i, p.value[0]), [[p.seriesName, inUnit(p.value[1], o.unit)]]))),
        series: [
          { name: "trials", type: "scatter", symbolSize: 3, itemStyle: { color: c.muted, opacity: 0.35 }, data: points, progressive: 4000 },
          { name: "median", type: "line", symbolSize: 7, symbol: "circle", itemStyle: { color: c.series[0] }, data: list.map((s) => [s.at, s.mid]) },
          ...(["low", "high"] as const).map((key) => ({ name: "10 % and 90 %", type: "line", showSymbol: false, itemStyle: { color: c.series[1] }, lineStyle: { type: "dashed", width: 1 }, data: list.map((s) => [s.at, s[key]]) })),
        ],
      };
    },
    table: () => {
      const list = medians();
      const o = measure();
      const col = (name: string, key: "low" | "mid" | "high") => ({ name, numeric: true, value: (r: number) => list[r][key], text: (r: number) => inUnit(list[r][key], o.unit) });
      return {
        label: `${o.name} along ${a.name}`,
        count: list.length,
        columns: [{ name: m.axisName(i), value: (r) => list[r].at, text: (r) => m.level(i, list[r].at) }, col("10 %", "low"), col("Median", "mid"), col("90 %", "high"), { name: "Trials", numeric: true, value: (r) => list[r].count, text: (r) => integer(list[r].count) }],
      };
    },
  });
}
