/** Decisions of the gates on a timeline, their counts, and the kill score. */

import type { Gates } from "../../data";
import { axis, ChartBox, legend, timeAxis, tip, tooltip, zooms } from "../chart";
import { numbers } from "../data";
import { h } from "../dom";
import type { Option } from "../echarts";
import { decimals, integer, iso, percent } from "../format";
import { decimated } from "../series";
import { tableBox } from "../table";
import type { Colours } from "../theme";
import { inside, type RunModel } from "./model";

const OUTCOMES = ["passed", "refused", "downgraded"];
/** Outcomes differ in colour, shape and place. */
const LOOKS = [
  { symbol: "circle", offset: 0.22, size: 6, colour: (c: Colours) => c.series[0] },
  { symbol: "triangle", offset: -0.22, size: 7, colour: (c: Colours) => c.series[1] },
  { symbol: "diamond", offset: 0, size: 8, colour: (c: Colours) => c.series[4] },
];
/** Most points of one outcome drawn at once. */
const POINTS_MAX = 1500;

interface Decisions {
  raw: Gates;
  time: Float64Array;
  gate: Float64Array;
  outcome: Float64Array;
  reason: Float64Array;
  symbol: Float64Array;
}

export async function gatesPanel(body: HTMLElement, model: RunModel): Promise<void> {
  const raw = await model.gates();
  const time = numbers(raw.time_ms);
  const of = (column: Gates["reason"]) => numbers(column, time.length);
  const d: Decisions = { raw, time, gate: of(raw.gate), outcome: of(raw.outcome), reason: of(raw.reason), symbol: of(raw.symbol) };
  const note = h("p", { class: "note" });
  body.append(timeline(model, d, (text) => (note.textContent = text)).element, note, h("h3", {}, "Decisions by gate and reason"), counts(d));
}

/** Rows of each outcome in the window, thinned evenly where there are too many. */
function points(d: Decisions, from: number, to: number): { rows: number[][]; shown: number; all: number } {
  const [first, last] = inside(d.time, from, to);
  const rows: number[][] = [[], [], []];
  for (let i = first; i < last; i += 1) rows[d.outcome[i]]?.push(i);
  const thin = rows.map((list) => {
    const every = Math.max(1, Math.ceil(list.length / POINTS_MAX));
    return every === 1 ? list : list.filter((_, i) => i % every === 0);
  });
  return { rows: thin, shown: thin.reduce((a, l) => a + l.length, 0), all: last - first };
}

function timeline(model: RunModel, d: Decisions, say: (text: string) => void): ChartBox {
  const { raw } = d;
  const window = model.window;
  const gates = raw.gates.length;
  const kill = raw.kill_score ? { time: numbers(raw.kill_score.time_ms), value: numbers(raw.kill_score.value) } : null;
  const series = (narrow: boolean): { id: string; data: unknown[] }[] => {
    const { from, to } = window.now;
    const p = points(d, from, to);
    say(p.shown < p.all ? `${integer(p.shown)} of ${integer(p.all)} decisions in the window are drawn; zoom in to see all.` : `${integer(p.all)} decisions in the window.`);
    const list: { id: string; data: unknown[] }[] = p.rows.map((rows, o) => ({ id: OUTCOMES[o], data: rows.map((i) => [d.time[i], gates - 1 - d.gate[i] + LOOKS[o].offset, i]) }));
    if (kill) list.push({ id: "kill", data: decimated(kill.time, kill.value, from, to, narrow ? 250 : 700) });
    return list;
  };
  const height = Math.max(220, gates * 46 + 110) + (kill ? 130 : 0);
  const about = (i: number): [string, string][] => {
    const rows: [string, string][] = [["gate", raw.gates[d.gate[i]] ?? ""], ["reason", raw.reasons[d.reason[i]] ?? "\u2013"]];
    if (raw.symbol) rows.push(["symbol", model.symbols[d.symbol[i]] ?? "\u2013"]);
    return rows;
  };
  return new ChartBox({
    window,
    height,
    describe: () => `${integer(d.time.length)} decisions of ${gates} gates over time: ${OUTCOMES.map((name, o) => `${integer(d.outcome.reduce((n, v) => n + (v === o ? 1 : 0), 0))} ${name}`).join(", ")}.`,
    option: (c, narrow): Option => {
      const left = narrow ? 92 : 150;
      const top = 36;
      const main = kill ? height - top - 36 - 130 : height - top - 62;
      return {
        grid: [{ left, right: 14, top, height: main }, ...(kill ? [{ left, right: 14, top: top + main + 34, height: 84 }] : [])],
        legend: legend(c, { data: OUTCOMES }),
        xAxis: [timeAxis(c, window, 0), ...(kill ? [{ ...timeAxis(c, window, 1), axisLabel: { show: false } }] : [])],
        yAxis: [
          {
            ...axis(c), type: "value", min: -0.5, max: gates - 0.5, interval: 1,
            axisLabel: { color: c.text, fontSize: 11, width: left - 14, overflow: "truncate", customValues: raw.gates.map((_, g) => g), formatter: (v: number) => raw.gates[gates - 1 - Math.round(v)] ?? "" },
            axisTick: { show: false }, splitLine: { lineStyle: { color: c.line, opacity: 0.6 } },
          },
          ...(kill ? [{ ...axis(c, "Kill score"), type: "value", gridIndex: 1, scale: true, splitNumber: 2, nameGap: 6, nameTextStyle: { color: c.muted, align: "left" }, axisLabel: { color: c.muted, formatter: (v: number) => decimals(v, 2) } }] : []),
        ],
        axisPointer: { link: [{ xAxisIndex: "all" }] },
        dataZoom: zooms(c, kill ? [0, 1] : [0], window),
        tooltip: tooltip(c, (p: { seriesName: string; value: number[] }) => (p.seriesName === "kill score" ? tip(iso(p.value[0]), [["kill score", decimals(p.value[1], 3)]]) : tip(`${p.seriesName}, ${iso(p.value[0])}`, about(p.value[2])))),
        series: [
          ...series(narrow).map((s, o) =>
            s.id === "kill"
              ? {
                  ...s, name: "kill score", type: "line", xAxisIndex: 1, yAxisIndex: 1, showSymbol: false, lineStyle: { width: 1.2 }, itemStyle: { color: c.series[3] }, symbol: "none",
                  markLine: raw.kill_score!.threshold === undefined ? undefined : { silent: true, symbol: "none", lineStyle: { color: c.bad }, label: { color: c.text, backgroundColor: c.panel, padding: 2, formatter: () => `kill at ${decimals(raw.kill_score!.threshold, 2)}`, position: "insideEndTop" }, data: [{ yAxis: raw.kill_score!.threshold }] },
                }
              : { ...s, name: s.id, type: "scatter", symbol: LOOKS[o].symbol, symbolSize: LOOKS[o].size, itemStyle: { color: LOOKS[o].colour(c), opacity: 0.75 }, progressive: 4000 },
          ),
        ],
      };
    },
    refine: (_, narrow) => ({ series: series(narrow) }),
    table: () => {
      const { from, to } = window.now;
      const [first, last] = inside(d.time, from, to);
      const col = (name: string, text: (i: number) => string) => ({ name, value: (r: number) => text(first + r), text: (r: number) => text(first + r) });
      return {
        label: "Decisions in the window shown",
        count: last - first,
        columns: [
          { name: "Time (UTC)", value: (r) => d.time[first + r], text: (r) => iso(d.time[first + r]) },
          col("Gate", (i) => raw.gates[d.gate[i]] ?? ""),
          col("Outcome", (i) => OUTCOMES[d.outcome[i]] ?? ""),
          col("Reason", (i) => raw.reasons[d.reason[i]] ?? ""),
          ...(raw.symbol ? [col("Symbol", (i: number) => model.symbols[d.symbol[i]] ?? "")] : []),
        ],
      };
    },
  });
}

/** How often each gate decided what, and why. */
function counts(d: Decisions): HTMLElement {
  const found = new Map<string, { gate: number; outcome: number; reason: number; count: number }>();
  const total = new Float64Array(d.raw.gates.length);
  for (let i = 0; i < d.time.length; i += 1) {
    const key = `${d.gate[i]}/${d.outcome[i]}/${d.reason[i]}`;
    const entry = found.get(key);
    if (entry) entry.count += 1;
    else found.set(key, { gate: d.gate[i], outcome: d.outcome[i], reason: d.reason[i], count: 1 });
    total[d.gate[i]] += 1;
  }
  const rows = [...found.values()].sort((a, b) => a.gate - b.gate || b.count - a.count);
  const text = (name: string, of: (r: (typeof rows)[number]) => string) => ({ name, value: (i: number) => of(rows[i]), text: (i: number) => of(rows[i]) });
  return tableBox({
    label: "Decisions by gate and reason",
    count: rows.length,
    rowsMax: 12,
    columns: [
      text("Gate", (r) => d.raw.gates[r.gate] ?? ""),
      text("Outcome", (r) => OUTCOMES[r.outcome] ?? ""),
      text("Reason", (r) => d.raw.reasons[r.reason] ?? "\u2013"),
      { name: "Decisions", numeric: true, value: (i) => rows[i].count, text: (i) => integer(rows[i].count) },
      { name: "Of the gate", numeric: true, value: (i) => rows[i].count / total[rows[i].gate], text: (i) => percent(rows[i].count / total[rows[i].gate], 1) },
    ],
  });
}
