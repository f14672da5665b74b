/** Parallel coordinates: every trial a line, every axis can be brushed by mouse or by numbers. */

import { ChartBox } from "../chart";
import { extent } from "../data";
import { button, choice, h, replace } from "../dom";
import { general, integer, inUnit } from "../format";
import { Grid } from "../table";
import { ramp } from "./heatmap";
import { rampEnds, type SweepModel } from "./model";
import { trialColumns } from "./trials";

export function parallelPanel(body: HTMLElement, m: SweepModel): void {
  let objective = 0;
  const objectives = m.objectives;
  const dims = m.axes.length + objectives.length;
  const value = (dim: number, row: number) => (dim < m.axes.length ? m.parameters[dim][row] : objectives[dim - m.axes.length].values[row]);
  const name = (dim: number) => (dim < m.axes.length ? m.axisName(dim) : objectives[dim - m.axes.length].name);
  const rows: number[] = [];
  for (let i = 0; i < m.count; i += 1) if (!Number.isNaN(objectives[0].values[i])) rows.push(i);
  /** Brushed intervals of each dimension. */
  const brushed: ([number, number][] | null)[] = Array.from({ length: dims }, () => null);
  const inside = () => rows.filter((r) => brushed.every((list, d) => !list || list.some(([a, b]) => value(d, r) >= a && value(d, r) <= b)));
  const count = h("p", { class: "note", "aria-live": "polite" });
  const grid = new Grid({ label: "Trials inside the brushes", columns: trialColumns(m), count: m.count, rowsMax: 8, sort: { column: 1, descending: objectives[0].direction === "max" } });
  const tell = () => {
    const list = inside();
    grid.setRows(list);
    replace(count, brushed.some((b) => b) ? `${integer(list.length)} of ${integer(rows.length)} trials are inside the brushes.` : `${integer(rows.length)} trials; nothing is brushed.`);
  };
  const box = new ChartBox({
    height: 460,
    heightNarrow: 560,
    describe: () => `Parallel coordinates of ${integer(rows.length)} trials over ${Array.from({ length: dims }, (_, d) => name(d)).join(", ")}. The fields beneath brush by numbers.`,
    ready: (chart) => {
      chart.on("axisareaselected", () => {
        const option = chart.getOption() as { parallelAxis: { dim: number }[] };
        // The axes' own models keep the intervals; the option does not.
        const model = (chart as unknown as { getModel: () => any }).getModel();
        option.parallelAxis.forEach((a, i) => {
          const intervals = model.getComponent("parallelAxis", i).activeIntervals as [number, number][];
          brushed[a.dim] = intervals.length > 0 ? intervals.map(([x, y]) => [Math.min(x, y), Math.max(x, y)]) : null;
        });
        tell();
      });
    },
    option: (c, narrow) => {
      const o = objectives[objective];
      return {
        visualMap: ramp(c, rampEnds(o.values), o, { dimension: m.axes.length + objective, bottom: 0 }),
        parallel: {
          left: narrow ? 84 : 50, right: narrow ? 24 : 60, top: narrow ? 20 : 40, bottom: 64, layout: narrow ? "vertical" : "horizontal",
          parallelAxisDefault: {
            nameTextStyle: { color: c.text, fontSize: 11 },
            nameTruncate: { maxWidth: narrow ? 76 : 120, ellipsis: "\u2026" },
            nameLocation: narrow ? "start" : "end",
            axisLine: { lineStyle: { color: c.muted } },
            axisTick: { lineStyle: { color: c.muted } },
            axisLabel: { color: c.muted, fontSize: 10, textBorderColor: c.panel, textBorderWidth: 3 },
            areaSelectStyle: { width: 18, borderWidth: 1, borderColor: c.accent, color: c.accent, opacity: 0.3 },
          },
        },
        parallelAxis: Array.from({ length: dims }, (_, d) => {
          const a = m.axes[d];
          const choices = a?.choices;
          const [low, high] = extent(d < m.axes.length ? m.parameters[d] : objectives[d - m.axes.length].values);
          const unit = d < m.axes.length ? a.unit : objectives[d - m.axes.length].unit;
          return {
            dim: d,
            name: name(d),
            type: a?.log ? "log" : "value",
            min: low,
            max: low < high ? high : low + 1,
            interval: choices ? 1 : undefined,
            axisLabel: { color: c.muted, fontSize: 10, hideOverlap: true, formatter: (v: number) => (choices ? (choices[v] ?? "") : unit ? inUnit(+v.toPrecision(4), unit) : general(+v.toPrecision(4))) },
          };
        }),
        series: [
          {
            id: "trials",
            type: "parallel",
            lineStyle: { width: 1, opacity: rows.length > 1000 ? 0.25 : 0.5 },
            inactiveOpacity: 0.02,
            activeOpacity: rows.length > 1000 ? 0.6 : 0.9,
            progressive: 1000,
            data: rows.map((r) => Array.from({ length: dims }, (_, d) => value(d, r))),
          },
        ],
      };
    },
    table: () => {
      const list = inside();
      return { label: "Trials inside the brushes", count: list.length, columns: trialColumns(m).map((c) => ({ ...c, value: (i: number) => c.value(list[i]), text: (i: number) => c.text(list[i]) })) };
    },
  });
  const brush = (dim: number, interval: [number, number] | null) => {
    box.chart?.dispatchAction({ type: "axisAreaSelect", parallelAxisIndex: dim, intervals: interval ? [interval] : [] });
  };
  const ranges = Array.from({ length: dims }, (_, d) => range(name(d), (interval) => brush(d, interval)));
  body.append(
    h("div", { class: "fields" }, choice("Coloured by", objectives.map((o) => o.name), 0, (i) => ((objective = i), box.redraw())), button("Clear all brushes", () => {
      ranges.forEach((r, d) => {
        r.clear();
        brush(d, null);
      });
    })),
    box.element,
    h("details", {}, h("summary", {}, "Brush by numbers"), h("div", { class: "fields" }, ranges.map((r) => r.element))),
    count,
    grid.element,
  );
  tell();
}

/** Two numbers that make an interval; an empty one leaves that side open. */
function range(label: string, changed: (interval: [number, number] | null) => void): { element: HTMLElement; clear: () => void } {
  const input = (name: string) => h("input", { type: "number", step: "any", "aria-label": `${label}, ${name}`, placeholder: name, change: () => tell() });
  const low = input("from");
  const high = input("to");
  const tell = () => {
    if (low.value === "" && high.value === "") changed(null);
    else changed([low.value === "" ? -1e300 : Number(low.value), high.value === "" ? 1e300 : Number(high.value)]);
  };
  return {
    element: h("div", { class: "field" }, h("span", {}, label), h("div", { class: "range" }, low, high)),
    clear: () => {
      low.value = "";
      high.value = "";
    },
  };
}
