// Builds dist/: report.js, report.css, and report.html, the page they go into. With --check nothing is
// written, and the build must equal what is committed, byte for byte.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));
// A browser reads every line end as one "\n"; the hash of the page must be of what it reads.
const text = (...path) => readFileSync(join(root, ...path), "utf8").replaceAll("\r\n", "\n");

/** Licences of what is in the bundle; none of them may be lost. */
function licences() {
  const own = ["echarts", "zrender", "@dagrejs/dagre", "@dagrejs/graphlib"].map((name) => {
    const { version, license } = JSON.parse(text("node_modules", name, "package.json"));
    const files = name === "echarts" ? ["NOTICE", "LICENSE"] : ["LICENSE"];
    return [`${name} ${version}, ${license}`, ...files.map((file) => text("node_modules", name, file).trim())].join("\n\n");
  });
  // tslib's helpers come in with echarts.
  own.push(`tslib, 0BSD\n\n${text("node_modules", "tslib", "LICENSE.txt").trim()}`);
  return `/*!\n${own.join("\n\n----\n\n").replaceAll("*/", "* /")}\n*/\n`;
}

const options = { absWorkingDir: root, bundle: true, minify: true, write: false, legalComments: "none", charset: "ascii", logLevel: "warning" };
const [js, css] = await Promise.all([
  build({ ...options, entryPoints: ["src/main.ts"], format: "iife", target: ["es2022"], define: { "process.env.NODE_ENV": '"production"' } }),
  build({ ...options, entryPoints: ["src/style.css"] }),
]);
// A script element ends at the first "</script", and "<!--" changes how it is read.
const code = licences() + js.outputFiles[0].text.replaceAll(/<\/script/gi, "<\\/script").replaceAll("<!--", "<\\!--");
const style = css.outputFiles[0].text;
const hash = (content) => `'sha256-${createHash("sha256").update(content).digest("base64")}'`;
const csp = [
  "default-src 'none'",
  `script-src ${hash(code)}`,
  `style-src-elem ${hash(style)}`,
  "style-src-attr 'unsafe-inline'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");
const files = { "report.js": code, "report.css": style, "report.html": text("src", "report.html").replace("<!--csp-->", csp) };

let wrong = 0;
mkdirSync(join(root, "dist"), { recursive: true });
for (const [name, content] of Object.entries(files)) {
  const path = join(root, "dist", name);
  if (process.argv.includes("--check")) {
    if (text("dist", name) === content) continue;
    console.error(`dist/${name} is not what the sources build to; run npm run build`);
    wrong += 1;
  } else {
    writeFileSync(path, content);
    console.log(`dist/${name}: ${Buffer.byteLength(content).toLocaleString("en-US")} bytes`);
  }
}
process.exit(wrong ? 1 : 0);
