import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

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
