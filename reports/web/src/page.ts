/** The frame of every report: header, table of contents, panels that are built when they come into sight. */

import { forgetCharts } from "./chart";
import { button, h, replace } from "./dom";
import { setTheme, theme, type Theme } from "./theme";
import type { Note } from "../data";

export interface Panel {
  id: string;
  title: string;
  /** One line beneath the title. */
  lead?: string;
  /** Height that is kept free until it is built. */
  height: number;
  /** Absent: the panel is not shown, and `missing` says why. */
  build?: (body: HTMLElement) => void | Promise<void>;
  missing?: string;
}

const THEMES: Record<Theme, [Theme, string]> = {
  auto: ["light", "Theme: as the system"],
  light: ["dark", "Theme: light"],
  dark: ["auto", "Theme: dark"],
};

function themeButton(): HTMLElement {
  const element = button(THEMES[theme()][1], () => {
    setTheme(THEMES[theme()][0]);
    element.textContent = THEMES[theme()][1];
  }, { class: "theme" });
  return element;
}

export function header(kind: string, title: string, facts: [string, string][], extra: Node[] = []): HTMLElement {
  return h(
    "header",
    {},
    h("div", { class: "header-line" }, h("div", {}, h("p", { class: "kind" }, kind), h("h1", {}, title)), themeButton()),
    h("dl", { class: "facts" }, facts.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)))),
    extra,
  );
}

/** Writes the whole page. */
export function page(head: HTMLElement, panels: Panel[]): void {
  forgetCharts();
  const shown = panels.filter((p) => p.build);
  const absent = panels.filter((p) => !p.build);
  const links = shown.map((p) => h("a", { href: `#${p.id}` }, p.title));
  const main = h("main", { id: "main", tabindex: -1 }, head, shown.map(section));
  if (absent.length > 0) {
    main.append(
      h(
        "section",
        { id: "absent", "aria-labelledby": "absent-title" },
        h("h2", { id: "absent-title" }, "Not in this report"),
        h("ul", {}, absent.map((p) => h("li", {}, h("strong", {}, p.title), ": ", p.missing ?? "the run recorded no such data."))),
      ),
    );
  }
  const nav = h("nav", { "aria-label": "Panels" }, links);
  replace(document.getElementById("app")!, h("a", { class: "skip", href: "#main" }, "Skip to the report"), nav, main, h("div", { id: "live", class: "hidden", "aria-live": "polite" }));
  markPlace(shown, links);
  main.dataset.ready = "yes";
}

const builders = new WeakMap<Element, () => Promise<void>>();
const near = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) if (entry.isIntersecting) void builders.get(entry.target)?.();
  },
  { rootMargin: "400px 0px" },
);

addEventListener("beforeprint", () => {
  for (const section of document.querySelectorAll("section[data-panel]")) void builders.get(section)?.();
  // Paper cannot be opened.
  for (const folded of document.querySelectorAll<HTMLDetailsElement>("details.notes")) folded.open = true;
});

/** Builds the panel if need be, and goes to it. */
export function reveal(id: string): void {
  const element = document.getElementById(id);
  if (!element) return;
  void builders.get(element)?.();
  element.scrollIntoView();
}

function section(panel: Panel): HTMLElement {
  const body = h("div", { class: "body", style: `min-height:${panel.height}px` });
  const element = h(
    "section",
    { id: panel.id, "data-panel": panel.id, "aria-labelledby": `${panel.id}-title` },
    h("h2", { id: `${panel.id}-title` }, panel.title),
    panel.lead && h("p", { class: "lead" }, panel.lead),
    body,
  );
  let started = false;
  builders.set(element, async () => {
    if (started) return;
    started = true;
    near.unobserve(element);
    try {
      await panel.build!(body);
    } catch (error) {
      replace(body, h("p", { class: "failure", role: "alert" }, `This panel could not be drawn: ${error instanceof Error ? error.message : error}`));
    }
    body.style.minHeight = "";
    element.dataset.built = "yes";
  });
  near.observe(element);
  return element;
}

/** Marks the link of the panel in sight. */
function markPlace(panels: Panel[], links: HTMLElement[]): void {
  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        const at = panels.findIndex((p) => p.id === entry.target.id);
        links.forEach((link, i) => (i === at ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
      }
    },
    { rootMargin: "-20% 0px -70% 0px" },
  );
  for (const panel of panels) observer.observe(document.getElementById(panel.id)!);
}

/** A list of notes; those with a detail open. Assumptions are folded: they are many, and the same from run to run. */
export function notes(title: string, list: Note[] | undefined, { tone = "", folded = false } = {}): HTMLElement | null {
  if (!list || list.length === 0) return null;
  return h(
    "details",
    { class: `notes ${tone}`, open: !folded },
    h("summary", {}, h("h3", {}, `${title} (${list.length})`)),
    h("ul", {}, list.map((note) => h("li", {}, note.detail ? h("details", {}, h("summary", {}, note.text), h("p", {}, note.detail)) : note.text))),
  );
}
