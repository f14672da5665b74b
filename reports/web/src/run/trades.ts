/** The table of trades: filters, and a cause chain behind each row. */

import { button, choice, h, replace } from "../dom";
import { duration, integer, iso, percent, price, usdt } from "../format";
import { type Col, Grid } from "../table";
import { facts } from "./price";
import { type RunModel, SIDES, type TradeTable } from "./model";

export async function tradesPanel(body: HTMLElement, model: RunModel, only: number[] | undefined, elsewhere: string): Promise<void> {
  const trades = await model.trades();
  const grid = new Grid({
    label: "Trades",
    columns: columns(trades),
    count: trades.count,
    rowsMax: 16,
    detail: (row) => detail(model, trades, row),
    detailHeight: 300,
    selected: (row) => model.select(row, "table"),
  });
  const state = { symbol: 0, side: 0, reason: 0, text: "", only: false };
  const count = h("p", { class: "note", "aria-live": "polite" });
  const search = h("input", { type: "search", autocomplete: "off", placeholder: "id, symbol, reason\u2026" });
  const apply = () => {
    state.text = search.value.trim().toLowerCase();
    const rows = filtered(trades, state, only);
    grid.setRows(rows);
    let sum = 0;
    for (const row of rows) if (!Number.isNaN(trades.pnl[row])) sum += trades.pnl[row];
    replace(count, `${integer(rows.length)} of ${integer(trades.count)} trades, net ${usdt(sum)} USDT. Arrow keys move, Enter opens the cause chain.`);
  };
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(apply, 120);
  });
  const fields = h(
    "div",
    { class: "fields" },
    choice("Symbol", ["all", ...model.symbols], 0, (i) => ((state.symbol = i), apply())),
    choice("Exit reason", ["all", ...trades.reasons.map((r) => r.name), "open"], 0, (i) => ((state.reason = i), apply())),
    choice("Side", ["both", ...SIDES], 0, (i) => ((state.side = i), apply())),
    h("label", { class: "field" }, h("span", {}, "Search"), search),
  );
  if (only) fields.append(choice("Compared", ["all trades", `not in ${elsewhere}`], 0, (i) => ((state.only = i === 1), apply())));
  body.append(fields, grid.element, count);
  apply();
  model.onSelect((row, from) => {
    if (from !== "show-table") return;
    if (!grid.show(row)) {
      // A filter hides it: what was asked for goes before the filter.
      for (const select of fields.querySelectorAll("select")) select.value = "0";
      search.value = "";
      Object.assign(state, { symbol: 0, side: 0, reason: 0, only: false });
      apply();
      grid.show(row);
    }
    grid.element.focus({ preventScroll: true });
    grid.element.scrollIntoView({ block: "center" });
  });
}

interface Filter {
  symbol: number;
  side: number;
  reason: number;
  text: string;
  only: boolean;
}

function filtered(trades: TradeTable, f: Filter, only: number[] | undefined): Int32Array {
  const out = new Int32Array(trades.count);
  const among = f.only && only ? new Set(only) : null;
  // Names are few, so the text is looked for once a name and not once a row.
  const has = (names: string[]) => names.map((name) => name.toLowerCase().includes(f.text));
  const symbols = has(trades.symbols);
  const reasons = has(trades.reasons.map((r) => r.name));
  const sides = has(SIDES);
  const open = "open".includes(f.text);
  let count = 0;
  for (let row = 0; row < trades.count; row += 1) {
    const reason = trades.reason[row];
    if (f.symbol && trades.symbol[row] !== f.symbol - 1) continue;
    if (f.side && trades.side[row] !== f.side - 1) continue;
    if (f.reason && (f.reason > trades.reasons.length ? !Number.isNaN(reason) : reason !== f.reason - 1)) continue;
    if (among && !among.has(row)) continue;
    if (f.text) {
      const found = symbols[trades.symbol[row]] || (Number.isNaN(reason) ? open : reasons[reason]) || sides[trades.side[row]] || trades.ids[row].toLowerCase().includes(f.text);
      if (!found) continue;
    }
    out[count] = row;
    count += 1;
  }
  return out.subarray(0, count);
}

function columns(t: TradeTable): Col[] {
  const number = (name: string, values: Float64Array, text: (v: number) => string, title?: string, tone = false): Col => ({
    name,
    title,
    numeric: true,
    value: (r) => values[r],
    text: (r) => text(values[r]),
    tone: tone ? (r) => (values[r] > 0 ? "good" : values[r] < 0 ? "bad" : "") : undefined,
  });
  const list: (Col | null)[] = [
    { name: "Id", value: (r) => (Number.isFinite(Number(t.ids[r])) ? Number(t.ids[r]) : t.ids[r]), text: (r) => t.ids[r] },
    { name: "Symbol", value: (r) => t.symbolName(r), text: (r) => t.symbolName(r) },
    { name: "Side", value: (r) => t.sideName(r), text: (r) => t.sideName(r) },
    number("Net, USDT", t.pnl, usdt, "Profit after fees and funding", true),
    t.raw.ret ? number("Return", t.ret, (v) => percent(v), "Net profit by entry notional", true) : null,
    { name: "Reason", value: (r) => t.reasonName(r), text: (r) => t.reasonName(r) },
    number("Entry (UTC)", t.entry, iso),
    number("Exit (UTC)", t.exit, (v) => (Number.isNaN(v) ? "open" : iso(v))),
    number("Quantity", t.qty, price),
    number("Entry price", t.entryPrice, price),
    number("Exit price", t.exitPrice, price),
    { name: "Held", numeric: true, value: (r) => t.exit[r] - t.entry[r], text: (r) => duration(t.exit[r] - t.entry[r]) },
    t.raw.fees ? number("Fees", t.fees, usdt) : null,
    t.raw.funding ? number("Funding", t.funding, usdt) : null,
    t.raw.slippage ? number("Slippage", t.slippage, usdt) : null,
    t.raw.mae ? number("MAE", t.mae, (v) => percent(v), "Most adverse excursion, of the entry price") : null,
    t.raw.mfe ? number("MFE", t.mfe, (v) => percent(v), "Most favourable excursion, of the entry price") : null,
  ];
  return list.filter((c) => c !== null);
}

function detail(model: RunModel, trades: TradeTable, row: number): Node {
  const holder = h("div", {}, "Reading the cause chain\u2026");
  const show = button("Show on the price chart", () => model.select(row, "show-price"), { class: "small" });
  void model.causes(row).then(
    (causes) => {
      if (causes === null || causes.length === 0) replace(holder, "The report holds no cause chain of this trade.");
      else {
        replace(
          holder,
          h("ol", { class: "chain", "aria-label": "Cause chain" }, causes.map((c) => h("li", {}, h("span", { class: "when number" }, iso(c.time)), h("span", { class: "place" }, c.place), h("span", {}, c.text)))),
        );
      }
    },
    (error: unknown) => replace(holder, h("span", { class: "failure" }, error instanceof Error ? error.message : String(error))),
  );
  return h(
    "div",
    {},
    h("strong", {}, "Cause chain"),
    holder,
    h("dl", { class: "facts" }, facts(trades, row).map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)))),
    model.run.bars ? h("div", { class: "fields", style: "margin-top:.5rem" }, show) : null,
  );
}
