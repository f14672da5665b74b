/** Headline figures, assumptions and warnings of one run, or of two side by side. */

import type { Metric, Run } from "../../data";
import { h } from "../dom";
import { inUnit, unitName } from "../format";
import { notes } from "../page";

export function cards(runs: Run[]): HTMLElement | null {
  const first = (runs[0].metrics ?? []).filter((m) => m.headline);
  if (first.length === 0) return null;
  return h(
    "div",
    { class: "cards" },
    first.map((metric) => {
      const other = runs[1]?.metrics?.find((m) => m.name === metric.name);
      return h(
        "div",
        { class: "card", title: metric.definition },
        h("span", {}, metric.name),
        h("strong", {}, inUnit(metric.value, metric.unit), unitName(metric.unit) && h("small", {}, ` ${unitName(metric.unit)}`)),
        other && h("small", {}, `other run: ${inUnit(other.value, other.unit)}`),
      );
    }),
  );
}

/** Name with its definition, unit and value; for two runs also their difference. */
export function metricsTable(runs: Run[], body: HTMLElement): void {
  const lists = runs.map((r) => r.metrics ?? []);
  const names: Metric[] = [...lists[0]];
  for (const metric of lists[1] ?? []) if (!names.some((m) => m.name === metric.name)) names.push(metric);
  const groups = [...new Set(names.map((m) => m.group ?? ""))];
  const holder = h("div", { class: runs.length > 1 ? "wide compared" : "metrics" });
  for (const group of groups) {
    const rows = names.filter((m) => (m.group ?? "") === group).map((m) => row(m, lists));
    holder.append(
      h(
        "table",
        {},
        h("caption", { class: "hidden" }, group || "Metrics"),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, group || "Metric"), headings(runs).map((name) => h("th", { scope: "col", class: "number" }, name)), h("th", { scope: "col" }, h("span", { class: "hidden" }, "Unit")))),
        h("tbody", {}, rows),
      ),
    );
  }
  body.append(holder);
}

function headings(runs: Run[]): string[] {
  return runs.length > 1 ? [...runs.map((r) => r.name), "Difference"] : ["Value"];
}

function row(metric: Metric, lists: Metric[][]): HTMLElement {
  const cells = lists.map((list) => list.find((m) => m.name === metric.name));
  const about = [metric.definition, metric.source && `Source: ${metric.source}`].filter(Boolean).join("\n");
  const name = about ? h("details", {}, h("summary", { title: metric.definition }, metric.name), h("p", {}, about)) : metric.name;
  const values = cells.map((m) => h("td", { class: "number" }, m ? inUnit(m.value, m.unit) : "\u2013"));
  if (lists.length > 1) values.push(difference(metric, cells));
  return h("tr", {}, h("th", { scope: "row" }, name), values, h("td", {}, unitName(metric.unit)));
}

function difference(metric: Metric, cells: (Metric | undefined)[]): HTMLTableCellElement {
  const [a, b] = cells.map((m) => m?.value);
  if (typeof a !== "number" || typeof b !== "number") {
    return h("td", { class: "number" }, a === b ? "same" : "differs");
  }
  const delta = b - a;
  const better = delta !== 0 && metric.better ? (metric.better === "higher") === delta > 0 : null;
  const word = better === null ? "" : better ? " better" : " worse";
  const text = delta === 0 ? "same" : `${delta > 0 ? "+" : ""}${inUnit(delta, metric.unit)}${word}`;
  return h("td", { class: `number ${better === null ? "" : better ? "good" : "bad"}` }, text);
}

export function runNotes(runs: Run[]): Node[] {
  const several = runs.length > 1;
  return runs
    .flatMap((run) => [
      notes(several ? `Warnings of ${run.name}` : "Warnings", run.warnings, { tone: "warn" }),
      notes(several ? `Assumptions of ${run.name}` : "Assumptions", run.assumptions, { folded: true }),
    ])
    .filter((n) => n !== null);
}
