import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assemble } from "../assemble.mjs";
import { samples } from "../sample.mjs";
import { assertQuiet, column, drawn, panels, show, startBrowser } from "./browser.mjs";

let browser;
let pages;
before(async () => {
  browser = await startBrowser();
  pages = samples("small");
});
after(() => browser.stop());

async function on(options, body) {
  const { page, watch, close } = await browser.open(pages.sweep, options);
  try {
    await body(page);
    assertQuiet(watch);
  } finally {
    await close();
  }
}

for (const dark of [false, true]) {
  test(`every panel of a sweep draws, ${dark ? "dark" : "light"}`, () =>
    on({ dark }, async (page) => {
      const ids = await panels(page);
      assert.deepEqual(ids, ["progress", "trials", "overfitting", "heatmap", "neighbours", "slices", "parallel", "pareto", "walk_forward"]);
      const counts = {};
      for (const id of ids) {
        await show(page, id);
        assert.equal(await page.locator(`#${id} .failure`).count(), 0, id);
        const charts = await drawn(page, id);
        counts[id] = charts.length;
        for (const chart of charts) {
          assert.ok(chart.series > 0, `${id} has series`);
          assert.ok(chart.colours > 20, `${id} is not blank: ${chart.colours} colours`);
          assert.ok(chart.label.length > 20, `${id} is described`);
        }
      }
      assert.deepEqual(counts, { progress: 0, trials: 0, overfitting: 2, heatmap: 1, neighbours: 1, slices: 3, parallel: 1, pareto: 1, walk_forward: 2 });
      assert.equal(await page.evaluate(() => window.hacked), undefined);
      assert.equal(await page.locator("img").count(), 0);
    }));
}

test("the best trial stands first, and any column sorts", () =>
  on({}, async (page) => {
    await show(page, "trials");
    const sharpe = (await column(page, "trials", 1)).map((t) => Number(t.replace("\u2212", "-")));
    assert.deepEqual(sharpe, [...sharpe].sort((a, b) => b - a));
    await page.click("#trials .sort:has-text('slow')");
    const slow = (await column(page, "trials", 4)).map(Number);
    assert.deepEqual([...new Set(slow)], [200]);
  }));

test("the heat map changes its axes, objective and aggregate, and says the same as its table", () =>
  on({}, async (page) => {
    await show(page, "heatmap");
    const option = () => page.$eval("#heatmap .canvas", (e) => {
      const o = e.chart.getOption();
      return { x: o.xAxis[0].data, cells: o.series[0].data.map((d) => d.value) };
    });
    const before = await option();
    assert.deepEqual(before.x, ["4", "6", "8", "10", "12", "16", "20", "24", "32"]);
    await page.selectOption("#heatmap label:has-text('Across') select", { label: "stop" });
    const changed = await option();
    assert.deepEqual(changed.x, ["0.8", "1", "1.2", "1.5", "2", "2.5", "3"]);
    const aggregate = "#heatmap label:has-text('Over the other axes') select";
    const values = {};
    for (const way of ["mean", "best", "worst", "median"]) {
      await page.selectOption(aggregate, { label: way });
      values[way] = (await option()).cells.map((c) => c[2]);
    }
    const mean = values.mean;
    assert.ok(mean.every((v, i) => values.worst[i] <= v + 1e-9 && v <= values.best[i] + 1e-9));
    assert.ok(mean.some((v, i) => values.worst[i] < v && values.median[i] !== v));
    await page.click("#heatmap .tools button:has-text('Show as table')");
    await page.click("#heatmap .sort:has-text('Sharpe')");
    const top = Number((await column(page, "heatmap", 2))[0]);
    assert.ok(Math.abs(top - Math.max(...values.median)) < 1e-3);
  }));

test("parallel coordinates are brushed by mouse, by numbers, and cleared", () =>
  on({}, async (page) => {
    await show(page, "parallel");
    const note = () => page.textContent("#parallel p[aria-live]");
    const inside = async () => Number((await note()).match(/^(\d+) of/)?.[1]);
    assert.match(await note(), /nothing is brushed/);
    await page.locator("#parallel .canvas").scrollIntoViewIfNeeded();
    const box = await page.locator("#parallel .canvas").boundingBox();
    // The first axis stands at the left edge of the parallel system.
    await page.mouse.move(box.x + 50, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + 50, box.y + 200, { steps: 8 });
    await page.mouse.up();
    await page.waitForFunction(() => /inside/.test(document.querySelector("#parallel p[aria-live]").textContent));
    const brushed = await inside();
    assert.ok(brushed > 0 && brushed < 240, `${brushed} trials`);
    await page.click("#parallel button:has-text('Clear all brushes')");
    await page.waitForFunction(() => /nothing is brushed/.test(document.querySelector("#parallel p[aria-live]").textContent));
    await page.click("#parallel summary");
    await page.fill('#parallel input[aria-label="fast, from"]', "20");
    await page.keyboard.press("Tab");
    await page.waitForFunction(() => /inside/.test(document.querySelector("#parallel p[aria-live]").textContent));
    const fast = (await column(page, "parallel", 3)).map(Number);
    assert.ok(fast.length > 0 && fast.every((v) => v >= 20), `${fast}`);
  }));

test("no trial on the Pareto front is beaten", () =>
  on({}, async (page) => {
    await show(page, "pareto");
    const read = () => page.$eval("#pareto .canvas", (e) => {
      const [rest, front] = e.chart.getOption().series.map((s) => s.data);
      return { rest, front };
    });
    const { rest, front } = await read();
    assert.equal(rest.length + front.length, 240);
    const beats = (a, b) => a[0] >= b[0] && a[1] >= b[1] && (a[0] > b[0] || a[1] > b[1]);
    for (const f of front) assert.ok(![...rest, ...front].some((other) => beats(other, f)));
    for (const r of rest) assert.ok(front.some((f) => beats(f, r)));
    await page.selectOption("#pareto label:has-text('Up') select", { label: "Trades" });
    assert.notDeepEqual((await read()).front, front);
  }));

test("failed trials are told with their reasons", () =>
  on({}, async (page) => {
    await show(page, "progress");
    const text = await page.textContent("#progress");
    assert.ok(text.includes("240 of 264 trials done, 4 failed."));
    assert.ok(text.includes("fast is not below slow") || text.includes("liquidated in the first hour") || text.includes("<img"));
  }));

test("a sweep fits a phone", () =>
  on({ width: 360, height: 740, phone: true }, async (page) => {
    for (const id of await panels(page)) {
      await show(page, id);
      const [scroll, client] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.equal(client, 360);
      assert.ok(scroll <= client, `${id}: the page is ${scroll} wide`);
    }
  }));

test("a sweep without trials, or with one that has no value, does not fail", async () => {
  const base = { name: "edge", axes: [{ name: "a" }, { name: "b", choices: ["x", "y"] }], objectives: [{ name: "o", direction: "min" }] };
  for (const trials of [{ id: [], parameters: [[], []], objectives: [[]] }, { id: [1], parameters: [[1], [0]], objectives: [[null]] }, { id: [1], parameters: [[1], [0]], objectives: [[3]] }]) {
    const { page, watch, close } = await browser.open(assemble("edge", { report: { kind: "sweep", format: 1, sweep: { ...base, trials } } }));
    for (const id of await panels(page)) await show(page, id);
    assert.deepEqual(await page.locator(".failure").allTextContents(), []);
    assertQuiet(watch);
    await close();
  }
});
