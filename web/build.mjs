// Builds the page: `node web/build.mjs OUT RECORDED MODEL`. Scripts are bundled; styles, story and a first picture go into
// index.html itself, so that the first paint waits for nothing else.

import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

const WEB = dirname(fileURLToPath(import.meta.url));
const TARGET = ["chrome111", "firefox113", "safari16.4"];

/** A folder's files of one ending as one text, by name. */
export function joined(folder, ending) {
  const names = readdirSync(folder).filter((name) => name.endsWith(ending));
  return names.sort().map((name) => readFileSync(join(folder, name), "utf-8"));
}

async function styles() {
  const shared = readFileSync(join(WEB, "../widgets/shared/widgets.css"), "utf-8");
  const { code } = await transform([shared, ...joined(join(WEB, "styles"), ".css")].join("\n"), {
    loader: "css",
    minify: true,
  });
  return code;
}

/** index.html with its parts put in. */
function page({ css, recorded }) {
  const index = JSON.parse(readFileSync(join(recorded, "index.json"), "utf-8"));
  const poster = readFileSync(join(recorded, "poster.webp")).toString("base64");
  const parts = {
    "/*STYLES*/": css,
    "<!--STORY-->": joined(join(WEB, "story"), ".html").join("\n"),
    "<!--TARGET-->": index.scenes[0].target,
    "/*POSTER*/": `data:image/webp;base64,${poster}`,
  };
  return Object.entries(parts).reduce(
    (text, [mark, part]) => text.replace(mark, () => part),
    readFileSync(join(WEB, "index.html"), "utf-8"),
  );
}

/** The engine with its worker, and the runtime's files beside them. */
async function buildEngine(out, common) {
  const entryPoints = ["index.js", "worker.js"].map((name) => join(WEB, "engine", name));
  await build({ ...common, entryPoints, outdir: join(out, "engine"), splitting: true });
  const runtime = join(WEB, "../node_modules/onnxruntime-web/dist"),
    names = readdirSync(runtime).filter((name) => /^ort-wasm-simd-threaded(\.asyncify)?\.(wasm|mjs)$/.test(name));
  for (const name of names) cpSync(join(runtime, name), join(out, "engine/runtime", name));
}

async function main(out, recorded, model) {
  mkdirSync(out, { recursive: true });
  const common = { bundle: true, minify: true, format: "esm", target: TARGET, logLevel: "warning" };
  await build({ ...common, entryPoints: [join(WEB, "page/main.js")], outfile: join(out, "page.js") });
  await buildEngine(out, common);
  writeFileSync(join(out, "index.html"), page({ css: await styles(), recorded }));
  cpSync(join(WEB, "isolate.js"), join(out, "isolate.js"));
  cpSync(recorded, join(out, "recorded"), { recursive: true });
  cpSync(model, join(out, "models", basename(model)), { recursive: true });
}

const folders = process.argv.slice(2);
if (folders.length !== 3) {
  console.error(`expected three folders, got ${folders.length}: node web/build.mjs OUT RECORDED MODEL`);
  process.exit(2);
}
await main(...folders);
