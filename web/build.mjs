// Builds the page: `node web/build.mjs OUT RECORDED`. Scripts are bundled; styles, story and a first picture go into
// index.html itself, so that the first paint waits for nothing else.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
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

async function main(out, recorded) {
  mkdirSync(out, { recursive: true });
  const common = { bundle: true, minify: true, format: "esm", target: TARGET, logLevel: "warning" };
  await build({ ...common, entryPoints: [join(WEB, "page/main.js")], outfile: join(out, "page.js") });
  const engine = ["index.js", "worker.js"].map((name) => join(WEB, "engine", name));
  if (engine.every((file) => existsSync(file)))
    await build({ ...common, entryPoints: engine, outdir: join(out, "engine"), external: ["onnxruntime-web/*.wasm"] });
  writeFileSync(join(out, "index.html"), page({ css: await styles(), recorded }));
  cpSync(recorded, join(out, "recorded"), { recursive: true });
}

const [out, recorded] = process.argv.slice(2);
if (!out || !recorded) {
  console.error("expected two folders, got fewer: node web/build.mjs OUT RECORDED");
  process.exit(2);
}
await main(out, recorded);
