// ONNX Runtime's sessions of the exported graphs, one run at a time.

import { half } from "./safetensors.js";

export class Graphs {
  /** ort: the runtime. load(name): a file's bytes. providers: of execution, the first that works. */
  constructor(ort, manifest, load, providers) {
    Object.assign(this, { ort, manifest, load, providers });
    this.sessions = new Map();
    this.last = Promise.resolve();
  }

  /** Outputs of a graph by name, as tensors; `feed` has arrays, or tensors of an earlier run. */
  run(name, feed) {
    const turn = this.last.then(() => this.#run(name, feed));
    this.last = turn.catch(() => {});
    return turn;
  }

  /** A session, made when it is first asked for. */
  session(name) {
    if (!this.sessions.has(name)) this.sessions.set(name, this.#open(name));
    return this.sessions.get(name);
  }

  async close() {
    for (const session of this.sessions.values()) await (await session).release();
    this.sessions.clear();
  }

  /** All weights in single precision, as the graphs name them. */
  #weights() {
    const half = this.manifest.dtype === "float16";
    this.whole ??= this.load("weights.bin").then((bytes) => (half ? expanded(bytes) : bytes));
    return this.whole;
  }

  async #open(name) {
    const [graph, weights] = await Promise.all([this.load(`${name}.onnx`), this.#weights()]);
    const options = { executionProviders: this.providers, externalData: [{ path: "weights.bin", data: weights }] };
    const gpu = this.providers[0] === "webgpu";
    options.graphOptimizationLevel = gpu ? "all" : "disabled"; // on a CPU it takes a second a graph and saves nothing
    if (gpu && name === "source") options.preferredOutputLocation = kept(this.manifest);
    try {
      return await this.ort.InferenceSession.create(graph, options);
    } catch (error) {
      throw new Error(`expected graph '${name}' to load, got ${line(error)}; close other tabs, or reload the page`);
    }
  }

  async #run(name, feed) {
    const session = await this.session(name);
    const { inputs } = this.manifest.graphs[name];
    const tensors = Object.fromEntries(
      Object.entries(inputs).map(([key, shape]) => [key, this.#tensor(feed, key, shape)]),
    );
    try {
      return await session.run(tensors);
    } catch (error) {
      throw new Error(`expected graph '${name}' to run, got ${line(error)}; close other tabs, or reload the page`);
    }
  }

  #tensor(feed, key, shape) {
    const given = feed[key];
    if (given === undefined) throw new Error(`expected an input '${key}', got none; export the graphs anew`);
    if (given instanceof this.ort.Tensor) return given;
    if (given instanceof BigInt64Array) return new this.ort.Tensor("int64", given, shape);
    return new this.ort.Tensor("float32", given, shape);
  }
}

/** Maps stay on the GPU, where the target's passes take them. */
const kept = ({ graphs }) =>
  Object.fromEntries(graphs.source.outputs.map((name) => [name, name === "heat" ? "cpu" : "gpu-buffer"]));

function expanded(bytes) {
  const values = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  const table = Float32Array.from({ length: 65536 }, (_, bits) => half(bits));
  const whole = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) whole[i] = table[values[i]];
  return new Uint8Array(whole.buffer);
}

const line = (error) =>
  String(error?.message ?? error)
    .split("\n")[0]
    .slice(0, 160);
