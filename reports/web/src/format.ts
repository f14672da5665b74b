import type { Unit } from "../data";

const formats = new Map<string, Intl.NumberFormat>();
const MINUS = "\u2212";
export const NONE = "\u2013";

function fixed(digitsMin: number, digitsMax: number): Intl.NumberFormat {
  const key = `${digitsMin}/${digitsMax}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.NumberFormat("en-US", { minimumFractionDigits: digitsMin, maximumFractionDigits: digitsMax });
    formats.set(key, format);
  }
  return format;
}

type Maybe = number | null | undefined;

function absent(value: Maybe): value is null | undefined {
  return value === null || value === undefined || Number.isNaN(value);
}

function signed(text: string): string {
  return text.startsWith("-") ? (/[1-9\u221E]/.test(text) ? MINUS + text.slice(1) : text.slice(1)) : text;
}

/** A number with this many decimals. */
export function decimals(value: Maybe, digits: number): string {
  return absent(value) ? NONE : signed(fixed(digits, digits).format(value));
}

export function integer(value: Maybe): string {
  return decimals(value, 0);
}

/** About five significant digits, whatever the size. */
export function general(value: Maybe): string {
  if (absent(value)) return NONE;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e12) && Number.isFinite(size)) return signed(value.toExponential(3));
  const digits = size === 0 || !Number.isFinite(size) ? 0 : Math.max(0, Math.min(8, 4 - Math.floor(Math.log10(size))));
  return signed(fixed(0, digits).format(value));
}

/** A price keeps what it came with, up to eight decimals. */
export function price(value: Maybe): string {
  return absent(value) ? NONE : signed(fixed(0, 8).format(value));
}

export function usdt(value: Maybe): string {
  return decimals(value, 2);
}

export function percent(value: Maybe, digits = 2): string {
  return absent(value) ? NONE : `${decimals(value * 100, digits)}\u00A0%`;
}

/** A tick of an axis: with the decimals that it has, so that neighbours do not look alike; 12,300,000 is 12.3M. */
export function tick(value: number): string {
  const size = Math.abs(value);
  for (const [unit, letter] of [[1e9, "G"], [1e6, "M"]] as const) if (size >= unit) return `${tick(value / unit)}${letter}`;
  return signed(fixed(0, 12).format(+value.toPrecision(12)));
}

export function tickPercent(value: number): string {
  return `${tick(value * 100)}\u00A0%`;
}

/** ISO 8601 in UTC, without milliseconds where they are zero. */
export function iso(ms: Maybe): string {
  if (absent(ms) || !(Math.abs(ms) <= 8.64e15)) return NONE;
  const text = new Date(ms).toISOString();
  return text.endsWith(".000Z") ? `${text.slice(0, 19)}Z` : text;
}

export function day(ms: Maybe): string {
  return absent(ms) ? NONE : iso(ms).slice(0, 10);
}

/** The two largest units of a duration. */
export function duration(ms: Maybe): string {
  if (absent(ms)) return NONE;
  if (ms < 0) return MINUS + duration(-ms);
  if (ms < 1000) return `${general(ms)}\u00A0ms`;
  const seconds = Math.round(ms / 1000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}\u00A0${unit}`)
    .join(" ");
}

/** A figure in its unit. */
export function inUnit(value: number | string | null | undefined, unit?: Unit): string {
  if (typeof value === "string") return value;
  switch (unit) {
    case "USDT":
      return usdt(value);
    case "fraction":
      return percent(value);
    case "count":
      return integer(value);
    case "ms":
      return duration(value);
    case "date":
      return iso(value);
    case "ratio":
      return decimals(value, 3);
    default:
      return general(value);
  }
}

/** The unit's name, where the figure does not bear it already. */
export function unitName(unit?: Unit): string {
  return unit && !["fraction", "ms", "date", "ratio", "count"].includes(unit) ? unit : "";
}
