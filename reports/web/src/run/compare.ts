/** What differs between two runs. */

import type { Comparison, Run } from "../../data";
import { button, h } from "../dom";
import { integer, iso } from "../format";
import { notes } from "../page";

export function comparePanel(body: HTMLElement, comparison: Comparison, runs: Run[], show: (run: number) => void): void {
  const { first_difference: first, trades_only: only } = comparison;
  if (first === null) body.append(h("p", {}, "The journals are equal, entry for entry."));
  else if (first) {
    const when = first.time_ms === undefined ? "" : `, at ${iso(first.time_ms)}`;
    body.append(h("p", {}, `The journals first differ at entry ${integer(first.index)}${when}.`));
    if (first.before?.length) body.append(h("h3", {}, "Before it, in both"), first.before.map((text) => h("pre", {}, text)).reduce((a, p) => (a.append(p), a), h("div", {})));
    body.append(h("div", { class: "pair" }, h("div", {}, h("h3", {}, runs[0].name), h("pre", {}, first.a)), h("div", {}, h("h3", {}, runs[1].name), h("pre", {}, first.b))));
  }
  if (only) {
    const item = (i: number) =>
      h("li", {}, `${integer(only[i].length)} trades only in ${runs[i].name} `, only[i].length > 0 && button("Show this run", () => show(i), { class: "small" }));
    body.append(h("h3", {}, "Trades of one run alone"), h("ul", {}, item(0), item(1)), h("p", { class: "note" }, "The table of trades can show these alone: its filter \u201CCompared\u201D."));
  }
  const more = notes("Notes", comparison.notes);
  if (more) body.append(more);
}
