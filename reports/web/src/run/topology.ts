/** Services and streams as a graph, with counts and lag on what connects them. */

import dagre from "@dagrejs/dagre";
import type { Topology } from "../../data";
import { ChartBox, legend, tip, tooltip } from "../chart";
import { extent, lazy } from "../data";
import { button, choice, h, replace } from "../dom";
import type { Option } from "../echarts";
import { duration, integer } from "../format";
import { Grid } from "../table";
import type { RunModel } from "./model";

const KINDS = ["service", "stream", "exchange", "other"] as const;
const SYMBOLS = ["roundRect", "circle", "diamond", "rect"];

/** Room around the graph for labels, in pixels. */
const MARGIN = { side: 70, sideNarrow: 44, top: 50, bottom: 36 };
const HEIGHT = 560;

interface Placed {
  x: number[];
  y: number[];
}

/** Layers from left to right (or from top to bottom where it is narrow), by dagre. */
function place(t: Topology, vertical: boolean): Placed {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: vertical ? "TB" : "LR", nodesep: vertical ? 26 : 14, ranksep: vertical ? 50 : 90 });
  graph.setDefaultEdgeLabel(() => ({}));
  t.nodes.forEach((_, i) => graph.setNode(String(i), { width: vertical ? 70 : 30, height: 20 }));
  t.edges.forEach((e, i) => graph.setEdge(String(e.from), String(e.to), {}, String(i)));
  dagre.layout(graph);
  const of = (axis: "x" | "y") => t.nodes.map((_, i) => Number(graph.node(String(i))[axis]));
  return { x: of("x"), y: of("y") };
}

export async function topologyPanel(body: HTMLElement, model: RunModel): Promise<void> {
  const t = await lazy(model.run.topology!);
  const count = Math.max(1, ...t.edges.map((e) => e.count));
  const layouts = new Map<boolean, Placed>();
  const layout = (narrow: boolean): Placed => {
    let placed = layouts.get(narrow);
    if (!placed) layouts.set(narrow, (placed = place(t, narrow)));
    return placed;
  };
  const about = h("div", { "aria-live": "polite" });
  let zoom = 1;
  let focus = -1;
  const near = (i: number): boolean => focus < 0 || i === focus || t.edges.some((e) => (e.from === focus && e.to === i) || (e.to === focus && e.from === i));
  const box = new ChartBox({
    height: HEIGHT,
    describe: () => `${t.nodes.length} services and streams, joined by ${t.edges.length} connections that carried ${integer(t.edges.reduce((a, e) => a + e.count, 0))} messages.`,
    ready: (chart) => chart.on("click", (e) => e.dataType === "node" && show(e.dataIndex)),
    option: (c, narrow): Option => {
      // The layout is stretched to the room there is, and then drawn one to one: symbols keep their shape.
      const side = narrow ? MARGIN.sideNarrow : MARGIN.side;
      const room = { x: Math.max(100, (box.chart?.getWidth() ?? 800) - 2 * side), y: HEIGHT - MARGIN.top - MARGIN.bottom };
      const placed = layout(narrow);
      const x = spread(placed.x, room.x);
      const y = spread(placed.y, room.y);
      return {
        legend: legend(c, { data: KINDS.filter((k) => t.nodes.some((n) => n.kind === k)).map((name) => ({ name, icon: SYMBOLS[KINDS.indexOf(name)] })) }),
        tooltip: tooltip(c, (p: { dataType: string; dataIndex: number }) => (p.dataType === "edge" ? edgeTip(t, p.dataIndex) : nodeTip(t, p.dataIndex))),
        series: [
          {
            id: "graph",
            type: "graph",
            layout: "none",
            roam: "move",
            zoom,
            left: side,
            top: MARGIN.top,
            width: room.x,
            height: room.y,
            categories: KINDS.map((name, i) => ({ name, symbol: SYMBOLS[i] })),
            edgeSymbol: ["none", "arrow"],
            edgeSymbolSize: 6,
            label: { show: true, position: "bottom", distance: 3, color: c.text, fontSize: narrow ? 9 : 10, formatter: (p: { dataIndex: number }) => t.nodes[p.dataIndex].name },
            labelLayout: { hideOverlap: true },
            emphasis: { focus: "adjacency" },
            data: t.nodes.map((n, i) => ({
              name: String(i),
              x: x[i],
              y: y[i],
              category: Math.max(0, KINDS.indexOf(n.kind)),
              symbol: SYMBOLS[Math.max(0, KINDS.indexOf(n.kind))],
              symbolSize: n.kind === "service" ? 17 : 12,
              itemStyle: { opacity: near(i) ? 1 : 0.15, borderColor: (n.dead_letters ?? 0) + (n.dropped ?? 0) > 0 ? c.bad : i === focus ? c.text : c.panel, borderWidth: (n.dead_letters ?? 0) + (n.dropped ?? 0) > 0 || i === focus ? 3 : 1 },
              label: { show: near(i) },
            })),
            links: t.edges.map((e) => ({
              source: String(e.from),
              target: String(e.to),
              lineStyle: { width: 0.8 + 4 * (Math.log1p(e.count) / Math.log1p(count)), color: (e.dead_letters ?? 0) + (e.dropped ?? 0) > 0 ? c.bad : c.muted, opacity: focus < 0 ? 0.45 : e.from === focus || e.to === focus ? 0.9 : 0.06, curveness: 0.12 },
            })),
          },
        ],
      };
    },
    table: () => connections(t, t.edges.map((_, i) => i)),
  });
  const names = t.nodes.map((n, i) => ({ name: n.name, i })).sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const picker = choice("Service or stream", ["all", ...names.map((n) => n.name)], 0, (at) => show(at === 0 ? -1 : names[at - 1].i));
  const show = (node: number): void => {
    focus = node;
    picker.querySelector("select")!.value = String(node < 0 ? 0 : names.findIndex((n) => n.i === node) + 1);
    box.redraw();
    const rows = t.edges.map((_, i) => i).filter((i) => node < 0 || t.edges[i].from === node || t.edges[i].to === node);
    const table = new Grid({ ...connections(t, rows), rowsMax: 10, sort: { column: 2, descending: true } });
    const title = node < 0 ? "All connections" : `Connections of ${t.nodes[node].name}`;
    const note = node < 0 ? null : (t.nodes[node].note ?? null);
    replace(about, h("h3", {}, title), note && h("p", { class: "note" }, note), table.element);
  };
  const scale = (factor: number) => {
    zoom = factor === 0 ? 1 : Math.min(8, Math.max(0.5, zoom * factor));
    box.redraw();
  };
  body.append(
    h("div", { class: "fields" }, picker, button("\u2212", () => scale(1 / 1.5), { "aria-label": "Smaller" }), button("+", () => scale(1.5), { "aria-label": "Larger" }), button("Fit", () => scale(0))),
    box.element,
    h("p", { class: "note" }, "Thicker: more messages. Red rim or line: dead letters or drops. Click a node, or choose it above, to see what it is connected to; drag to move."),
    about,
  );
  show(-1);
}

/** The values from 0 to `room`. */
function spread(values: number[], room: number): number[] {
  const [low, high] = extent(values);
  return values.map((v) => ((v - low) / Math.max(1e-9, high - low)) * room);
}

function nodeTip(t: Topology, i: number): HTMLElement {
  const n = t.nodes[i];
  const sum = (of: (e: Topology["edges"][number]) => boolean) => t.edges.filter(of).reduce((a, e) => a + e.count, 0);
  return tip(`${n.kind} ${n.name}`, [
    ["in", integer(sum((e) => e.to === i))],
    ["out", integer(sum((e) => e.from === i))],
    ["dead letters", integer(n.dead_letters ?? 0)],
    ["dropped", integer(n.dropped ?? 0)],
  ]);
}

function edgeTip(t: Topology, i: number): HTMLElement {
  const e = t.edges[i];
  return tip(`${t.nodes[e.from].name} \u2192 ${t.nodes[e.to].name}`, [
    ["messages", integer(e.count)],
    ["lag p50", duration(e.lag_p50_ms)],
    ["lag p99", duration(e.lag_p99_ms)],
    ["dead letters", integer(e.dead_letters ?? 0)],
    ["dropped", integer(e.dropped ?? 0)],
  ]);
}

function connections(t: Topology, rows: number[]) {
  const of = (r: number) => t.edges[rows[r]];
  const number = (name: string, value: (r: number) => number | undefined, text: (v: number | undefined) => string) => ({ name, numeric: true, value: (r: number) => value(r) ?? null, text: (r: number) => text(value(r)) });
  const tone = (of: (r: number) => number | undefined) => (r: number) => ((of(r) ?? 0) > 0 ? "bad" : "");
  return {
    label: "Connections",
    count: rows.length,
    columns: [
      { name: "From", value: (r: number) => t.nodes[of(r).from].name, text: (r: number) => t.nodes[of(r).from].name },
      { name: "To", value: (r: number) => t.nodes[of(r).to].name, text: (r: number) => t.nodes[of(r).to].name },
      number("Messages", (r) => of(r).count, integer),
      number("Lag p50", (r) => of(r).lag_p50_ms, duration),
      number("Lag p99", (r) => of(r).lag_p99_ms, duration),
      { ...number("Dead letters", (r) => of(r).dead_letters ?? 0, integer), tone: tone((r) => of(r).dead_letters) },
      { ...number("Dropped", (r) => of(r).dropped ?? 0, integer), tone: tone((r) => of(r).dropped) },
    ],
  };
}
