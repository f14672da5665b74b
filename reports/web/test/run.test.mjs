import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assemble } from "../assemble.mjs";
import { samples } from "../sample.mjs";
import { assertQuiet, column, drawn, panels, show, startBrowser, zoomOf } from "./browser.mjs";

const CHARTS = ["equity", "price", "gates", "topology", "excursions"];
let browser;
let pages;
before(async () => {
  browser = await startBrowser();
  pages = samples("small");
});
after(() => browser.stop());

/** Opens a page, hands it over, and holds it to being quiet. */
async function on(name, options, body) {
  const { page, watch, close } = await browser.open(pages[name], options);
  try {
    await body(page);
    assertQuiet(watch);
  } finally {
    await close();
  }
}

for (const dark of [false, true]) {
  test(`every panel of a run draws, ${dark ? "dark" : "light"}`, () =>
    on("run", { dark }, async (page) => {
      const ids = await panels(page);
      assert.deepEqual(ids, ["metrics", "equity", "price", "trades", "gates", "topology", "by-symbol", "by-reason", "excursions"]);
      for (const id of ids) {
        await show(page, id);
        assert.equal(await page.locator(`#${id} .failure`).count(), 0, id);
      }
      for (const id of CHARTS) {
        const charts = await drawn(page, id);
        assert.ok(charts.length > 0, `${id} has a chart`);
        for (const chart of charts) {
          assert.ok(chart.series > 0, `${id} has series`);
          assert.ok(chart.colours > 20, `${id} is not blank: ${chart.colours} colours`);
          assert.ok(chart.label.length > 20, `${id} is described`);
        }
      }
    }));
}

test("assumptions wait behind their heading, warnings do not", () =>
  on("run", {}, async (page) => {
    const open = (title) => page.locator(`header details:has(h3:text-matches("^${title}"))`).evaluate((e) => e.open);
    assert.equal(await open("Assumptions"), false);
    assert.equal(await open("Warnings"), true);
    await page.focus('header summary:has(h3:text-matches("^Assumptions"))');
    await page.keyboard.press("Enter");
    assert.equal(await open("Assumptions"), true);
    await page.keyboard.press("Enter");
    assert.equal(await open("Assumptions"), false);
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    assert.equal(await open("Assumptions"), true, "on paper");
  }));

test("zoom is shared by the charts over time, by buttons, keys and the wheel", () =>
  on("run", {}, async (page) => {
    for (const id of ["equity", "price", "gates"]) await show(page, id);
    await show(page, "equity");
    const [from, to] = await zoomOf(page, "equity");
    await page.click('#equity button[aria-label="Zoom in"]');
    await page.waitForTimeout(200);
    const half = await zoomOf(page, "equity");
    assert.ok(Math.abs(half[1] - half[0] - (to - from) / 2) < 1000, "half of the time is shown");
    for (const id of ["price", "gates"]) assert.deepEqual((await zoomOf(page, id)).map(Math.round), half.map(Math.round), id);
    await page.focus("#equity .canvas");
    await page.keyboard.press("ArrowRight");
    await page.waitForTimeout(200);
    assert.ok((await zoomOf(page, "price"))[0] > half[0], "an arrow moves the window of the other chart");
    await page.keyboard.press("0");
    await page.waitForTimeout(200);
    assert.deepEqual((await zoomOf(page, "equity")).map(Math.round), [from, to].map(Math.round));
    const box = await page.locator("#equity .canvas").boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + 150);
    await page.keyboard.down("Control");
    await page.mouse.wheel(0, -240);
    await page.keyboard.up("Control");
    await page.waitForTimeout(300);
    const wheeled = await zoomOf(page, "price");
    assert.ok(wheeled[1] - wheeled[0] < to - from, "the wheel zooms, and the price follows");
  }));

test("a symbol is chosen, a marker selects its trade, and the trade opens in the table", () =>
  on("run", {}, async (page) => {
    await show(page, "price");
    await page.selectOption("#price select", { label: "ETHUSDT" });
    await page.waitForFunction(() => document.querySelector("#price .canvas")?.getAttribute("aria-label")?.includes("ETHUSDT"));
    await page.waitForTimeout(300);
    const at = await page.$eval("#price .canvas", (element) => {
      const longs = element.chart.getOption().series.find((s) => s.id === "longs");
      const point = longs.data.at(-1);
      const [x, y] = element.chart.convertToPixel({ seriesId: "longs" }, point.value);
      return { x, y, row: point.row };
    });
    const box = await page.locator("#price .canvas").boundingBox();
    await page.mouse.click(box.x + at.x, box.y + at.y);
    await page.waitForSelector("#price .selected-box");
    const title = await page.textContent("#price .selected-box h3");
    assert.match(title, /^Trade \d+, ETHUSDT$/);
    const id = title.match(/\d+/)[0];
    await page.click("#price .selected-box button:has-text('table')");
    await page.waitForSelector(`#trades .grid-row.active`);
    assert.equal(await page.textContent("#trades .grid-row.active .cell:nth-child(2)"), id);
    await page.waitForSelector("#trades .chain li");
    assert.match(await page.textContent("#trades .chain"), /order c-\d+ filled at/);
    await page.click("#trades .grid-detail button:has-text('price chart')");
    await page.waitForTimeout(300);
    const [from, to] = await zoomOf(page, "price");
    assert.ok(to - from < 20 * 3_600_000, "the chart zooms to the trade");
  }));

test("trades sort and filter", () =>
  on("run", {}, async (page) => {
    await show(page, "trades");
    await page.click("#trades .sort:has-text('Net, USDT')");
    const numbers = (texts) => texts.map((t) => Number(t.replace("\u2212", "-").replaceAll(",", "")));
    const falling = numbers(await column(page, "trades", 4));
    assert.deepEqual(falling, [...falling].sort((a, b) => b - a));
    assert.ok(falling[0] > falling.at(-1));
    assert.equal(await page.getAttribute("#trades [role=columnheader]:has-text('Net, USDT')", "aria-sort"), "descending");
    await page.click("#trades .sort:has-text('Net, USDT')");
    const rising = numbers(await column(page, "trades", 4));
    assert.deepEqual(rising, [...rising].sort((a, b) => a - b));
    await page.selectOption("#trades label:has-text('Symbol') select", { label: "SOLUSDT" });
    await page.selectOption("#trades label:has-text('Side') select", { label: "short" });
    await page.selectOption("#trades label:has-text('Exit reason') select", { label: "TAKE_PROFIT" });
    assert.deepEqual([...new Set(await column(page, "trades", 2))], ["SOLUSDT"]);
    assert.deepEqual([...new Set(await column(page, "trades", 3))], ["short"]);
    assert.deepEqual([...new Set(await column(page, "trades", 6))], ["TAKE_PROFIT"]);
    await page.fill("#trades input[type=search]", "no such text");
    await page.waitForSelector("#trades .grid-empty");
    await page.fill("#trades input[type=search]", "profit");
    await page.waitForFunction(() => !document.querySelector("#trades .grid-empty"));
  }));

test("hostile texts stay texts", () =>
  on("run", {}, async (page) => {
    for (const id of await panels(page)) await show(page, id);
    await show(page, "trades");
    assert.ok((await page.textContent("#trades")).includes('<img src=x onerror="window.hacked=1">'), "the name is shown as it is");
    await page.fill("#trades input[type=search]", "onerror");
    await page.waitForTimeout(300);
    await page.focus("#trades .grid");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#trades .chain li");
    const box = await page.locator("#price .canvas").boundingBox();
    await show(page, "price");
    for (let i = 1; i < 20; i += 1) await page.mouse.move(box.x + (box.width * i) / 20, 300);
    await page.waitForTimeout(200);
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    assert.equal(await page.locator("img").count(), 0);
  }));

test("all is reached with the keyboard alone", () =>
  on("run", {}, async (page) => {
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the report");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    for (const id of await panels(page)) await show(page, id);
    await page.evaluate(() => document.getElementById("main").focus());
    const seen = new Set();
    let unseen = 0;
    for (let i = 0; i < 150; i += 1) {
      await page.keyboard.press("Tab");
      const place = await page.evaluate(() => {
        const e = document.activeElement;
        const style = getComputedStyle(e);
        return { panel: e.closest("section")?.id, kind: e.classList[0] ?? e.tagName, outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2, body: e === document.body };
      });
      if (place.body) break;
      seen.add(`${place.panel}/${place.kind}`);
      if (!place.outlined) unseen += 1;
    }
    for (const id of CHARTS) assert.ok(seen.has(`${id}/canvas`), `${id}: its chart takes the focus`);
    assert.ok(seen.has("trades/grid"));
    assert.equal(unseen, 0, "every focus is visible");
    await page.focus("#trades .grid");
    const active = () => page.$eval("#trades .grid", (e) => document.getElementById(e.getAttribute("aria-activedescendant"))?.dataset.place);
    await page.keyboard.press("ArrowDown");
    assert.equal(await active(), "0");
    await page.keyboard.press("ArrowDown");
    assert.equal(await active(), "1");
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.getAttribute("#trades .grid-row.active", "aria-expanded"), "true");
    await page.waitForSelector("#trades .chain li");
    await page.focus("#trades .grid-detail");
    await page.locator("#trades .grid").evaluate((e) => e.scrollBy(0, 5));
    await page.waitForTimeout(100);
    assert.equal(await page.evaluate(() => document.activeElement.className), "grid-detail", "an open row keeps the focus");
    await page.focus("#trades .grid");
    await page.keyboard.press("ArrowLeft");
    assert.equal(await page.getAttribute("#trades .grid-row.active", "aria-expanded"), "false");
    await page.keyboard.press("End");
    assert.equal(await active(), "399");
  }));

test("charts are there as tables too", () =>
  on("run", {}, async (page) => {
    for (const id of CHARTS) {
      await show(page, id);
      const toggle = page.locator(`#${id} .tools button:has-text("Show as table")`);
      await toggle.click();
      assert.ok((await page.locator(`#${id} .chart .grid-row[data-place]`).count()) > 3, `${id} has rows`);
      await page.locator(`#${id} .tools button:has-text("Hide table")`).click();
      assert.equal(await page.locator(`#${id} .chart .grid-row[data-place]:visible`).count(), 0);
    }
  }));

test("dark mode by the button, and charts follow", () =>
  on("run", {}, async (page) => {
    await show(page, "equity");
    const state = () => page.evaluate(() => [document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor, document.querySelector("#equity .canvas").chart.getOption().textStyle.color]);
    const light = await state();
    assert.equal(light[0], "light");
    const button = page.locator("button.theme");
    await button.click();
    await button.click();
    const dark = await state();
    assert.equal(dark[0], "dark");
    assert.notEqual(dark[1], light[1]);
    assert.notEqual(dark[2], light[2]);
  }));

for (const name of ["run", "compare"]) {
  test(`${name} fits a phone`, () =>
    on(name, { width: 360, height: 740, phone: true }, async (page) => {
      for (const id of await panels(page)) {
        await show(page, id);
        const [scroll, client] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
        assert.equal(client, 360);
        assert.ok(scroll <= client, `${id}: the page is ${scroll} wide`);
      }
    }));
}

test("two runs: curves, differences, and trades of one alone", () =>
  on("compare", {}, async (page) => {
    for (const id of await panels(page)) await show(page, id);
    const curves = await page.$eval("#equity .canvas", (e) => e.chart.getOption().series.map((s) => s.name));
    assert.deepEqual([...new Set(curves)], ["baseline", "wider_stop"]);
    const text = await page.textContent("#comparison");
    assert.ok(text.includes("first differ at entry 48,211"));
    assert.ok(text.includes("41890.1") && text.includes("41760.0"));
    assert.ok((await page.textContent("#metrics")).includes("better"));
    await page.selectOption("#trades label:has-text('Compared') select", { index: 1 });
    assert.deepEqual(await column(page, "trades", 1), ["4", "18", "41"]);
    await page.click("header button:has-text('wider_stop')");
    await show(page, "trades");
    await page.selectOption("#trades label:has-text('Compared') select", { index: 1 });
    assert.deepEqual(await column(page, "trades", 1), ["6", "19"]);
  }));

test("what is missing is named, and unknown fields are ignored", () =>
  on("bare", {}, async (page) => {
    assert.deepEqual(await panels(page), []);
    const text = await page.textContent("#absent");
    assert.ok(text.includes("Trades: the run made no trade."));
    assert.ok(text.includes("Gate decisions: the run recorded no such data."));
  }));

test("empty tables, open trades and a single point are drawn or told, not failed", async () => {
  const empty = { reasons: [], id: [], symbol: [], side: [], entry_ms: [], exit_ms: [], entry_price: [], exit_price: [], qty: [], pnl: [], reason: [] };
  const open = { reasons: [], id: ["a"], symbol: [0], side: [1], entry_ms: [60_000], exit_ms: [null], entry_price: [2], exit_price: [null], qty: [1], pnl: [null], reason: [null] };
  const time_ms = [0];
  for (const trades of [empty, open]) {
    const run = {
      name: "edge", symbols: ["A"], metrics: [{ name: "nothing", value: null, unit: "USDT" }], trades, equity: { time_ms, equity: [1] }, bars: [{ symbol: 0, bars: { time_ms, close: [2] } }],
      gates: { gates: ["g"], reasons: [], time_ms: [], gate: [], outcome: [] }, topology: { nodes: [], edges: [] }, by_symbol: { keys: [], metrics: [] },
    };
    const { page, watch, close } = await browser.open(assemble("edge", { report: { kind: "run", format: 1, runs: [run] } }));
    for (const id of await panels(page)) await show(page, id);
    assert.deepEqual(await page.locator(".failure").allTextContents(), []);
    assert.ok((await page.textContent("#trades")).includes(trades === empty ? "No rows." : "open"));
    assertQuiet(watch);
    await close();
  }
});

test("a page that cannot be read says so", async () => {
  for (const [report, words] of [[{ kind: "run", format: 2, runs: [] }, "format 2"], [{ kind: "dream", format: 1 }, "dream"]]) {
    const { page, close } = await browser.open(assemble("x", { report }), { ready: ".failure" });
    assert.ok((await page.textContent(".failure")).includes(words));
    await close();
  }
});
