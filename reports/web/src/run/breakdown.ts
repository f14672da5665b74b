/** Metrics by symbol and by exit reason, and excursions of the trades. */

import type { Breakdown } from "../../data";
import { axis, ChartBox, legend, tip, tooltip } from "../chart";
import { extent } from "../data";
import { choice, h } from "../dom";
import { integer, inUnit, percent, tick, tickPercent, usdt } from "../format";
import { tableBox } from "../table";
import type { RunModel } from "./model";

export function breakdownPanel(body: HTMLElement, b: Breakdown, key: string): void {
  body.append(
    tableBox({
      label: `Metrics by ${key}`,
      count: b.keys.length,
      rowsMax: 20,
      columns: [
        { name: key, value: (r) => b.keys[r], text: (r) => b.keys[r] },
        ...b.metrics.map((m) => ({
          name: m.name,
          title: m.definition,
          numeric: true,
          value: (r: number) => m.values[r] ?? null,
          text: (r: number) => inUnit(m.values[r], m.unit),
          tone: (r: number) => (m.unit === "USDT" && (m.values[r] ?? 0) < 0 ? "bad" : ""),
        })),
      ],
    }),
  );
}

/** Most points drawn; beyond, every n-th trade stands for its neighbours. */
const POINTS_MAX = 5000;

export async function excursionPanel(body: HTMLElement, model: RunModel): Promise<void> {
  const t = await model.trades();
  let across = 0;
  const names = ["MAE", "MFE"];
  const values = () => (across === 0 ? t.mae : t.mfe);
  const all: number[] = [];
  for (let i = 0; i < t.count; i += 1) if (!Number.isNaN(t.mae[i]) && !Number.isNaN(t.mfe[i]) && !Number.isNaN(t.pnl[i])) all.push(i);
  if (all.length === 0) {
    body.append(h("p", {}, "The trades have no excursions."));
    return;
  }
  const every = Math.max(1, Math.ceil(all.length / POINTS_MAX));
  const rows = all.filter((_, i) => i % every === 0);
  const outcome = (r: number) => (t.ret[r] === t.ret[r] ? t.ret[r] : t.pnl[r]);
  const ratio = t.raw.ret !== undefined;
  const box = new ChartBox({
    height: 420,
    heightNarrow: 360,
    describe: () => `Each trade by its ${across === 0 ? "most adverse" : "most favourable"} excursion and what it earned; ${all.length} trades.`,
    ready: (chart) => chart.on("click", (e) => model.select((e.value as number[])[2], "show-table")),
    option: (c, narrow) => ({
      grid: { left: narrow ? 58 : 76, right: 20, top: 44, bottom: 44 },
      legend: legend(c, { data: ["won", "lost"] }),
      xAxis: { ...axis(c, `${names[across]}, of the entry price`), type: "value", nameLocation: "middle", nameGap: 26, axisLabel: { color: c.muted, formatter: (v: number) => tickPercent(v) } },
      yAxis: { ...axis(c, ratio ? "Return" : "Net, USDT"), type: "value", nameGap: 8, nameTextStyle: { color: c.muted, align: "left" }, axisLabel: { color: c.muted, formatter: (v: number) => (ratio ? tickPercent(v) : tick(v)) } },
      tooltip: tooltip(c, (p: { value: number[] }) => {
        const r = p.value[2];
        return tip(`Trade ${t.ids[r]}, ${t.symbolName(r)}`, [["MAE", percent(t.mae[r])], ["MFE", percent(t.mfe[r])], ["net", `${usdt(t.pnl[r])} USDT`], ["reason", t.reasonName(r)]]);
      }),
      series: [0, 1].map((lost) => ({
        name: lost ? "lost" : "won",
        type: "scatter",
        symbol: lost ? "triangle" : "circle",
        symbolSize: rows.length > 3000 ? 4 : 6,
        progressive: 4000,
        itemStyle: { color: c.series[lost], opacity: rows.length > 3000 ? 0.35 : 0.65 },
        data: rows.filter((r) => (t.pnl[r] < 0 ? 1 : 0) === lost).map((r) => [values()[r], outcome(r), r]),
      })),
    }),
    table: () => ({
      label: "Excursions",
      count: all.length,
      columns: [
        { name: "Trade", value: (r) => t.ids[all[r]], text: (r) => t.ids[all[r]] },
        { name: "Symbol", value: (r) => t.symbolName(all[r]), text: (r) => t.symbolName(all[r]) },
        { name: "MAE", numeric: true, value: (r) => t.mae[all[r]], text: (r) => percent(t.mae[all[r]]) },
        { name: "MFE", numeric: true, value: (r) => t.mfe[all[r]], text: (r) => percent(t.mfe[all[r]]) },
        { name: "Net, USDT", numeric: true, value: (r) => t.pnl[all[r]], text: (r) => usdt(t.pnl[all[r]]) },
      ],
    }),
  });
  const [worst] = extent(t.mae);
  body.append(
    h("div", { class: "fields" }, choice("Excursion", ["adverse (MAE)", "favourable (MFE)"], 0, (i) => ((across = i), box.redraw()))),
    box.element,
    h("p", { class: "note" }, every > 1 ? `One of ${every} of the ${integer(all.length)} trades is drawn; the table has all. ` : "", `Worst adverse excursion: ${percent(worst)}. Click a point to see the trade.`),
  );
}
