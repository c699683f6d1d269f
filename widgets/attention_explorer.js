// The browser's side of AttentionExplorer: it has every map, and asks the kernel for nothing.

import { element, row, select, statusLine, vector } from "./dom.js";

/** RGBA pixels of one plane of bytes, coloured by a table of 256 RGB triples. */
export function colourise(plane, table) {
  const pixels = new Uint8ClampedArray(4 * plane.length);
  plane.forEach((value, i) => pixels.set([table[3 * value], table[3 * value + 1], table[3 * value + 2], 255], 4 * i));
  return pixels;
}

/** The border of a mask of cells as line segments [x0, y0, x1, y1], in cells. */
export function border(mask, width, height) {
  const on = (x, y) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x] > 0;
  const lines = [];
  for (let y = 0; y <= height; y++)
    for (let x = 0; x <= width; x++) {
      if (on(x, y) !== on(x - 1, y)) lines.push([x, y, x, y + 1]);
      if (on(x, y) !== on(x, y - 1)) lines.push([x, y, x + 1, y]);
    }
  return lines;
}

/** Unbroken runs of a curve with gaps: lists of [index, value]. */
export function runs(values) {
  const made = [[]];
  values.forEach((value, i) => (value === null ? made.push([]) : made.at(-1).push([i, value])));
  return made.filter((run) => run.length);
}

const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

function render({ model, el }) {
  const meta = model.get("_meta");
  const { width, height, times, words } = meta;
  const cells = width * height;
  const maps = bytes(model.get("_maps")), masks = bytes(model.get("_masks")), table = bytes(model.get("_palette"));
  const pictures = model.get("_pictures");
  const urls = Object.fromEntries(Object.entries(pictures).map(([name, data]) =>
    [name, URL.createObjectURL(new Blob([data], { type: "image/png" }))]));

  const put = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  const word = () => words.find((w) => w.word === model.get("word"));

  // ---------------------------------------------------------------- parts

  const picture = element("img", { alt: "" });
  const map = element("canvas", { width, height, className: "pixels" });
  const lines = element("canvas", { width: 768, height: Math.round((768 * height) / width) });
  [map, lines].forEach((canvas) => canvas.setAttribute("aria-hidden", "true"));
  const stage = element("div", { className: "stage" }, picture, map, lines);
  stage.setAttribute("role", "img");
  stage.style.maxWidth = "440px";

  const plain = (list) => list.map((x) => [x, x]);
  const edited = meta.edited.join(" ").split(" ");
  const named = words.map((w) => [w.word, edited.includes(w.word) ? `${w.word} (edited)` : w.word]);
  const [wordLabel, wordSelect] = select("word", named, (v) => put("word", v));
  const [branchLabel, branchSelect] = select("branch", plain(["target", "source"]), (v) => put("branch", v));
  const [viewLabel, viewSelect] = select("show", [["overlay", "over the picture"], ["map", "map alone"]],
    (v) => put("view", v));
  const step = element("input", { type: "range", min: 0, max: times.length - 1, step: 1, className: "wide" });
  step.addEventListener("input", () => put("step", Number(step.value)));
  const opacity = element("input", { type: "range", min: 0, max: 1, step: 0.05 });
  opacity.addEventListener("input", () => put("opacity", Number(opacity.value)));
  const stepText = element("output");
  const scale = element("canvas", { width: 256, height: 1, className: "pixels" });
  scale.setAttribute("aria-hidden", "true");
  scale.style.cssText = "width: 180px; height: 14px;";
  const scaleText = element("span");
  const curve = vector("svg", { viewBox: "0 0 640 170", role: "img" });
  const [status] = statusLine();

  const root = element("div", { className: "mag" },
    row(wordLabel, branchLabel, viewLabel, element("label", {}, "opacity", opacity)),
    row(element("label", { style: "flex: 1" }, "step", step), stepText),
    stage, row(element("span", { textContent: "0" }), scale, scaleText), curve, status);
  el.append(root);

  // ---------------------------------------------------------------- drawing

  function drawMap(plane) {
    const context = map.getContext("2d");
    context.clearRect(0, 0, width, height);
    if (plane === undefined) return;
    const start = plane * cells;
    context.putImageData(new ImageData(colourise(maps.subarray(start, start + cells), table), width, height), 0, 0);
  }
  function drawOutline(index) {
    const context = lines.getContext("2d");
    const [sx, sy] = [lines.width / width, lines.height / height];
    context.clearRect(0, 0, lines.width, lines.height);
    context.lineCap = "square";
    for (const [colour, line] of [["#202020", 8], ["#ffffff", 4]]) {
      context.strokeStyle = colour;
      context.lineWidth = line;
      context.beginPath();
      for (const [x0, y0, x1, y1] of border(masks.subarray(index * cells, (index + 1) * cells), width, height)) {
        context.moveTo(x0 * sx, y0 * sy);
        context.lineTo(x1 * sx, y1 * sy);
      }
      context.stroke();
    }
  }
  const left = 46, right = 630, foot = 128, head = 22;
  const across = (i) => left + ((right - left) * i) / Math.max(1, times.length - 1);
  function drawCurve(values) {
    const known = (values ?? []).filter((v) => v !== null);
    const top = Math.max(...known, 0.01), up = (v) => foot - ((foot - head) * v) / top;
    const even = masks.subarray(words.indexOf(word()) * cells, (words.indexOf(word()) + 1) * cells)
      .reduce((a, b) => a + b, 0) / cells;
    const parts = [
      vector("text", { x: 4, y: 12 }, "share of the attention inside the mask (click to go to a step)"),
      vector("path", { d: `M${left} ${head}V${foot}H${right}`, fill: "none", stroke: "var(--line)" }),
      vector("text", { x: left - 5, y: foot, "text-anchor": "end" }, "0"),
      vector("text", { x: left - 5, y: head + 5, "text-anchor": "end" }, `${(100 * top).toFixed(1)}%`),
      vector("text", { x: left, y: foot + 18 }, "step 0"),
      vector("text", { x: right, y: foot + 18, "text-anchor": "end" }, `step ${times.length - 1}`),
    ];
    if (even <= top) parts.push(
      vector("path", { d: `M${left} ${up(even)}H${right}`, stroke: "var(--ink)", "stroke-dasharray": "2 4" }),
      vector("text", { x: (left + right) / 2, y: foot + 34, "text-anchor": "middle" }, "dotted: if spread evenly"));
    for (const run of runs(values ?? [])) {
      const points = run.map(([i, v]) => `${across(i)},${up(v)}`).join(" ");
      parts.push(vector("polyline", { points, fill: "none", stroke: "var(--accent)", "stroke-width": 3 }));
    }
    const here = across(model.get("step")), value = values?.[model.get("step")];
    parts.push(vector("path", { d: `M${here} ${head}V${foot}`, stroke: "var(--ink)" }));
    if (value !== null && value !== undefined)
      parts.push(vector("circle", { cx: here, cy: up(value), r: 6, fill: "var(--accent)", stroke: "var(--paper)" }));
    curve.replaceChildren(...parts);
    curve.setAttribute("aria-label", known.length
      ? `Share inside the mask, from ${(100 * known[0]).toFixed(1)}% to ${(100 * known.at(-1)).toFixed(1)}%` : "no curve");
  }
  curve.addEventListener("pointerdown", (event) => {
    const box = curve.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 640;
    const share = Math.min(1, Math.max(0, (x - left) / (right - left)));
    put("step", Math.round(share * (times.length - 1)));
  });

  function refresh() {
    const shown = word(), branch = model.get("branch"), at = model.get("step");
    const begin = shown.at[branch], values = shown.share[branch];
    const missing = begin === undefined || values[at] === null;
    drawMap(missing ? undefined : begin + at);
    drawOutline(words.indexOf(shown));
    drawCurve(values);
    map.style.opacity = model.get("view") === "map" ? 1 : model.get("opacity");
    picture.style.visibility = model.get("view") === "map" ? "hidden" : "visible";
    if (picture.src !== urls[branch]) picture.src = urls[branch];
    wordSelect.value = shown.word;
    branchSelect.value = branch;
    viewSelect.value = model.get("view");
    opacity.value = model.get("opacity");
    opacity.disabled = model.get("view") === "map";
    step.value = at;
    stepText.textContent = `${at} of 0–${times.length - 1} (timestep ${times[at]})`;
    step.setAttribute("aria-valuetext", `step ${at}, timestep ${times[at]}`);
    scaleText.textContent = `${shown.top.toPrecision(3)}: attention probability, the same at every step`;
    const text = begin === undefined ? `The ${branch} branch has no attention of “${shown.word}”.`
      : missing ? `The ${branch} branch was not run at step ${at}.`
        : `“${shown.word}” in the ${branch} branch: ${(100 * values[at]).toFixed(1)}% inside the mask.`;
    stage.setAttribute("aria-label", text);
    status.textContent = text;
    status.classList.toggle("error", missing);
  }
  function complain() {
    if (!model.get("status")) return;
    status.textContent = model.get("status");
    status.classList.add("error");
  }

  const bar = Uint8Array.from({ length: 256 }, (_, i) => i);
  scale.getContext("2d").putImageData(new ImageData(colourise(bar, table), 256, 1), 0, 0);
  picture.addEventListener("load", () => { stage.style.aspectRatio = `${picture.naturalWidth} / ${picture.naturalHeight}`; });
  stage.style.aspectRatio = `${width} / ${height}`;
  const watched = ["step", "word", "branch", "view", "opacity"].map((name) => `change:${name}`);
  watched.forEach((name) => model.on(name, refresh));
  model.on("change:status", complain);
  refresh();
  return () => {
    watched.forEach((name) => model.off(name, refresh));
    model.off("change:status", complain);
    Object.values(urls).forEach((url) => URL.revokeObjectURL(url));
  };
}

export default { render };
