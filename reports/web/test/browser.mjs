// A headless Chromium with pages of samples. Every page is watched: no console message of an error or a
// warning, no exception, no request besides the file itself.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export async function startBrowser() {
  const folder = mkdtempSync(join(tmpdir(), "qsim-report-"));
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
  let files = 0;
  return {
    /** Opens this HTML from a file. `watch.complaints` and `watch.requests` must stay empty. */
    async open(html, { width = 1280, height = 800, phone = false, dark = false, ready = "main[data-ready]" } = {}) {
      files += 1;
      const path = join(folder, `page-${files}.html`);
      writeFileSync(path, html);
      const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", reducedMotion: "reduce", hasTouch: phone, isMobile: phone });
      const page = await context.newPage();
      const watch = { complaints: [], requests: [] };
      page.on("console", (message) => ["error", "warning"].includes(message.type()) && watch.complaints.push(message.text()));
      page.on("pageerror", (error) => watch.complaints.push(String(error)));
      const url = pathToFileURL(path).href;
      page.on("request", (request) => request.url() !== url && !request.url().startsWith("data:") && watch.requests.push(request.url()));
      const began = performance.now();
      await page.goto(url, { waitUntil: "commit" });
      await page.waitForSelector(ready);
      return { page, watch, began, close: () => context.close() };
    },
    async stop() {
      await browser.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export function assertQuiet(watch) {
  assert.deepEqual(watch.complaints, [], "console errors, warnings or exceptions");
  assert.deepEqual(watch.requests, [], "requests");
}

/** Ids of the panels on the page. */
export const panels = (page) => page.$$eval("section[data-panel]", (list) => list.map((s) => s.id));

/** Brings a panel into sight and waits until it is built. */
export async function show(page, id) {
  await page.locator(`#${id}`).evaluate((e) => e.scrollIntoView({ behavior: "instant" }));
  await page.waitForSelector(`#${id}[data-built]`);
  await page.waitForFunction((panel) => [...document.querySelectorAll(`#${panel} .canvas`)].every((c) => c.chart), id);
}

/** Of each chart in a panel: how many series with data, and how many colours its canvas has. */
export async function drawn(page, id) {
  await page.waitForTimeout(250);
  return page.$$eval(`#${id} .canvas`, (list) =>
    list.map((element) => {
      const series = element.chart.getOption().series.filter((s) => s.data.length > 0).length;
      const colours = new Set();
      for (const canvas of element.querySelectorAll("canvas")) {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 0) colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
      }
      return { series, colours: colours.size, label: element.getAttribute("aria-label") };
    }),
  );
}

/** The window of time that a panel's first chart shows. */
export const zoomOf = (page, id) =>
  page.$eval(`#${id} .canvas`, (element) => {
    const [zoom] = element.chart.getOption().dataZoom;
    return [zoom.startValue, zoom.endValue];
  });

/** Texts of a column of the rows in sight, counted from the first column after the opener. */
export const column = (page, id, index, nth = 0) =>
  page.$$eval(
    `#${id} .grid`,
    (grids, [at, n]) => [...grids[n].querySelectorAll(".grid-body .grid-row[data-place]")].map((row) => row.children[at].textContent),
    [index, nth],
  );
