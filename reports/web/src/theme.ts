/** Light and dark, and the colours that charts take from the style sheet. */

export const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

export type Theme = "auto" | "light" | "dark";
const KEY = "qsim-report-theme";
const listeners = new Set<() => void>();
const dark = matchMedia("(prefers-color-scheme: dark)");
let chosen: Theme = "auto";

function apply(): void {
  const shown = chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen;
  document.documentElement.dataset.theme = shown;
  for (const listener of listeners) listener();
}

export function startTheme(): void {
  try {
    const kept = localStorage.getItem(KEY);
    if (kept === "light" || kept === "dark") chosen = kept;
  } catch {
    // A page from a file may have no storage; the theme then lasts as long as the page.
  }
  dark.addEventListener("change", apply);
  apply();
}

export function theme(): Theme {
  return chosen;
}

export function setTheme(next: Theme): void {
  chosen = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // As above.
  }
  apply();
}

export function onTheme(listener: () => void): void {
  listeners.add(listener);
}

export interface Colours {
  text: string;
  muted: string;
  line: string;
  panel: string;
  accent: string;
  good: string;
  bad: string;
  warn: string;
  /** Okabe and Ito (2008), Color Universal Design: told apart with any colour vision. */
  series: string[];
  /** From low to high, of one hue order that also works in grey (after viridis and cividis). */
  ramp: string[];
}

export function colours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: of("text"),
    muted: of("muted"),
    line: of("line"),
    panel: of("panel"),
    accent: of("accent"),
    good: of("good"),
    bad: of("bad"),
    warn: of("warn"),
    series: [1, 2, 3, 4, 5, 6, 7].map((n) => of(`series-${n}`)),
    ramp: ["#00224e", "#35456c", "#666970", "#948e77", "#c8b866", "#fee838"],
  };
}
