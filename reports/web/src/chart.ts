/** A chart in its frame: description, zoom by keyboard, and the same data as a table. */

import { button, h, replace } from "./dom";
import { type Chart, echarts, type Option } from "./echarts";
import { iso } from "./format";
import type { TimeWindow } from "./series";
import { type TableData, tableBox } from "./table";
import { type Colours, colours, FONT, onTheme } from "./theme";

export interface ChartSpec {
  /** What it shows, in a sentence or two, for those who do not see it. */
  describe: () => string;
  option: (c: Colours, narrow: boolean) => Option;
  table: () => TableData;
  height: number;
  heightNarrow?: number;
  /** The shared window of time, for charts over time; `refine` gives what changes with it. */
  window?: TimeWindow;
  refine?: (c: Colours, narrow: boolean) => Option;
  ready?: (chart: Chart) => void;
}

const NARROW = 560;

/** All boxes on the page, so that printing and a new theme reach them. */
const boxes = new Set<ChartBox>();
onTheme(() => {
  for (const box of boxes) box.redraw();
});
addEventListener("beforeprint", () => {
  for (const box of boxes) box.chart?.resize();
});

export function forgetCharts(): void {
  for (const box of boxes) box.chart?.dispose();
  boxes.clear();
}

export class ChartBox {
  readonly element: HTMLElement;
  chart: Chart | null = null;
  private readonly canvas: HTMLElement;
  private readonly tableHolder: HTMLElement;
  private frame = 0;
  private narrow = false;

  constructor(private readonly spec: ChartSpec) {
    this.canvas = h("div", { class: "canvas", tabindex: 0, role: "img", keydown: (e: KeyboardEvent) => this.key(e) });
    this.tableHolder = h("div", { hidden: true });
    const toggle = button("Show as table", () => this.toggleTable(toggle), { "aria-pressed": "false", class: "small" });
    const tools = h("div", { class: "tools" });
    const window = spec.window;
    if (window) {
      tools.append(
        button("\u2212", () => window.step(0, 2), { "aria-label": "Zoom out", class: "small" }),
        button("+", () => window.step(0, 0.5), { "aria-label": "Zoom in", class: "small" }),
        button("\u2190", () => window.step(-0.5, 1), { "aria-label": "Earlier", class: "small" }),
        button("\u2192", () => window.step(0.5, 1), { "aria-label": "Later", class: "small" }),
        button("All", () => window.reset(), { class: "small", "aria-label": "Whole time" }),
      );
    }
    tools.append(toggle);
    this.element = h("div", { class: "chart" }, tools, this.canvas, this.tableHolder);
    boxes.add(this);
    window?.listen((origin) => this.follow(origin));
    new ResizeObserver(() => this.size()).observe(this.canvas);
  }

  private size(): void {
    const width = this.canvas.clientWidth;
    if (width === 0) return;
    const narrow = width < NARROW;
    const height = narrow ? (this.spec.heightNarrow ?? this.spec.height) : this.spec.height;
    this.canvas.style.height = `${height}px`;
    if (!this.chart) {
      this.narrow = narrow;
      this.chart = echarts.init(this.canvas, null, { width, height });
      (this.canvas as unknown as { chart: Chart }).chart = this.chart;
      this.chart.on("datazoom", (event) => this.zoomed(event as ZoomEvent));
      this.spec.ready?.(this.chart);
      this.redraw();
    } else {
      this.chart.resize({ width, height });
      if (narrow !== this.narrow) {
        this.narrow = narrow;
        this.redraw();
      }
    }
  }

  /** Draws all anew, from data and theme as they are now. */
  redraw(): void {
    const chart = this.chart;
    if (!chart || chart.isDisposed()) return;
    const c = colours();
    chart.setOption({ ...base(c), ...this.spec.option(c, this.narrow) }, { notMerge: true });
    this.applyWindow(c);
    this.canvas.setAttribute("aria-label", this.spec.describe());
    if (!this.tableHolder.hidden) replace(this.tableHolder, tableBox(this.spec.table()));
  }

  private applyWindow(c: Colours): void {
    const { window, refine } = this.spec;
    if (!window || !this.chart) return;
    const { from, to } = window.now;
    this.chart.dispatchAction({ type: "dataZoom", dataZoomIndex: 0, startValue: from, endValue: to }, { silent: true });
    if (refine) this.chart.setOption(refine(c, this.narrow));
  }

  private follow(origin: unknown): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (!this.chart || this.chart.isDisposed()) return;
      if (origin === this && this.spec.refine) this.chart.setOption(this.spec.refine(colours(), this.narrow));
      else this.applyWindow(colours());
    });
  }

  private zoomed(event: ZoomEvent): void {
    const window = this.spec.window;
    if (!window) return;
    const part = event.batch?.[0] ?? event;
    const { full } = window;
    const length = full.to - full.from;
    const from = part.startValue ?? full.from + (length * (part.start ?? 0)) / 100;
    const to = part.endValue ?? full.from + (length * (part.end ?? 100)) / 100;
    window.set(from, to, this);
  }

  private toggleTable(toggle: HTMLButtonElement): void {
    const show = this.tableHolder.hidden;
    this.tableHolder.hidden = !show;
    toggle.setAttribute("aria-pressed", String(show));
    toggle.textContent = show ? "Hide table" : "Show as table";
    if (show) replace(this.tableHolder, tableBox(this.spec.table()));
  }

  private key(event: KeyboardEvent): void {
    const window = this.spec.window;
    if (!window || event.ctrlKey || event.metaKey || event.altKey) return;
    const moves: Record<string, () => void> = {
      ArrowLeft: () => window.step(-0.2, 1),
      ArrowRight: () => window.step(0.2, 1),
      "+": () => window.step(0, 0.5),
      "=": () => window.step(0, 0.5),
      "-": () => window.step(0, 2),
      "0": () => window.reset(),
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  }
}

interface ZoomEvent {
  start?: number;
  end?: number;
  startValue?: number;
  endValue?: number;
  batch?: ZoomEvent[];
}

/** No animation: it costs time, and readers may have asked for less motion. */
function base(c: Colours): Option {
  return {
    animation: false,
    useUTC: true,
    backgroundColor: "transparent",
    color: c.series,
    textStyle: { color: c.text, fontFamily: FONT },
    aria: { enabled: false },
  };
}

/** What all axes look like. */
export function axis(c: Colours, name = ""): Record<string, unknown> {
  return {
    name,
    nameTextStyle: { color: c.muted, fontSize: 11 },
    axisLine: { onZero: false, lineStyle: { color: c.line } },
    axisTick: { lineStyle: { color: c.line } },
    axisLabel: { color: c.muted, fontSize: 11, hideOverlap: true },
    splitLine: { lineStyle: { color: c.line, opacity: 0.5 } },
    axisPointer: { lineStyle: { color: c.muted }, label: { show: false } },
  };
}

export function timeAxis(c: Colours, window: TimeWindow, gridIndex = 0): Record<string, unknown> {
  return { ...axis(c), type: "time", gridIndex, min: window.full.from, max: window.full.to, splitLine: { show: false }, axisLine: { onZero: false, lineStyle: { color: c.line } } };
}

/** A slider beneath; with a mouse also Ctrl and wheel, or drag. On a touch screen a drag scrolls the page. */
export function zooms(c: Colours, xAxisIndex: number[], window: TimeWindow): unknown[] {
  const shared = { xAxisIndex, filterMode: "none", startValue: window.now.from, endValue: window.now.to, minValueSpan: 60_000 };
  const slider = {
    ...shared,
    type: "slider",
    height: 22,
    bottom: 4,
    borderColor: c.line,
    textStyle: { color: c.muted, fontSize: 10 },
    labelFormatter: (value: number) => iso(value).slice(0, 16),
    showDetail: false,
    brushSelect: false,
    dataBackground: { lineStyle: { color: c.muted }, areaStyle: { color: c.line } },
    selectedDataBackground: { lineStyle: { color: c.accent }, areaStyle: { color: c.accent, opacity: 0.2 } },
    fillerColor: "rgba(128,128,128,0.15)",
    handleStyle: { color: c.panel, borderColor: c.muted },
    moveHandleStyle: { color: c.muted },
  };
  if (matchMedia("(pointer: coarse)").matches) return [slider];
  return [slider, { ...shared, type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false, preventDefaultMouseMove: false }];
}

export function legend(c: Colours, extra: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type: "scroll",
    top: 0,
    left: 0,
    right: 0,
    itemHeight: 10,
    itemWidth: 16,
    textStyle: { color: c.text, fontSize: 12 },
    inactiveColor: c.line,
    pageTextStyle: { color: c.muted },
    pageIconColor: c.text,
    pageIconInactiveColor: c.line,
    ...extra,
  };
}

/** A tooltip of elements, so that no text of the data becomes HTML. */
export function tooltip(c: Colours, content: (params: any) => HTMLElement | string, extra: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    confine: true,
    backgroundColor: c.panel,
    borderColor: c.line,
    textStyle: { color: c.text, fontSize: 12 },
    transitionDuration: 0,
    formatter: content,
    ...extra,
  };
}

export function tip(title: string, rows: [string, string][]): HTMLElement {
  return h(
    "div",
    { class: "tip" },
    h("strong", {}, title),
    rows.map(([name, value]) => h("div", { class: "tip-row" }, h("span", {}, name), h("span", { class: "number" }, value))),
  );
}
