/** Walk-forward windows, and what is known of overfitting. */

import type { Overfitting } from "../../data";
import { axis, ChartBox, legend, tip, tooltip } from "../chart";
import { extent, lazy } from "../data";
import { h } from "../dom";
import { day, decimals, general, integer, inUnit, iso, percent } from "../format";
import { notes } from "../page";
import { curveChart } from "../run/equity";
import { metricsTable } from "../run/head";
import { curve } from "../run/model";
import { windowOver } from "../series";
import { tableBox, type TableData } from "../table";
import type { SweepModel } from "./model";

export async function walkForwardPanel(body: HTMLElement, m: SweepModel): Promise<void> {
  const w = await lazy(m.sweep.walk_forward!);
  const { windows, objective: o } = w;
  // Days alone would not tell short windows apart.
  const short = windows.some((x) => x.test_to_ms - x.test_from_ms < 86_400_000);
  const at = (ms: number) => (short ? iso(ms).slice(0, 16).replace("T", " ") : day(ms));
  // Of what is to be small no value is bad in itself: it is where it got larger.
  const worse = (test: number | null, train: number | null) => test !== null && (o.direction === "max" ? test < 0 : train !== null && test > train);
  const names = [...new Set(windows.flatMap((x) => Object.keys(x.parameters)))];
  const table = (): TableData => ({
    label: "Walk-forward windows",
    count: windows.length,
    columns: [
      { name: "Window", numeric: true, value: (r) => r + 1, text: (r) => String(r + 1) },
      { name: "Train from", value: (r) => windows[r].train_from_ms, text: (r) => at(windows[r].train_from_ms) },
      { name: "Train to", value: (r) => windows[r].train_to_ms, text: (r) => at(windows[r].train_to_ms) },
      { name: "Test from", value: (r) => windows[r].test_from_ms, text: (r) => at(windows[r].test_from_ms) },
      { name: "Test to", value: (r) => windows[r].test_to_ms, text: (r) => at(windows[r].test_to_ms) },
      { name: `${o.name}, train`, numeric: true, value: (r) => windows[r].train, text: (r) => inUnit(windows[r].train, o.unit) },
      { name: `${o.name}, test`, numeric: true, value: (r) => windows[r].test, text: (r) => inUnit(windows[r].test, o.unit), tone: (r) => (worse(windows[r].test, windows[r].train) ? "bad" : "") },
      ...names.map((name) => ({ name, numeric: windows.every((x) => typeof x.parameters[name] === "number"), value: (r: number) => windows[r].parameters[name] ?? null, text: (r: number) => inUnit(windows[r].parameters[name]) })),
    ],
  });
  const bars = new ChartBox({
    height: 340,
    heightNarrow: 320,
    describe: () => `${o.name} in training and in test for each of ${windows.length} windows.`,
    option: (c, narrow) => ({
      grid: { left: narrow ? 56 : 76, right: 14, top: 52, bottom: 44 },
      legend: legend(c),
      xAxis: { ...axis(c, "test window begins"), type: "category", nameLocation: "middle", nameGap: 26, data: windows.map((x) => at(x.test_from_ms)) },
      yAxis: { ...axis(c, o.name), type: "value", nameGap: 8, nameTextStyle: { color: c.muted, align: "left" }, axisLabel: { color: c.muted, formatter: (v: number) => (o.unit === "ratio" ? general(+v.toPrecision(6)) : inUnit(+v.toPrecision(6), o.unit)) } },
      tooltip: tooltip(c, (p: { dataIndex: number }) => {
        const x = windows[p.dataIndex];
        return tip(`Window ${p.dataIndex + 1}`, [["train", `${at(x.train_from_ms)} to ${at(x.train_to_ms)}: ${inUnit(x.train, o.unit)}`], ["test", `${at(x.test_from_ms)} to ${at(x.test_to_ms)}: ${inUnit(x.test, o.unit)}`], ...Object.entries(x.parameters).map(([k, v]): [string, string] => [k, inUnit(v)])]);
      }),
      series: [
        { name: "train", type: "bar", barMaxWidth: 26, itemStyle: { color: c.series[6], opacity: 0.55 }, data: windows.map((x) => x.train) },
        { name: "test", type: "bar", barMaxWidth: 26, itemStyle: { color: c.series[0] }, data: windows.map((x) => x.test) },
      ],
    }),
    table,
  });
  body.append(h("p", { class: "lead" }, `${w.scheme} windows, chosen by ${o.name} (${o.direction}) in training.`), bars.element, h("h3", {}, "Windows and what was chosen"), tableBox({ ...table(), rowsMax: 12 }));
  if (w.equity) {
    const c = curve(w.equity);
    body.append(h("h3", {}, "Out of sample, stitched together"), curveChart([{ name: "out of sample", curve: c }], windowOver([c.time])).element);
  }
}

export async function overfittingPanel(body: HTMLElement, m: SweepModel): Promise<void> {
  const o = await lazy(m.sweep.overfitting!);
  metricsTable([{ name: "", metrics: o.statistics }], body);
  const pair = h("div", { class: "pair" });
  if (o.logits && o.logits.length > 0) pair.append(h("div", {}, h("h3", {}, "Logits of the rank out of sample"), logits(o.logits).element, h("p", { class: "note" }, "Left of zero, the best in sample is below the median out of sample: the share of that side is the probability of backtest overfitting.")));
  if (o.degradation) pair.append(h("div", {}, h("h3", {}, "Performance degradation"), degradation(o.degradation).element, h("p", { class: "note" }, "Each point is a split: the best in sample, and the same trial out of sample.")));
  if (pair.childElementCount > 0) body.append(pair);
  const more = notes("Notes", o.notes);
  if (more) body.append(more);
}

function logits(values: number[]): ChartBox {
  const finite = values.filter(Number.isFinite);
  const [low, high] = extent(finite);
  // Zero is an edge of two bins, so that each bar is of one side.
  const width = Math.max((high - low) / 24, 1e-9);
  const first = Math.floor(low / width);
  const bins = Math.floor(high / width) - first + 1;
  const counts = new Array<number>(bins).fill(0);
  for (const v of finite) counts[Math.min(bins - 1, Math.floor(v / width) - first)] += 1;
  const at = (i: number) => (first + i) * width;
  const below = finite.filter((v) => v < 0).length;
  return new ChartBox({
    height: 300,
    describe: () => `Histogram of ${integer(finite.length)} logits; ${percent(below / Math.max(1, finite.length), 1)} are below zero.`,
    option: (c) => ({
      grid: { left: 50, right: 14, top: 16, bottom: 42 },
      xAxis: { ...axis(c, "logit"), type: "category", nameLocation: "middle", nameGap: 26, data: counts.map((_, i) => decimals(at(i), 2)) },
      yAxis: { ...axis(c), type: "value" },
      tooltip: tooltip(c, (p: { dataIndex: number }) => tip(`${decimals(at(p.dataIndex), 2)} to ${decimals(at(p.dataIndex + 1), 2)}`, [["splits", integer(counts[p.dataIndex])]])),
      series: [{ type: "bar", barCategoryGap: "6%", data: counts.map((n, i) => ({ value: n, itemStyle: { color: first + i < 0 ? c.series[1] : c.series[0] } })) }],
    }),
    table: () => ({
      label: "Logits",
      count: bins,
      columns: [
        { name: "From", numeric: true, value: (r) => at(r), text: (r) => decimals(at(r), 3) },
        { name: "To", numeric: true, value: (r) => at(r + 1), text: (r) => decimals(at(r + 1), 3) },
        { name: "Splits", numeric: true, value: (r) => counts[r], text: (r) => integer(counts[r]) },
      ],
    }),
  });
}

function degradation(d: NonNullable<Overfitting["degradation"]>): ChartBox {
  const [low, high] = extent(d.in_sample);
  const line = d.slope !== undefined && d.intercept !== undefined ? [low, high].map((x) => [x, d.intercept! + d.slope! * x]) : [];
  const lost = d.out_of_sample.filter((v) => v < 0).length;
  return new ChartBox({
    height: 300,
    describe: () => `Out of sample against in sample over ${integer(d.in_sample.length)} splits. ${percent(lost / Math.max(1, d.in_sample.length), 1)} lose out of sample.${d.slope === undefined ? "" : ` Slope ${decimals(d.slope, 3)}.`}`,
    option: (c) => ({
      grid: { left: 56, right: 14, top: 24, bottom: 42 },
      xAxis: { ...axis(c, "in sample"), type: "value", scale: true, nameLocation: "middle", nameGap: 26 },
      yAxis: { ...axis(c, "out of sample"), type: "value", scale: true, nameGap: 8, nameTextStyle: { color: c.muted, align: "left" } },
      tooltip: tooltip(c, (p: { value: number[] }) => tip("Split", [["in sample", decimals(p.value[0], 3)], ["out of sample", decimals(p.value[1], 3)]])),
      series: [
        { name: "splits", type: "scatter", symbolSize: 4, itemStyle: { color: c.series[0], opacity: 0.5 }, data: d.in_sample.map((v, i) => [v, d.out_of_sample[i]]), progressive: 4000 },
        { name: "fit", type: "line", silent: true, showSymbol: false, tooltip: { show: false }, itemStyle: { color: c.series[1] }, data: line },
      ],
    }),
    table: () => ({
      label: "Splits",
      count: d.in_sample.length,
      columns: [
        { name: "In sample", numeric: true, value: (r) => d.in_sample[r], text: (r) => decimals(d.in_sample[r], 4) },
        { name: "Out of sample", numeric: true, value: (r) => d.out_of_sample[r], text: (r) => decimals(d.out_of_sample[r], 4) },
      ],
    }),
  });
}

