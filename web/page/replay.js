// Recorded edits, as events of the engine's interface: the page shows them before, and without, a model.

/** Planes of bytes one after the other, by name, with their shapes. */
export function unpack(buffer, shapes) {
  const planes = {};
  let at = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const size = shape.reduce((a, b) => a * b, 1);
    planes[name] = { data: new Uint8Array(buffer, at, size), shape };
    at += size;
  }
  if (at !== buffer.byteLength)
    throw new Error(`expected ${at} bytes of a recorded edit, got ${buffer.byteLength}: reload the page`);
  return planes;
}

/** One map of a plane as numbers. `top`: what 255 stands for. */
function map({ data, shape }, index, top) {
  const size = shape.at(-1) * shape.at(-2);
  return Float32Array.from(data.subarray(index * size, (index + 1) * size), (byte) => (byte / 255) * top);
}

function added(maps) {
  return maps[0].map((_, i) => maps.reduce((sum, one) => sum + one[i], 0));
}

/** The StepEvents of a recording, each with its NudgeEvents. */
export function events(meta, buffer, range) {
  const planes = unpack(buffer, meta.planes),
    guided = meta.losses.flatMap((losses, i) => (losses.length ? [i] : []));
  return meta.times.map((timestep, step) => {
    const row = guided.indexOf(step);
    const nudges = meta.losses[step].map((loss, k) => nudgeEvent(meta, planes, { step, timestep, row, k, loss }));
    const [, channels, high, wide] = planes.latent.shape,
      size = channels * high * wide;
    const latent = Float32Array.from(
      planes.latent.data.subarray(step * size, (step + 1) * size),
      (byte) => (byte / 127.5 - 1) * range,
    );
    const count = planes.attention.shape[1];
    const attention = Array.from({ length: count }, (_, column) =>
      map(planes.attention, step * count + column, meta.tops.attention[step][column]),
    );
    return {
      step,
      timestep,
      steps: meta.times.length,
      latent,
      attention,
      map: added(meta.columns.map((column) => attention[column])),
      share: meta.share[step],
      losses: meta.losses[step],
      nudges,
    };
  });
}

function nudgeEvent(meta, planes, { step, timestep, row, k, loss }) {
  const most = planes.nudgeMaps.shape[1],
    at = row * most + k;
  return {
    step,
    timestep,
    iteration: k,
    loss,
    gradientInside: meta.inside[step][k],
    gradientOutside: meta.outside[step][k],
    moved: meta.moved[step][k],
    stepSize: meta.step_size[step][k],
    share: meta.shares[step][k],
    map: map(planes.nudgeMaps, at, meta.tops.nudgeMaps[row][k]),
    gradientMap: map(planes.gradientMaps, at, meta.tops.gradientMaps[row][k]),
  };
}

async function fetched(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`expected ${url}, got status ${answer.status}: reload the page`);
  return answer;
}

async function picture(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

/** Cuts a sheet of pictures into canvases of their own. */
function frames(sheet, count, across) {
  const side = sheet.naturalWidth / across;
  return Array.from({ length: count }, (_, i) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
    const from = [(i % across) * side, Math.floor(i / across) * side];
    canvas.getContext("2d").drawImage(sheet, ...from, side, side, 0, 0, side, side);
    return canvas;
  });
}

/** The recorded edits in a folder: {index, load(scene, name)}, where load gives {meta, events, frames}. */
export async function openRecorded(base) {
  const index = await (await fetched(`${base}index.json`)).json();
  const kept = new Map();
  async function read(scene, name) {
    const stem = `${base}${scene}/${name}`;
    const [meta, buffer, sheet] = await Promise.all([
      fetched(`${stem}.json`).then((a) => a.json()),
      fetched(`${stem}.bin`).then((a) => a.arrayBuffer()),
      picture(`${stem}.webp`),
    ]);
    return { meta, events: events(meta, buffer, index.range), frames: frames(sheet, meta.times.length, index.across) };
  }
  function load(scene, name) {
    const key = `${scene}/${name}`;
    if (!kept.has(key)) kept.set(key, read(scene, name));
    kept.get(key).catch(() => kept.delete(key)); // another try may succeed
    return kept.get(key);
  }
  return { index, load };
}
