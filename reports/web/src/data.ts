/** Reads the parts of the report that stand in `<script data-part>` elements. */

import type { Column, Lazy, Report } from "../data";

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const native = (Uint8Array as unknown as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> }).fromBase64;
  if (native) return native.call(Uint8Array, base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function inflate(base64: string, format: CompressionFormat): Promise<string> {
  const stream = new Blob([bytesOf(base64.trim())]).stream().pipeThrough(new DecompressionStream(format));
  return new Response(stream).text();
}

/** The part of this name. `data-encoding` says how it is written: `json` (default), `gzip` or `deflate-raw`. */
export async function readPart<T>(name: string): Promise<T> {
  const find = () => [...document.querySelectorAll<HTMLScriptElement>("script[data-part]")].find((s) => s.dataset.part === name);
  let script = find();
  if (document.readyState === "loading" && (!script || !script.nextSibling)) {
    // The page is shown as soon as the first part is there; the others may still be on their way.
    await new Promise((ready) => document.addEventListener("DOMContentLoaded", ready, { once: true }));
    script = find();
  }
  if (!script) throw new Error(`The report has no part "${name}".`);
  const encoding = script.dataset.encoding ?? "json";
  const text = script.textContent ?? "";
  if (encoding === "json") return JSON.parse(text) as T;
  if (encoding !== "gzip" && encoding !== "deflate-raw") throw new Error(`Part "${name}": unknown encoding "${encoding}".`);
  return JSON.parse(await inflate(text, encoding)) as T;
}

export function readReport(): Promise<Report> {
  return readPart<Report>("report");
}

const loaded = new Map<string, Promise<unknown>>();

/** The value, read from its part when first asked for. */
export function lazy<T>(value: Lazy<T>): Promise<T> {
  if (typeof value !== "object" || value === null || !("part" in value)) return Promise.resolve(value as T);
  const name = (value as { part: string }).part;
  let promise = loaded.get(name);
  if (!promise) {
    promise = readPart<T>(name);
    loaded.set(name, promise);
  }
  return promise as Promise<T>;
}

/** The numbers of a column; what is absent becomes NaN. */
export function numbers(column: Column | undefined, length = 0): Float64Array {
  if (!column) return new Float64Array(length).fill(NaN);
  if (Array.isArray(column)) {
    const out = new Float64Array(column.length);
    for (let i = 0; i < out.length; i += 1) out[i] = column[i] ?? NaN;
    return out;
  }
  if ("step" in column) {
    const out = new Float64Array(column.count);
    for (let i = 0; i < out.length; i += 1) out[i] = column.start + i * column.step;
    return out;
  }
  const out = new Float64Array(column.deltas.length + 1);
  out[0] = column.first;
  for (let i = 1; i < out.length; i += 1) out[i] = out[i - 1] + column.deltas[i - 1];
  return out;
}

/** The ids of a column, as text. */
export function texts(column: (string | number)[] | Column): string[] {
  if (Array.isArray(column)) return column.map(String);
  return Array.from(numbers(column), String);
}

/** First place whose value is at least `wanted`, in ascending values. */
export function lowerBound(values: ArrayLike<number>, wanted: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Quantile of ascending values, by linear interpolation. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0) return NaN;
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const high = Math.ceil(at);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

export function median(values: number[]): number {
  return quantile([...values].sort((a, b) => a - b), 0.5);
}

/** Least and greatest of the finite values. */
export function extent(values: Iterable<number>): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}
