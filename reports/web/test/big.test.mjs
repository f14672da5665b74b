// 100,000 trades, 525,600 points of equity, 5,000 trials. Times are printed and not asserted: they belong
// to the machine.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { samples } from "../sample.mjs";
import { assertQuiet, column, panels, show, startBrowser } from "./browser.mjs";

let browser;
let pages;
before(async () => {
  browser = await startBrowser();
  pages = samples("big");
});
after(() => browser.stop());

async function timed(t, what, action) {
  const began = performance.now();
  const result = await action();
  t.diagnostic(`${what}: ${Math.round(performance.now() - began)} ms`);
  return result;
}

test("100,000 trades", async (t) => {
  t.diagnostic(`file: ${(pages.run.length / 1e6).toFixed(1)} MB`);
  const { page, watch, began, close } = await browser.open(pages.run);
  t.diagnostic(`from navigation to the page being there: ${Math.round(performance.now() - began)} ms`);
  const paint = await page.evaluate(() => new Promise((done) => new PerformanceObserver((list) => done(list.getEntries().at(-1).startTime)).observe({ type: "paint", buffered: true })));
  t.diagnostic(`first contentful paint, as the browser counts: ${Math.round(paint)} ms`);
  await timed(t, "equity of 525,600 points drawn", () => show(page, "equity"));
  await timed(t, "table of trades built", () => show(page, "trades"));
  await timed(t, "sorted by net profit", () => page.click("#trades .sort:has-text('Net, USDT')"));
  await timed(t, "filtered by text", async () => {
    await page.fill("#trades input[type=search]", "liquid");
    await page.waitForFunction(() => /^\d{2,3} of 100,000/.test(document.querySelector("#trades p.note").textContent));
  });
  await page.fill("#trades input[type=search]", "");
  await page.click("#trades .sort:has-text('Id')");
  await page.waitForFunction(() => document.querySelector("#trades p.note").textContent.startsWith("100,000 of"));
  await page.focus("#trades .grid");
  await timed(t, "to the last row", async () => {
    await page.keyboard.press("End");
    await page.waitForFunction(() => document.querySelector("#trades .grid-row.active .cell:nth-child(2)")?.textContent === "100000");
  });
  assert.equal((await column(page, "trades", 1)).at(-1), "100000");
  const last = await page.locator("#trades .grid-row.active").boundingBox();
  const grid = await page.locator("#trades .grid").boundingBox();
  assert.ok(last.y >= grid.y && last.y + last.height <= grid.y + grid.height, "the last row is in sight");
  await timed(t, "its cause chain", async () => {
    await page.keyboard.press("Enter");
    await page.waitForSelector("#trades .chain li");
  });
  assert.ok((await page.textContent("#trades .chain")).includes("order c-100000"));
  const rows = await page.locator("#trades .grid-row").count();
  assert.ok(rows < 100, `${rows} rows are in the document`);
  for (const id of await panels(page)) await timed(t, `panel ${id}`, () => show(page, id));
  assert.equal(await page.locator(".failure").count(), 0);
  assertQuiet(watch);
  await close();
});

test("5,000 trials", async (t) => {
  const { page, watch, began, close } = await browser.open(pages.sweep);
  t.diagnostic(`from navigation to the page being there: ${Math.round(performance.now() - began)} ms`);
  for (const id of await panels(page)) await timed(t, `panel ${id}`, () => show(page, id));
  assert.equal(await page.locator(".failure").count(), 0);
  assert.ok((await page.textContent("#parallel p[aria-live]")).startsWith("5,000 trials"));
  assertQuiet(watch);
  await close();
});
