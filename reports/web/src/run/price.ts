/** Price of one symbol with its trades: entries, exits by reason, stops and liquidations. */

import type { ReasonKind } from "../../data";
import { axis, ChartBox, legend, timeAxis, tip, tooltip, zooms } from "../chart";
import { button, choice, h, replace } from "../dom";
import type { Option } from "../echarts";
import { duration, integer, iso, percent, price, tick, usdt } from "../format";
import { candles, decimated } from "../series";
import type { Colours } from "../theme";
import { inside, type RunModel, type TradeTable } from "./model";

/** Most trades marked at once, and on a narrow screen; beyond, the window is thinned and says so. */
const MARKED_MAX = 400;
const MARKED_MAX_NARROW = 120;

const KINDS: { kind: ReasonKind; name: string; symbol: string; colour: (c: Colours) => string }[] = [
  { kind: "target", name: "exit: target", symbol: "circle", colour: (c) => c.series[2] },
  { kind: "stop", name: "exit: stop", symbol: "rect", colour: (c) => c.series[1] },
  { kind: "trailing", name: "exit: trailing stop", symbol: "diamond", colour: (c) => c.series[4] },
  { kind: "time", name: "exit: time", symbol: "emptyCircle", colour: (c) => c.series[6] },
  { kind: "signal", name: "exit: signal", symbol: "roundRect", colour: (c) => c.series[5] },
  { kind: "liquidation", name: "liquidation", symbol: "path://M0 0 L3 0 L5 3 L7 0 L10 0 L6.5 5 L10 10 L7 10 L5 7 L3 10 L0 10 L3.5 5 Z", colour: (c) => c.bad },
  { kind: "other", name: "exit: other", symbol: "emptyRect", colour: (c) => c.series[3] },
];

type Bars = NonNullable<Awaited<ReturnType<RunModel["bars"]>>>;

interface Marks {
  longs: number[];
  shorts: number[];
  exits: Map<ReasonKind, number[]>;
  shown: number;
  all: number;
}

export async function pricePanel(body: HTMLElement, model: RunModel): Promise<void> {
  const listed = model.run.bars!.map((b) => b.symbol);
  const trades = model.run.trades ? await model.trades() : null;
  const chartHolder = h("div", {});
  const note = h("p", { class: "note" });
  const chosen = h("div", {});
  let box: ChartBox | null = null;
  let shownSymbol = listed[0];
  const picker = choice("Symbol", listed.map((s) => model.symbols[s] ?? String(s)), 0, (i) => void draw(listed[i]));
  const select = picker.querySelector("select")!;
  body.append(h("div", { class: "fields" }, picker), chartHolder, note, chosen);
  const draw = async (symbol: number): Promise<void> => {
    shownSymbol = symbol;
    select.value = String(listed.indexOf(symbol));
    const bars = await model.bars(symbol);
    if (!bars || symbol !== shownSymbol) return;
    const rows = trades ? rowsOf(trades, symbol) : [];
    box?.chart?.dispose();
    box = priceChart(model, model.symbols[symbol] ?? "", bars, trades, rows, (text) => replace(note, text), (row) => model.select(row, "price"));
    replace(chartHolder, box.element);
  };
  model.onSelect((row, from) => {
    if (!trades) return;
    replace(chosen, selectedTrade(model, trades, row));
    if (from !== "price" && from !== "show-price") return;
    if (from === "show-price" && listed.includes(trades.symbol[row])) void showTrade(model, trades, row, draw, shownSymbol);
  });
  await draw(shownSymbol);
}

async function showTrade(model: RunModel, trades: TradeTable, row: number, draw: (s: number) => Promise<void>, now: number): Promise<void> {
  if (trades.symbol[row] !== now) await draw(trades.symbol[row]);
  const from = trades.entry[row];
  const to = Number.isNaN(trades.exit[row]) ? from : trades.exit[row];
  const room = Math.max((to - from) * 1.5, 30 * 60_000);
  model.window.set(from - room, to + room);
}

function rowsOf(trades: TradeTable, symbol: number): number[] {
  const rows: number[] = [];
  for (let i = 0; i < trades.count; i += 1) if (trades.symbol[i] === symbol) rows.push(i);
  return rows;
}

/** Which markers stand in the window. Liquidations are always drawn; others thin out evenly. */
function marks(trades: TradeTable, rows: number[], from: number, to: number, most: number): Marks {
  const within = rows.filter((r) => trades.entry[r] <= to && !(trades.exit[r] < from));
  const every = Math.max(1, Math.ceil(within.length / most));
  const kept = within.filter((r, i) => i % every === 0 || trades.kind(r) === "liquidation");
  const exits = new Map<ReasonKind, number[]>();
  for (const row of kept) {
    if (Number.isNaN(trades.exit[row])) continue;
    const list = exits.get(trades.kind(row)) ?? [];
    list.push(row);
    exits.set(trades.kind(row), list);
  }
  return { longs: kept.filter((r) => trades.side[r] === 0), shorts: kept.filter((r) => trades.side[r] === 1), exits, shown: kept.length, all: within.length };
}

function priceChart(
  model: RunModel,
  name: string,
  bars: Bars,
  trades: TradeTable | null,
  rows: number[],
  say: (text: string) => void,
  pick: (row: number) => void,
): ChartBox {
  const window = model.window;
  const data = (narrow: boolean): { id: string; data: unknown[] }[] => {
    const { from, to } = window.now;
    const wide = candles(bars, from, to, narrow ? 90 : 260);
    const out: { id: string; data: unknown[] }[] = [
      bars.line
        ? { id: "price", data: decimated(bars.time, bars.close, from, to, narrow ? 300 : 900) }
        : { id: "price", data: wide.rows },
    ];
    let text = bars.line ? "" : `Each candle is ${duration(wide.step)}.`;
    if (trades) {
      const m = marks(trades, rows, from, to, narrow ? MARKED_MAX_NARROW : MARKED_MAX);
      const entry = (r: number) => ({ value: [trades.entry[r], trades.entryPrice[r]], row: r });
      out.push({ id: "longs", data: m.longs.map(entry) }, { id: "shorts", data: m.shorts.map(entry) });
      for (const { kind } of KINDS) out.push({ id: `exit-${kind}`, data: (m.exits.get(kind) ?? []).map((r) => ({ value: [trades.exit[r], trades.exitPrice[r]], row: r })) });
      const few = m.all <= 60 ? [...m.longs, ...m.shorts].filter((r) => !Number.isNaN(trades.stop[r])) : [];
      const stops = few.flatMap((r) => [[trades.entry[r], trades.stop[r]], [Number.isNaN(trades.exit[r]) ? to : trades.exit[r], trades.stop[r]], [null, null]]);
      out.push({ id: "stops", data: stops });
      text += m.shown < m.all ? ` ${integer(m.shown)} of ${integer(m.all)} trades in the window are marked, all liquidations among them; zoom in to see all.` : ` ${integer(m.all)} trades in the window.`;
    }
    say(text);
    return out;
  };
  const style = (c: Colours, id: string): Record<string, unknown> => {
    if (id === "price" && bars.line) return { name: "price", type: "line", showSymbol: false, lineStyle: { width: 1.2 }, itemStyle: { color: c.muted } };
    if (id === "price") return { name: "price", type: "candlestick", barMaxWidth: 12, itemStyle: { color: "transparent", color0: c.muted, borderColor: c.muted, borderColor0: c.muted } };
    const scatter = { type: "scatter", symbolSize: 11, z: 5, emphasis: { scale: 1.4 } };
    if (id === "longs") return { ...scatter, name: "entry long", symbol: "triangle", itemStyle: { color: c.series[0], borderColor: c.panel, borderWidth: 0.5 } };
    if (id === "shorts") return { ...scatter, name: "entry short", symbol: "path://M0 0 L10 0 L5 9 Z", itemStyle: { color: c.series[3], borderColor: c.panel, borderWidth: 0.5 } };
    if (id === "stops") return { name: "stop price", type: "line", symbol: "none", connectNulls: false, lineStyle: { width: 1.5, type: "dotted" }, itemStyle: { color: c.series[1] }, silent: true };
    const kind = KINDS.find((k) => id === `exit-${k.kind}`)!;
    return { ...scatter, symbolSize: kind.kind === "liquidation" ? 15 : 9, name: kind.name, symbol: kind.symbol, itemStyle: { color: kind.colour(c), borderColor: kind.symbol.startsWith("empty") ? undefined : c.panel, borderWidth: kind.symbol.startsWith("empty") ? 2 : 0.5 } };
  };
  const used = new Set<string>(["price", "longs", "shorts", "stops", ...(trades ? trades.reasons.map((r) => `exit-${r.kind}`) : [])]);
  const series = (narrow: boolean) => data(narrow).filter((s) => used.has(s.id));
  return new ChartBox({
    window,
    height: 460,
    heightNarrow: 400,
    describe: () => `Price of ${name} with ${rows.length} trades: entries as triangles, exits by their reason.`,
    ready: (chart) => chart.on("click", (event) => {
      const row = (event.data as { row?: number } | undefined)?.row;
      if (row !== undefined) pick(row);
    }),
    option: (c, narrow): Option => ({
      grid: { left: narrow ? 56 : 76, right: 14, top: narrow ? 50 : 40, bottom: 62 },
      legend: legend(c),
      xAxis: timeAxis(c, window),
      yAxis: { ...axis(c), type: "value", scale: true, axisLabel: { color: c.muted, formatter: (v: number) => tick(v) } },
      dataZoom: zooms(c, [0], window),
      tooltip: tooltip(c, (p: { seriesName: string; data: any; value: any }) => {
        const row = p.data?.row as number | undefined;
        if (row !== undefined && trades) return tip(`${p.seriesName}, trade ${trades.ids[row]}`, facts(trades, row));
        const v = p.value as number[];
        return bars.line ? tip(iso(v[0]), [["close", price(v[1])]]) : tip(iso(v[0]), [["open", price(v[1])], ["high", price(v[4])], ["low", price(v[3])], ["close", price(v[2])]]);
      }),
      series: series(narrow).map((s) => ({ ...s, ...style(c, s.id) })),
    }),
    refine: (_, narrow) => ({ series: series(narrow) }),
    table: () => {
      const { from, to } = window.now;
      const [first, last] = inside(bars.time, from, to);
      const col = (title: string, values: Float64Array) => ({ name: title, numeric: true, value: (r: number) => values[first + r], text: (r: number) => price(values[first + r]) });
      const prices = bars.line ? [col("Close", bars.close)] : [col("Open", bars.open), col("High", bars.high), col("Low", bars.low), col("Close", bars.close)];
      return {
        label: `Bars of ${name} in the window shown`,
        count: last - first,
        columns: [{ name: "Time (UTC)", value: (r) => bars.time[first + r], text: (r) => iso(bars.time[first + r]) }, ...prices],
      };
    },
  });
}

/** What there is to say about a trade. */
export function facts(trades: TradeTable, row: number): [string, string][] {
  const list: [string, string][] = [
    ["side", `${trades.sideName(row)} ${price(trades.qty[row])}`],
    ["entry", `${iso(trades.entry[row])} at ${price(trades.entryPrice[row])}`],
    ["exit", Number.isNaN(trades.exit[row]) ? "open" : `${iso(trades.exit[row])} at ${price(trades.exitPrice[row])}`],
    ["reason", trades.reasonName(row)],
    ["net profit", `${usdt(trades.pnl[row])} USDT`],
  ];
  if (!Number.isNaN(trades.ret[row])) list.push(["return", percent(trades.ret[row])]);
  if (!Number.isNaN(trades.stop[row])) list.push(["stop", price(trades.stop[row])]);
  return list;
}

function selectedTrade(model: RunModel, trades: TradeTable, row: number): HTMLElement {
  return h(
    "div",
    { class: "selected-box", "aria-live": "polite" },
    h("h3", {}, `Trade ${trades.ids[row]}, ${trades.symbolName(row)}`),
    h("dl", { class: "facts" }, facts(trades, row).map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)))),
    h("div", { class: "fields" }, button("Show in the table, with its causes", () => model.select(row, "show-table"), { class: "small" }), button("Zoom to it", () => model.select(row, "show-price"), { class: "small" })),
  );
}
