// The engine itself, without a page or a worker: graphs, tokenizer, schedule, edits.

import { edited } from "./alignment.js";
import { Graphs } from "./graphs.js";
import { predicted, steps } from "./loop.js";
import { asMask } from "./masks.js";
import { complaints, filled, planned, wordColumns } from "./plan.js";
import { decodePng } from "./png.js";
import { readTensors } from "./safetensors.js";
import { move, Schedule } from "./schedule.js";
import { Tokenizer } from "./tokenizer.js";

export class Core {
  /** ort: the runtime. load(name): the bytes of a file of the graphs' folder. providers: of execution. tick(): lets
   * messages in. */
  static async open({ ort, load, providers = ["wasm"], tick = async () => {} }) {
    const read = async (name) => JSON.parse(new TextDecoder().decode(await load(name)));
    const [manifest, words] = [await read("manifest.json"), await read("tokenizer.json")];
    if (manifest.schema !== 1) throw new Error(`expected graphs of schema 1, got ${manifest.schema}; export them anew`);
    return new Core(manifest, new Tokenizer(words), new Graphs(ort, manifest, load, providers), load, tick);
  }

  constructor(manifest, tokenizer, graphs, load, tick) {
    Object.assign(this, { manifest, tokenizer, graphs, load, tick });
    this.schedule = new Schedule(manifest.schedule);
    const shapes = Object.entries(manifest.sites).map(([name, { shape }]) => [name, shape.reduce((a, b) => a * b)]);
    this.empty = Object.fromEntries(shapes.map(([name, size]) => [name, new Float32Array(size)]));
    this.texts = new Map();
  }

  /** All that is wrong with a request, a line each. */
  check(request) {
    try {
      return complaints(filled(request, this.manifest), this.manifest, this.tokenizer);
    } catch (error) {
      return [error.message];
    }
  }

  tokenize(text) {
    const { ids } = this.tokenizer.encode(text);
    return { ids, tokens: this.tokenizer.tokens(text), words: this.tokenizer.words(text) };
  }

  /** The embedding of a prompt. */
  async embed(prompt) {
    if (!this.texts.has(prompt)) {
      const ids = BigInt64Array.from(this.tokenizer.padded(prompt), BigInt);
      this.texts.set(prompt, (await this.graphs.run("text", { ids })).text.data);
    }
    return this.texts.get(prompt);
  }

  /** A picture's latent. */
  async encode({ data, width, height }) {
    const picture = new Float32Array(3 * width * height);
    for (let i = 0; i < width * height; i++)
      for (let k = 0; k < 3; k++) picture[k * width * height + i] = data[4 * i + k] / 127.5 - 1;
    return (await this.graphs.run("encoder", { picture })).z.data;
  }

  /** A latent's picture. */
  async decode(latent) {
    const [height, width] = this.manifest.picture;
    const { data: values } = (await this.graphs.run("decoder", { z: latent })).picture;
    const data = new Uint8ClampedArray(4 * width * height).fill(255);
    for (let i = 0; i < width * height; i++)
      for (let k = 0; k < 3; k++) data[4 * i + k] = Math.round((values[k * width * height + i] + 1) * 127.5);
    return { data, width, height };
  }

  /** Run an edit; an error of a cancelled or failed run has the steps so far as its `trace`. */
  async edit(request, { signal, onStep, onNudge, onInvert } = {}) {
    const { plan, image, path } = await this.#prepared(request, signal, onInvert);
    const trace = this.#trace(plan, image);
    const alive = this.#alive(signal);
    try {
      const cond = await this.embed(plan.request.target);
      for await (const { nudge, step } of steps(this, plan, path, cond, alive)) {
        if (nudge) onNudge?.(nudge);
        if (step) await this.#kept(trace, step, plan, onStep);
      }
      const latent = trace.steps.at(-1).latent;
      trace.result = await this.decode(latent);
      return { latent, picture: trace.result, trace };
    } catch (error) {
      throw Object.assign(error, { trace });
    }
  }

  async #kept(trace, step, plan, onStep) {
    trace.steps.push(step);
    onStep?.(plan.request.previews ? { ...step, preview: await this.decode(step.x0) } : step);
  }

  #alive = (signal) => async () => {
    await this.tick();
    if (signal?.aborted) throw Object.assign(new Error("cancelled; the steps so far are kept"), { name: "AbortError" });
  };

  async #prepared(request, signal, onInvert) {
    const r = filled(request, this.manifest);
    const wrong = complaints(r, this.manifest, this.tokenizer);
    if (wrong.length) throw new Error(wrong[0]);
    const scene = this.manifest.scenes.find((s) => s.name === r.scene);
    const image = r.image ?? (await this.#picture(scene.picture));
    const mask = asMask(r.mask ?? red(await this.#picture(scene.mask)), this.manifest.picture);
    const plan = planned(r, mask, this.manifest, this.tokenizer);
    plan.tokens = this.tokenizer.tokens(r.target);
    plan.sourceTokens = this.tokenizer.tokens(r.source);
    const recorded = scene && !request.image && r.source === scene.source && r.steps === scene.steps;
    const path = recorded
      ? await this.recorded(scene)
      : await this.invert(image, r.source, r.steps, { signal, onInvert });
    return { plan, image, path };
  }

  #picture = async (name) => decodePng(await this.load(name), name);

  /** A scene's path as the export recorded it. */
  async recorded(scene) {
    const { tensors, metadata } = readTensors(await this.load(scene.path), scene.path);
    const facts = JSON.parse(metadata.path);
    return {
      latents: rows(tensors.latents),
      uncond: rows(tensors.uncond),
      cond: tensors.cond.data,
      times: facts.times,
      pin: facts.pin,
    };
  }

  /** Direct inversion: DDIM backwards under the source prompt, whose latents are replayed. */
  async invert(image, source, count, { signal, onInvert } = {}) {
    const [cond, uncond, alive] = [await this.embed(source), await this.embed(""), this.#alive(signal)];
    const latents = [await this.encode(image)];
    const times = this.schedule.timesteps(count);
    for (const [k, t] of times.slice().reverse().entries()) {
      await alive();
      const eps = await predicted(this, latents[0], t, cond);
      const here = this.schedule.level(k ? times[count - k] : -1);
      latents.unshift(move(latents[0], eps, here, this.schedule.level(t)));
      onInvert?.(k + 1, count);
    }
    return { latents, uncond: [uncond], cond, times, pin: true };
  }

  #trace(plan, image) {
    const { image: _, mask: __, scene: ___, ...request } = plan.request;
    const { source, target, words } = request;
    const target_ = (word) => edited(this.tokenizer, source, target, word);
    const source_ = (word) => this.tokenizer.positions(source, word, "source");
    return {
      request,
      source,
      target,
      words,
      tokens: plan.tokens,
      sourceTokens: plan.sourceTokens,
      columns: plan.columns,
      wordColumns: wordColumns(target, words, target_),
      sourceColumns: wordColumns(source, [], source_),
      cells: this.manifest.cells,
      latent: this.manifest.latent,
      sites: this.manifest.guided,
      mask: plan.mask,
      picture: this.manifest.picture,
      image,
      result: null,
      steps: [],
    };
  }
}

/** A grey picture's one channel. */
const red = ({ data }) => Uint8Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]);

/** The rows of a tensor. */
function rows({ shape, data }) {
  const size = data.length / shape[0];
  return Array.from({ length: shape[0] }, (_, i) => data.slice(i * size, (i + 1) * size));
}
