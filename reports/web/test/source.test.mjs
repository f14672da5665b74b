import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = new URL("..", import.meta.url);
const read = (name) => readFileSync(new URL(name, root), "utf8");

test("no source reads text as HTML, asks for the network, or is too long", () => {
  const files = readdirSync(new URL("src", root), { recursive: true }).filter((name) => name.endsWith(".ts"));
  assert.ok(files.length > 15, `${files.length} files`);
  for (const file of files) {
    const text = read(`src/${file}`);
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|fetch\(|XMLHttpRequest|import\(/, file);
    assert.ok(text.split("\n").length <= 500, file);
  }
});

test("the committed bundle is what the sources build to", () => {
  execFileSync(process.execPath, ["build.mjs", "--check"], { cwd: root, stdio: "pipe" });
});

test("the bundle bears its licences, and the page's policy allows nothing but itself", () => {
  const js = read("dist/report.js");
  for (const name of ["echarts", "zrender", "@dagrejs/dagre", "@dagrejs/graphlib", "tslib"]) assert.ok(js.slice(0, 40_000).includes(`${name} `) || js.slice(0, 40_000).includes(`${name},`), name);
  assert.ok(js.includes("Apache License"));
  const html = read("dist/report.html");
  assert.match(html, /default-src 'none'/);
  assert.doesNotMatch(html, /script-src[^;]*unsafe/);
});

test("the lock file names no registry", () => {
  assert.doesNotMatch(read("package-lock.json"), /"resolved"|https?:\/\/registry/);
});

test("a tick of an axis keeps its decimals", async () => {
  const { outputFiles } = await build({ absWorkingDir: fileURLToPath(root), entryPoints: ["src/format.ts"], bundle: true, format: "esm", write: false });
  const { tick, tickPercent } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
  assert.deepEqual([9999.5, 10_000, 10_000.5, 67_250, -3, 0].map(tick), ["9,999.5", "10,000", "10,000.5", "67,250", "\u22123", "0"]);
  assert.deepEqual([1.2e6, 1_200_500, 12.3e6, 2e9].map(tick), ["1.2M", "1.2005M", "12.3M", "2G"]);
  assert.deepEqual([0.1 + 0.2, 0.00001, 1e-9, 67_250.00002, 10_000_000.04].map(tick), ["0.3", "0.00001", "0.000000001", "67,250.00002", "10.00000004M"]);
  assert.deepEqual([0, -0.0002, -0.0004, 0.07].map(tickPercent), ["0\u00A0%", "\u22120.02\u00A0%", "\u22120.04\u00A0%", "7\u00A0%"]);
});
