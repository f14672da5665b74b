// Writes sample reports: node sample.mjs FOLDER [small|big]. The same seed gives the same files.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assemble } from "./assemble.mjs";
import { sampleRun } from "./sample_run.mjs";
import { sampleSweep } from "./sample_sweep.mjs";

export const SIZES = {
  small: { trades: 400, points: 4000, decisions: 3000, trials: 240, perPart: 100, axes: 3 },
  big: { trades: 100_000, points: 525_600, decisions: 60_000, trials: 5000, perPart: 1000, axes: 5 },
};

/** All samples of a size: file name to page. */
export function samples(size) {
  const s = SIZES[size];
  const encoding = size === "big" ? "gzip" : "json";
  const one = sampleRun(s, 7, { name: "ema_cross_7_symbols", hostile: size === "small" });
  const a = sampleRun(s, 7, { name: "baseline" });
  const b = sampleRun(s, 7, { name: "wider_stop", shifted: true });
  const sweep = sampleSweep(s, 11);
  const pages = { run: assemble("Run ema_cross_7_symbols", one.parts([one]), encoding), sweep: assemble("Sweep ema_cross_grid", sweep, encoding) };
  if (size === "small") {
    const comparison = {
      first_difference: { index: 48_211, time_ms: a.report.from_ms + 3_600_000, before: ['exchange: fill {"order":"c-118","qty":"0.4"}'], a: 'stream exits: {"reason":"STOP_LOSS","stop":"41890.1"}', b: 'stream exits: {"reason":"STOP_LOSS","stop":"41760.0"}' },
      trades_only: [[3, 17, 40], [5, 18]],
      notes: [{ text: "The scenarios differ in one place", detail: "exits.stop_atr: 1.5 became 2.0" }],
    };
    pages.compare = assemble("baseline and wider_stop", { ...a.parts([a, b], comparison) }, "deflate-raw");
    pages.bare = assemble("bare", { report: { kind: "run", format: 1, unknown_field: { x: 1 }, runs: [{ name: "bare", missing: { trades: "the run made no trade." }, from_the_future: [1, 2] }] } });
  }
  return pages;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, ...sizes] = process.argv.slice(2);
  if (!folder) throw new Error("usage: node sample.mjs FOLDER [small|big]");
  mkdirSync(folder, { recursive: true });
  for (const size of sizes.length > 0 ? sizes : ["small", "big"]) {
    for (const [name, page] of Object.entries(samples(size))) {
      writeFileSync(join(folder, `${name}-${size}.html`), page);
      console.log(`${name}-${size}.html: ${(page.length / 1e6).toFixed(1)} MB`);
    }
  }
}
