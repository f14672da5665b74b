/** A table that draws only the rows in sight: 100,000 rows scroll as lightly as ten. */

import { FONT } from "./theme";
import { announce, h, replace, uniqueId } from "./dom";
import { integer } from "./format";

/** One column; rows are numbered as in the data. */
export interface Col {
  name: string;
  /** What it sorts by. */
  value: (row: number) => number | string | null;
  text: (row: number) => string;
  numeric?: boolean;
  title?: string;
  /** A class of the cell, say for a loss. */
  tone?: (row: number) => string;
}

export interface TableData {
  label: string;
  columns: Col[];
  count: number;
}

export interface GridOptions extends TableData {
  /** Rows in sight at most; beyond, it scrolls. */
  rowsMax?: number;
  /** What a row opens to. */
  detail?: (row: number) => Node;
  /** Height of that in pixels; longer content scrolls inside. */
  detailHeight?: number;
  selected?: (row: number) => void;
  sort?: { column: number; descending: boolean };
}

const ROW = 30;
const SPARE = 8;

export class Grid {
  readonly element: HTMLElement;
  /** Rows in the order shown. */
  view: Int32Array | number[];
  private order: Int32Array | number[];
  private readonly id = uniqueId("grid");
  private readonly scroller: HTMLElement;
  private readonly body: HTMLElement;
  private readonly heads: HTMLElement[] = [];
  private readonly template: string;
  private sort: { column: number; descending: boolean } | null;
  /** Open rows, and their places in the view, ascending. */
  private readonly open = new Set<number>();
  private openPlaces: number[] = [];
  private active = -1;
  private frame = 0;
  private readonly details = new Map<number, HTMLElement>();

  constructor(private readonly options: GridOptions) {
    this.order = Int32Array.from({ length: options.count }, (_, i) => i);
    this.view = this.order;
    this.sort = options.sort ?? null;
    const widths = options.columns.map((c) => this.width(c));
    if (options.detail) widths.unshift(36);
    // What is left over goes behind the last column, so that numbers stay near what they belong to.
    this.template = `${widths.map((w) => `${w}px`).join(" ")} minmax(0, 1fr)`;
    const total = widths.reduce((a, b) => a + b, 0);
    const head = h("div", { class: "grid-row grid-head", role: "row", "aria-rowindex": 1, style: `grid-template-columns:${this.template}` });
    if (options.detail) head.append(h("div", { role: "columnheader", class: "cell" }, h("span", { class: "hidden" }, "Details")));
    options.columns.forEach((column, i) => head.append(this.head(column, i)));
    this.body = h("div", { class: "grid-body", role: "rowgroup" });
    this.scroller = h(
      "div",
      {
        class: "grid",
        role: "grid",
        tabindex: 0,
        id: this.id,
        "aria-label": options.label,
        "aria-colcount": options.columns.length + (options.detail ? 1 : 0),
        keydown: (e: KeyboardEvent) => this.key(e),
        scroll: () => this.later(),
        click: (e: MouseEvent) => this.click(e),
      },
      h("div", { class: "grid-inner", style: `min-width:${total + 2}px` }, head, this.body),
    );
    this.element = this.scroller;
    new ResizeObserver(() => this.later()).observe(this.scroller);
    this.setRows(this.order);
  }

  /** Wide enough for the header and for what a sample of rows shows. */
  private width(column: Col): number {
    // Room for the sort mark.
    let width = measure(column.name, true) + 18;
    const step = Math.max(1, Math.floor(this.options.count / 150));
    for (let row = 0; row < this.options.count; row += step) width = Math.max(width, measure(column.text(row), false));
    return Math.ceil(Math.min(width, PIXELS_MAX) + 18);
  }

  private head(column: Col, index: number): HTMLElement {
    const cell = h(
      "div",
      { role: "columnheader", class: `cell${column.numeric ? " number" : ""}`, title: column.title, "aria-sort": "none" },
      h("button", { type: "button", tabindex: 0, class: "sort", click: () => this.sortBy(index) }, column.name),
    );
    this.heads[index] = cell;
    return cell;
  }

  /** Shows these rows, in the order of the chosen column. */
  setRows(rows: Int32Array | number[]): void {
    this.order = rows;
    this.applySort();
  }

  sortBy(column: number, descending?: boolean): void {
    const again = this.sort?.column === column;
    const first = this.options.columns[column].numeric === true;
    this.sort = { column, descending: descending ?? (again ? !this.sort!.descending : first) };
    this.applySort();
    announce(`Sorted by ${this.options.columns[column].name}, ${this.sort.descending ? "descending" : "ascending"}`);
  }

  private applySort(): void {
    this.heads.forEach((cell, i) => {
      const state = this.sort?.column === i ? (this.sort.descending ? "descending" : "ascending") : "none";
      cell.setAttribute("aria-sort", state);
    });
    this.view = this.sort ? sorted(this.order, this.options.columns[this.sort.column], this.sort.descending) : this.order;
    this.scroller.setAttribute("aria-rowcount", String(this.view.length + 1));
    this.layout();
  }

  private get detailHeight(): number {
    return this.options.detailHeight ?? 260;
  }

  private layout(): void {
    this.openPlaces = [];
    if (this.open.size > 0) {
      for (let place = 0; place < this.view.length; place += 1) if (this.open.has(this.view[place])) this.openPlaces.push(place);
    }
    const height = this.view.length * ROW + this.openPlaces.length * this.detailHeight;
    this.body.style.height = `${Math.max(height, ROW)}px`;
    const shown = Math.min(this.options.rowsMax ?? 14, this.view.length) * ROW + (this.openPlaces.length > 0 ? this.detailHeight : 0);
    // Header, borders and the horizontal scroll bar are beside the rows.
    this.scroller.style.height = `${Math.max(shown, ROW) + ROW + 18}px`;
    this.draw();
  }

  private top(place: number): number {
    let before = 0;
    for (const at of this.openPlaces) if (at < place) before += 1;
    return place * ROW + before * this.detailHeight;
  }

  /** The place whose row covers this height. */
  private placeAt(y: number): number {
    let low = 0;
    let high = this.view.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.top(middle) <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private later(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  private draw(): void {
    const from = this.view.length === 0 ? 0 : Math.max(0, this.placeAt(this.scroller.scrollTop) - SPARE);
    const to = this.view.length === 0 ? -1 : Math.min(this.view.length - 1, this.placeAt(this.scroller.scrollTop + this.scroller.clientHeight) + SPARE);
    const rows: HTMLElement[] = [];
    for (let place = from; place <= to; place += 1) {
      const row = this.view[place];
      rows.push(this.row(row, place));
      if (this.open.has(row)) rows.push(this.detail(row, place));
    }
    if (rows.length === 0) rows.push(h("div", { class: "grid-row grid-empty", role: "row" }, h("div", { role: "gridcell", class: "cell" }, "No rows.")));
    // An open row keeps its focus and its own scroll; a row that went out of sight gives the focus to the table.
    const focused = document.activeElement;
    const held = focused instanceof HTMLElement && this.body.contains(focused) ? focused : null;
    const scrolled = [...this.details.values()].map((detail) => [detail, detail.scrollTop] as const);
    replace(this.body, rows);
    for (const [detail, top] of scrolled) detail.scrollTop = top;
    if (held) (this.body.contains(held) ? held : this.scroller).focus({ preventScroll: true });
    const shown = this.active >= from && this.active <= to;
    if (shown) this.scroller.setAttribute("aria-activedescendant", `${this.id}-${this.view[this.active]}`);
    else this.scroller.removeAttribute("aria-activedescendant");
  }

  private row(row: number, place: number): HTMLElement {
    const open = this.open.has(row);
    const active = place === this.active;
    const element = h("div", {
      class: `grid-row${active ? " active" : ""}${place % 2 ? " odd" : ""}`,
      role: "row",
      id: `${this.id}-${row}`,
      "aria-rowindex": place + 2,
      "aria-selected": active ? "true" : "false",
      "aria-expanded": this.options.detail ? String(open) : undefined,
      "data-row": row,
      "data-place": place,
      style: `top:${this.top(place)}px;grid-template-columns:${this.template}`,
    });
    if (this.options.detail) element.append(h("div", { role: "gridcell", class: "cell opener", "aria-label": open ? "Close" : "Open" }, open ? "\u25BE" : "\u25B8"));
    for (const column of this.options.columns) {
      const text = column.text(row);
      const tone = column.tone?.(row) ?? "";
      element.append(h("div", { role: "gridcell", class: `cell${column.numeric ? " number" : ""} ${tone}`, title: text.length > 40 ? text : undefined }, text));
    }
    return element;
  }

  private detail(row: number, place: number): HTMLElement {
    let content = this.details.get(row);
    if (!content) {
      content = h("div", { class: "grid-detail", tabindex: 0, role: "row" }, h("div", { role: "gridcell" }, this.options.detail!(row)));
      this.details.set(row, content);
    }
    content.style.top = `${this.top(place) + ROW}px`;
    content.style.height = `${this.detailHeight}px`;
    content.style.width = `${this.scroller.clientWidth}px`;
    return content;
  }

  private click(event: MouseEvent): void {
    const element = (event.target as Element).closest<HTMLElement>("[data-place]");
    if (!element) return;
    const place = Number(element.dataset.place);
    this.activate(place);
    if (this.options.detail) this.toggle(place);
  }

  private toggle(place: number, open?: boolean): void {
    const row = this.view[place];
    if (!this.options.detail || row === undefined) return;
    const wanted = open ?? !this.open.has(row);
    if (wanted) this.open.add(row);
    else {
      this.open.delete(row);
      this.details.delete(row);
    }
    this.layout();
  }

  private activate(place: number): void {
    if (this.view.length === 0) return;
    this.active = Math.min(Math.max(place, 0), this.view.length - 1);
    const top = this.top(this.active);
    const room = this.scroller.clientHeight - ROW;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top + ROW > this.scroller.scrollTop + room) this.scroller.scrollTop = top + ROW - room;
    this.draw();
    this.options.selected?.(this.view[this.active]);
  }

  /** Goes to this row of the data and opens it; false where a filter hides it. */
  show(row: number): boolean {
    const place = this.view.indexOf(row);
    if (place < 0) return false;
    this.toggle(place, true);
    this.active = place;
    this.scroller.scrollTop = Math.max(0, this.top(place) - 2 * ROW);
    this.draw();
    return true;
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.scroller || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW) - 2);
    const opens = this.options.detail !== undefined && this.active >= 0;
    const isOpen = opens && this.open.has(this.view[this.active]);
    const moves: Record<string, () => void> = {
      ArrowDown: () => this.activate(this.active + 1),
      ArrowUp: () => this.activate(this.active - 1),
      PageDown: () => this.activate(this.active + page),
      PageUp: () => this.activate(this.active - page),
      Home: () => this.activate(0),
      End: () => this.activate(this.view.length - 1),
      Enter: () => this.toggle(this.active),
      " ": () => this.toggle(this.active),
      ArrowRight: () => (opens && !isOpen ? this.toggle(this.active, true) : this.scroller.scrollBy({ left: 80 })),
      ArrowLeft: () => (isOpen ? this.toggle(this.active, false) : this.scroller.scrollBy({ left: -80 })),
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  }
}

/** The rows by a column; those without a value last, equal ones in their old order. */
function sorted(rows: Int32Array | number[], column: Col, descending: boolean): Int32Array {
  const out = Int32Array.from(rows);
  const sign = descending ? -1 : 1;
  const keys = ranks(out, column);
  return out.sort((a, b) => {
    const x = keys[a];
    const y = keys[b];
    if (x < y) return -sign;
    if (x > y) return sign;
    if (x === y) return a - b;
    // At least one is NaN: no value.
    return (x === x ? 0 : 1) - (y === y ? 0 : 1) || a - b;
  });
}

/** Numbers that order the rows as the column does: texts become their ranks. What has no value is NaN. */
function ranks(rows: Int32Array, column: Col): Float64Array {
  const keys = new Float64Array(rows.reduce((a, r) => Math.max(a, r + 1), 0)).fill(NaN);
  const named = new Map<string, number[]>();
  for (const row of rows) {
    const value = column.value(row);
    if (typeof value === "number") keys[row] = value;
    else if (value !== null) {
      const list = named.get(value);
      if (list) list.push(row);
      else named.set(value, [row]);
    }
  }
  [...named.keys()].sort().forEach((name, rank) => {
    for (const row of named.get(name)!) keys[row] = rank;
  });
  return keys;
}

const pen = document.createElement("canvas").getContext("2d")!;
const PIXELS_MAX = 340;

/** Width of a text in a cell, in pixels. */
function measure(text: string, bold: boolean): number {
  const font = `${bold ? "600 " : ""}13.76px ${FONT}`;
  if (pen.font !== font) pen.font = font;
  return pen.measureText(text).width;
}

/** A grid with its number of rows beneath. */
export function tableBox(data: GridOptions): HTMLElement {
  const grid = new Grid(data);
  return h("div", { class: "table-box" }, grid.element, h("p", { class: "note" }, `${integer(data.count)} rows. Arrow keys move, a column's name sorts.`));
}
