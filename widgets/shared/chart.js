// A small chart of curves over places that can be clicked to go there.

import { element, vector } from "./dom.js";

const HEIGHT = 132,
  LEFT = 76,
  RIGHT = 10,
  HEAD = 10,
  FOOT = 26;

/** Unbroken runs of a curve with gaps: lists of [index, value]. */
export function runs(values) {
  const made = [[]];
  values.forEach((value, i) => (value === null ? made.push([]) : made.at(-1).push([i, value])));
  return made.filter((run) => run.length);
}

/** From where to where an axis runs, and whether it is logarithmic: where positive values span more than a decade. */
export function extent(lines, { zero = false, marks = [] } = {}) {
  const known = [...lines.flatMap(({ values }) => values), ...marks].filter((v) => v !== null && Number.isFinite(v));
  if (!known.length) return { low: 0, high: 1, log: false };
  const low = known.reduce((a, b) => Math.min(a, b)),
    high = known.reduce((a, b) => Math.max(a, b));
  if (!zero && low > 0 && high > 10 * low) return { low, high, log: true };
  const from = zero ? Math.min(0, low) : low,
    pad = high > from ? 0 : Math.abs(high) * 0.1 || 1;
  return { low: zero ? from : from - pad, high: high + pad, log: false };
}

/** How far up a value lies, 0 to 1. */
export function share(value, { low, high, log }) {
  return log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}

/** A number as it is read: three digits or as many as are asked for, powers of ten for the very small. */
export function digits(value, count = 3) {
  if (value === 0) return "0";
  const small = Math.abs(value) < 0.001 || Math.abs(value) >= 1e5;
  return small
    ? value
        .toExponential(count - 2)
        .replace("e-", "e−")
        .replace("e+", "e")
    : String(Number(value.toPrecision(count)));
}

/** As many digits as it takes to tell the ends of an axis apart. */
export function needed({ low, high }) {
  const ratio = Math.max(Math.abs(low), Math.abs(high)) / (high - low);
  return Math.min(8, Math.max(3, 1 + Math.ceil(Math.log10(ratio))));
}

/** The place that a click at x means. */
export function placeAt(x, width, count) {
  const along = Math.min(1, Math.max(0, (x - LEFT) / Math.max(1, width - LEFT - RIGHT)));
  return Math.round(along * Math.max(0, count - 1));
}

function legend(lines) {
  return lines.map(({ name, colour, dash }) => {
    const sample = vector("svg", { width: 30, height: 10, "aria-hidden": "true" });
    sample.append(
      vector("path", { d: "M1 5H29", stroke: colour, "stroke-width": 3, "stroke-dasharray": dash ?? "none" }),
    );
    return element("span", { className: "key" }, sample, name);
  });
}

/** {figure, draw}. pick(place) is called on a click or drag. */
export function makeChart(title, pick) {
  const svg = vector("svg", { role: "img", height: HEIGHT, class: pick ? "chart leads" : "chart" });
  const keys = element("span", { className: "row keys" });
  const figure = element(
    "figure",
    { className: "charted" },
    element("figcaption", {}, element("strong", { textContent: title }), keys),
    svg,
  );
  let last,
    wide = 0;

  /** lines: {name, values, colour, dash, width; spots, where the values are not evenly spread over `count` places};
   * here: the place shown; mark: {value, name}, dotted; ends: texts below; borders: places that begin a new part. */
  function draw(asked) {
    last = asked;
    wide = svg.clientWidth || 420;
    const { lines, here, ends = [], mark, zero, borders = [] } = asked;
    const count = asked.count ?? Math.max(1, ...lines.map(({ values }) => values.length));
    const axis = extent(lines, { zero, marks: mark ? [mark.value] : [] });
    const format = asked.format ?? ((value) => digits(value, needed(axis)));
    const across = (i) => LEFT + ((wide - LEFT - RIGHT) * i) / (count > 1 ? count - 1 : 1);
    const up = (v) => HEIGHT - FOOT - (HEIGHT - FOOT - HEAD) * share(v, axis);
    const foot = HEIGHT - FOOT,
      parts = [];
    for (const at of borders)
      parts.push(
        vector("path", { d: `M${across(at - 0.5)} ${HEAD}V${foot}`, stroke: "var(--line)", "stroke-opacity": 0.35 }),
      );
    parts.push(
      vector("path", {
        d: `M${LEFT} ${HEAD}V${foot}H${wide - RIGHT}`,
        fill: "none",
        stroke: "var(--line)",
        class: "axes",
      }),
    );
    for (const [value, y] of [
      [axis.high, HEAD + 6],
      [axis.low, foot],
    ])
      parts.push(vector("text", { x: LEFT - 6, y, "text-anchor": "end" }, format(value)));
    ends.forEach((text, i) =>
      parts.push(
        vector("text", { x: i ? wide - RIGHT : LEFT, y: HEIGHT - 6, "text-anchor": i ? "end" : "start" }, text),
      ),
    );
    if (mark)
      parts.push(
        vector("path", {
          d: `M${LEFT} ${up(mark.value)}H${wide - RIGHT}`,
          stroke: "var(--ink)",
          "stroke-dasharray": "2 5",
          "stroke-width": 1.5,
        }),
      );
    lines.forEach((line) => parts.push(...curves(line, across, up)));
    if (here !== undefined) parts.push(...cursor(lines, here, across, up, foot));
    svg.replaceChildren(...parts);
    svg.setAttribute("aria-label", inWords(title, lines, here, format));
    const named = mark ? [...lines, { name: mark.name, colour: "var(--ink)", dash: "2 5" }] : lines;
    keys.replaceChildren(...legend(named.filter(({ name }) => name)));
  }
  const go = (event) => {
    const count = Math.max(1, ...last.lines.map(({ values }) => values.length));
    pick?.(placeAt(event.clientX - svg.getBoundingClientRect().left, wide, count));
  };
  svg.addEventListener("pointerdown", (event) => {
    svg.setPointerCapture(event.pointerId);
    go(event);
  });
  svg.addEventListener("pointermove", (event) => event.buttons && go(event));
  const resized = new ResizeObserver(() => last && svg.clientWidth && svg.clientWidth !== wide && draw(last));
  resized.observe(svg);
  return { figure, draw, stop: () => resized.disconnect() };
}

function curves({ values, spots, colour, dash, width = 3 }, across, up) {
  const x = (i) => across(spots ? spots[i] : i);
  return runs(values).map((run) =>
    run.length === 1
      ? vector("circle", { cx: x(run[0][0]), cy: up(run[0][1]), r: 3, fill: colour })
      : vector("polyline", {
          points: run.map(([i, v]) => `${x(i).toFixed(1)},${up(v).toFixed(1)}`).join(" "),
          fill: "none",
          stroke: colour,
          "stroke-width": width,
          "stroke-dasharray": dash ?? "none",
        }),
  );
}

function cursor(lines, here, across, up, foot) {
  const x = across(here),
    parts = [vector("path", { d: `M${x} ${HEAD}V${foot}`, stroke: "var(--ink)" })];
  for (const { values, colour } of lines)
    if (values[here] !== null && values[here] !== undefined)
      parts.push(vector("circle", { cx: x, cy: up(values[here]), r: 6, fill: colour, stroke: "var(--paper)" }));
  return parts;
}

/** The chart for whoever does not see it: what its curves are at the place shown, or at their end. */
export function inWords(title, lines, here, format) {
  const seen = ({ values }) => (here === undefined ? values.findLast((v) => v !== null) : values[here]) ?? null;
  const told = lines
    .filter((line) => seen(line) !== null)
    .map((line) => `${line.name ?? ""} ${format(seen(line))}`.trim());
  return told.length ? `${title}: ${here === undefined ? "at the end" : "here"} ${told.join(", ")}` : title;
}
