/** The report of a run, or of two that are compared. */

import type { Run, RunReport } from "../../data";
import { button, h } from "../dom";
import { iso } from "../format";
import { header, type Panel, page } from "../page";
import { TimeWindow } from "../series";
import { breakdownPanel, excursionPanel } from "./breakdown";
import { comparePanel } from "./compare";
import { equityPanel } from "./equity";
import { gatesPanel } from "./gates";
import { cards, metricsTable, runNotes } from "./head";
import { coverage, RunModel } from "./model";
import { pricePanel } from "./price";
import { topologyPanel } from "./topology";
import { tradesPanel } from "./trades";

/** Shows the report; the time that it covers may have to be read first. */
export async function showRun(report: RunReport): Promise<void> {
  draw(report, 0, await coverage(report.runs));
}

function runFacts(run: Run): [string, string][] {
  const span = run.from_ms !== undefined && run.to_ms !== undefined ? `${iso(run.from_ms)} to ${iso(run.to_ms)}` : undefined;
  const known: [string, string | undefined][] = [
    ["Scenario", run.scenario],
    ["Time (UTC)", span],
    ["Seed", run.seed],
    ["Version", run.version],
    ["Digest", run.digest],
  ];
  return [...known.filter((f): f is [string, string] => f[1] !== undefined), ...(run.facts ?? [])];
}

function draw(report: RunReport, shown: number, covered: TimeWindow): void {
  const { runs, comparison } = report;
  const run = runs[shown];
  const two = runs.length > 1;
  const window = new TimeWindow(covered.full);
  const model = new RunModel(run, shown, window);
  const title = report.title ?? runs.map((r) => r.name).join(" and ");
  const facts = two ? [] : runFacts(run);
  const extra: Node[] = [];
  if (two) {
    for (const r of runs) extra.push(h("h3", {}, r.name), h("dl", { class: "facts" }, runFacts(r).map(([n, v]) => h("div", {}, h("dt", {}, n), h("dd", {}, v)))));
    const pick = (i: number) => button(runs[i].name, () => draw(report, i, covered), { "aria-pressed": String(i === shown), class: "small" });
    extra.push(h("div", { class: "fields", role: "group", "aria-label": "Run shown in the panels" }, h("span", { class: "lead" }, "Panels show:"), pick(0), pick(1)));
  }
  extra.push(...runNotes(runs));
  const why = (name: string) => run.missing?.[name];
  const of = two ? ` of ${run.name}` : "";
  const panels: Panel[] = [
    {
      id: "metrics", title: "Metrics", height: 300, missing: why("metrics"),
      lead: "Open a name to read its definition.",
      build: runs.some((r) => r.metrics?.length) ? (body) => {
        const top = cards(runs);
        if (top) body.append(top);
        metricsTable(runs, body);
      } : undefined,
    },
    ...(two ? [{ id: "comparison", title: "Comparison", height: 150, build: comparison ? (body: HTMLElement) => comparePanel(body, comparison, runs, (i) => draw(report, i, covered)) : undefined }] : []),
    { id: "equity", title: "Equity and drawdown", height: 500, missing: why("equity"), lead: "All charts over time share one window: zoom one, and the others follow. Ctrl and wheel zoom, drag moves; with the keyboard: arrows, +, \u2212 and 0.", build: runs.some((r) => r.equity) ? (body) => equityPanel(body, runs, window) : undefined },
    { id: "price", title: `Price and trades${of}`, height: 560, missing: why("bars"), lead: "Click a marker to select its trade.", build: run.bars?.length ? (body) => pricePanel(body, model) : undefined },
    { id: "trades", title: `Trades${of}`, height: 620, missing: why("trades"), build: run.trades ? (body) => tradesPanel(body, model, comparison?.trades_only?.[shown], runs[1 - shown]?.name ?? "") : undefined },
    { id: "gates", title: `Gate decisions${of}`, height: 700, missing: why("gates"), build: run.gates ? (body) => gatesPanel(body, model) : undefined },
    { id: "topology", title: `Streams and services${of}`, height: 1000, missing: why("topology"), build: run.topology ? (body) => topologyPanel(body, model) : undefined },
    { id: "by-symbol", title: `By symbol${of}`, height: 200, missing: why("by_symbol"), build: run.by_symbol ? (body) => breakdownPanel(body, run.by_symbol!, "Symbol") : undefined },
    { id: "by-reason", title: `By exit reason${of}`, height: 200, missing: why("by_reason"), build: run.by_reason ? (body) => breakdownPanel(body, run.by_reason!, "Exit reason") : undefined },
    { id: "excursions", title: `Excursions (MAE and MFE)${of}`, height: 500, missing: why("excursions"), build: run.trades ? (body) => excursionPanel(body, model) : undefined },
  ];
  page(header(two ? "Comparison of two runs" : "Run", title, facts, extra), panels);
}
