/** The report of a sweep. */

import type { SweepReport } from "../../data";
import { lazy } from "../data";
import { header, notes, type Panel, page } from "../page";
import { heatmapPanel } from "./heatmap";
import { SweepModel } from "./model";
import { parallelPanel } from "./parallel";
import { overfittingPanel, walkForwardPanel } from "./robust";
import { neighboursPanel, paretoPanel, slicesPanel } from "./scatter";
import { progressPanel, trialsPanel } from "./trials";

export function showSweep(report: SweepReport): void {
  const { sweep } = report;
  let read: Promise<SweepModel> | undefined;
  const model = (): Promise<SweepModel> => (read ??= lazy(sweep.trials).then((t) => new SweepModel(sweep, t)));
  const known: [string, string | undefined][] = [
    ["Scenario", sweep.scenario],
    ["Sampler", sweep.sampler],
    ["Seed", sweep.seed],
    ["Version", sweep.version],
    ["Digest", sweep.digest],
    ["Objectives", sweep.objectives.map((o) => `${o.name} (${o.direction})`).join(", ")],
    ["Axes", sweep.axes.map((a) => a.name).join(", ")],
  ];
  const facts = [...known.filter((f): f is [string, string] => f[1] !== undefined), ...(sweep.facts ?? [])];
  const panel = (id: string, title: string, height: number, lead: string | undefined, draw: (body: HTMLElement, m: SweepModel) => void | Promise<void>, there: boolean, missing: string): Panel => ({
    id,
    title,
    height,
    lead,
    build: there ? async (body) => draw(body, await model()) : undefined,
    missing: sweep.missing?.[id] ?? missing,
  });
  const axes = sweep.axes.length;
  const objectives = sweep.objectives.length;
  const measures = !("part" in sweep.trials) ? objectives + (sweep.trials.metrics?.length ?? 0) : 2;
  const needs = "it needs at least one objective.";
  const panels: Panel[] = [
    panel("progress", "Progress", 120, undefined, progressPanel, sweep.progress !== undefined || (sweep.failed?.length ?? 0) > 0, "the sweep recorded no progress."),
    panel("trials", "Best trials", 620, undefined, trialsPanel, true, ""),
    panel("overfitting", "Overfitting", 560, "The best of many trials looks better than it is. These figures say by how much.", overfittingPanel, sweep.overfitting !== undefined, "no overfitting statistics were computed."),
    panel("heatmap", "Heat map", 620, undefined, heatmapPanel, axes >= 2 && objectives > 0, "it needs two axes and an objective."),
    panel("neighbours", "Stability of neighbours", 540, "On the dashed line a trial is as good as its neighbours. A lonely peak far above it is likely luck.", neighboursPanel, axes > 0 && objectives > 0, needs),
    panel("slices", "Along each axis", 700, undefined, slicesPanel, axes > 0 && objectives > 0, needs),
    panel("parallel", "Parallel coordinates", 860, "Drag along an axis to brush it; click the axis to clear.", parallelPanel, axes > 0 && objectives > 0, needs),
    panel("pareto", "Pareto front", 760, "Trials on the front are beaten by no other in both.", paretoPanel, measures >= 2 && objectives > 0, "it needs two objectives or metrics."),
    panel("walk_forward", "Walk forward", 1200, undefined, walkForwardPanel, sweep.walk_forward !== undefined, "the sweep has no walk-forward windows."),
  ];
  const extra = [notes("Warnings", sweep.warnings, { tone: "warn" }), notes("Assumptions", sweep.assumptions, { folded: true })].filter((n) => n !== null);
  page(header("Sweep", report.title ?? sweep.name, facts, extra), panels);
}
