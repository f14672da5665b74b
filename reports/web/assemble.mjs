// Puts a report's data into the built page, as the command line does: data.md says how.
import { readFileSync } from "node:fs";
import { gzipSync, deflateRawSync } from "node:zlib";

const dist = (name) => readFileSync(new URL(`dist/${name}`, import.meta.url), "utf8");
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

/** One data part. In JSON every "<" is escaped, so that no text of the data can end the element. */
export function part(name, value, encoding = "json") {
  const json = JSON.stringify(value);
  const text =
    encoding === "json" ? json.replaceAll("<", "\\u003c") : (encoding === "gzip" ? gzipSync(json, { level: 6 }) : deflateRawSync(json, { level: 6 })).toString("base64");
  return `<script type="${encoding === "json" ? "application/json" : "text/plain"}" data-part="${escaped(name)}" data-encoding="${encoding}">${text}</script>\n`;
}

/** The whole page. `parts` are name and value; the first is `report`. */
export function assemble(title, parts, encoding = "json") {
  const [report, ...rest] = Object.entries(parts).map(([name, value]) => part(name, value, encoding));
  // Functions, because "$&" in a text would be a pattern.
  return dist("report.html")
    .replace("<!--title-->", () => escaped(title))
    .replace("<!--css-->", () => dist("report.css"))
    .replace("<!--report-->", () => report)
    .replace("<!--js-->", () => dist("report.js"))
    .replace("<!--parts-->", () => rest.join(""));
}
