import { readReport } from "./data";
import { h, replace } from "./dom";
import { showRun } from "./run/page";
import { showSweep } from "./sweep/page";
import { startTheme } from "./theme";

async function start(): Promise<void> {
  startTheme();
  const report = await readReport();
  if (report.title) document.title = report.title;
  if (report.format !== 1) throw new Error(`This page reads format 1, the data is of format ${String((report as { format: unknown }).format)}.`);
  if (report.kind === "run") await showRun(report);
  else if (report.kind === "sweep") showSweep(report);
  else throw new Error(`Unknown kind of report: ${String((report as { kind: unknown }).kind)}.`);
}

start().catch((error: unknown) => {
  const text = error instanceof Error ? error.message : String(error);
  replace(document.getElementById("app")!, h("main", { class: "failure", role: "alert" }, h("h1", {}, "The report could not be shown"), h("p", {}, text)));
});
