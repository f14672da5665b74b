/** Equity above drawdown, one window of time for both; two runs are drawn together. */

import type { Run } from "../../data";
import { axis, ChartBox, legend, timeAxis, tip, tooltip, zooms } from "../chart";
import { extent, lazy, lowerBound } from "../data";
import type { Option } from "../echarts";
import { iso, percent, tick, tickPercent, usdt } from "../format";
import { decimated, type TimeWindow } from "../series";
import { type Curve, curve } from "./model";

export async function equityPanel(body: HTMLElement, runs: Run[], window: TimeWindow): Promise<void> {
  const all: { name: string; curve: Curve }[] = [];
  for (const run of runs) if (run.equity) all.push({ name: run.name, curve: curve(await lazy(run.equity)) });
  body.append(curveChart(all, window).element);
}

/** Equity and drawdown of each curve. */
export function curveChart(all: { name: string; curve: Curve }[], window: TimeWindow): ChartBox {
  const lines = (narrow: boolean) =>
    all.flatMap(({ curve: c }, i) => {
      const { from, to } = window.now;
      const buckets = narrow ? 300 : 900;
      return [
        { id: `equity-${i}`, data: decimated(c.time, c.equity, from, to, buckets) },
        { id: `drawdown-${i}`, data: decimated(c.time, c.drawdown, from, to, buckets) },
      ];
    });
  const styled = (narrow: boolean, colour: string[]): unknown[] =>
    lines(narrow).map((line, at) => {
      const i = at >> 1;
      const down = at % 2 === 1;
      return {
        ...line,
        name: all[i].name,
        type: "line",
        step: false,
        showSymbol: false,
        xAxisIndex: down ? 1 : 0,
        yAxisIndex: down ? 1 : 0,
        lineStyle: { width: 1.4, type: i === 0 ? "solid" : "dashed" },
        itemStyle: { color: colour[i] },
        areaStyle: down && i === 0 ? { opacity: 0.18 } : undefined,
        emphasis: { disabled: true },
      };
    });
  const at = (c: Curve, time: number): number => Math.max(0, Math.min(c.time.length - 1, lowerBound(c.time, time + 1) - 1));
  return new ChartBox({
    window,
    height: 460,
    heightNarrow: 400,
    describe: () =>
      all
        .map(({ name, curve: c }) => {
          const [low] = extent(c.drawdown);
          const last = c.equity.length - 1;
          return `Equity of ${name} from ${usdt(c.equity[0])} to ${usdt(c.equity[last])} USDT between ${iso(c.time[0])} and ${iso(c.time[last])}; deepest drawdown ${percent(low)}.`;
        })
        .join(" "),
    option: (c, narrow): Option => ({
      grid: [
        { left: narrow ? 52 : 76, right: 14, top: 46, height: "48%" },
        { left: narrow ? 52 : 76, right: 14, top: "65%", bottom: 58 },
      ],
      legend: all.length > 1 ? legend(c, { data: all.map((a) => a.name) }) : undefined,
      xAxis: [{ ...timeAxis(c, window, 0), axisLabel: { show: false } }, timeAxis(c, window, 1)],
      yAxis: [
        { ...axis(c, "Equity, USDT"), type: "value", scale: true, nameGap: 12, nameTextStyle: { color: c.muted, align: "left" }, axisLabel: { color: c.muted, formatter: (v: number) => tick(v) } },
        { ...axis(c, "Drawdown"), type: "value", gridIndex: 1, max: 0, splitNumber: 3, nameGap: 8, nameTextStyle: { color: c.muted, align: "left" }, axisLabel: { color: c.muted, formatter: (v: number) => tickPercent(v) } },
      ],
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      dataZoom: zooms(c, [0, 1], window),
      tooltip: tooltip(
        c,
        (params: { axisValue: number }[]) => {
          const time = Number(params[0]?.axisValue);
          return tip(iso(time), all.flatMap(({ name, curve: k }) => {
            const i = at(k, time);
            return [[all.length > 1 ? `${name}: equity` : "equity", usdt(k.equity[i])], ["drawdown", percent(k.drawdown[i])]] as [string, string][];
          }));
        },
        { trigger: "axis" },
      ),
      series: styled(narrow, c.series),
    }),
    refine: (_, narrow) => ({ series: lines(narrow) }),
    table: () => {
      const time = all[0].curve.time;
      const { from, to } = window.now;
      const first = lowerBound(time, from);
      const count = lowerBound(time, to + 1) - first;
      const of = (row: number, c: Curve) => (c === all[0].curve ? first + row : at(c, time[first + row]));
      return {
        label: "Equity and drawdown in the window shown",
        count,
        columns: [
          { name: "Time (UTC)", value: (r) => time[first + r], text: (r) => iso(time[first + r]) },
          ...all.flatMap(({ name, curve: c }) => [
            { name: all.length > 1 ? `Equity, ${name}` : "Equity, USDT", numeric: true, value: (r: number) => c.equity[of(r, c)], text: (r: number) => usdt(c.equity[of(r, c)]) },
            { name: "Drawdown", numeric: true, value: (r: number) => c.drawdown[of(r, c)], text: (r: number) => percent(c.drawdown[of(r, c)]) },
          ]),
        ],
      };
    },
  });
}
