// The worker's side: the core, with the browser's runtime, downloads and messages.

import { Core } from "./core.js";
import { downloads } from "./downloads.js";

const running = new Map(); // abort controllers of the calls under way
let core;

self.onmessage = async ({ data: { id, name, args, abort } }) => {
  if (abort) return running.get(id)?.abort();
  running.set(id, new AbortController());
  const tell = (event) => (value) => self.postMessage({ id, event, value });
  try {
    self.postMessage({ id, value: await CALLS[name](tell, running.get(id).signal, ...args) });
  } catch ({ name: kind, message, trace }) {
    self.postMessage({ id, error: { name: kind, message: message.split("\n")[0], trace } });
  } finally {
    running.delete(id);
  }
};

const CALLS = {
  open,
  edit: (tell, signal, request) =>
    core.edit(request, {
      signal,
      onStep: tell("step"),
      onNudge: tell("nudge"),
      onInvert: (done, of) => tell("invert")([done, of]),
    }),
  check: (_, __, request) => core.check(request),
  decode: (_, __, latent) => core.decode(latent),
  encode: (_, __, image) => core.encode(image),
  tokenize: (_, __, text) => core.tokenize(text),
};

async function open(tell, _signal, { base, runtime, backend, threads }) {
  const gpu = backend !== "wasm" && (await adapter());
  if (backend === "webgpu" && !gpu)
    throw new Error("expected WebGPU, got a browser without an adapter; take backend 'auto' or 'wasm'");
  const ort = gpu ? await import("onnxruntime-web/webgpu") : await import("onnxruntime-web/wasm");
  ort.env.wasm.wasmPaths = runtime;
  ort.env.wasm.numThreads = self.crossOriginIsolated ? (threads ?? Math.min(8, navigator.hardwareConcurrency)) : 1;
  const load = await downloads(base, tell("progress"));
  core = await Core.open({ ort, load, providers: gpu ? ["webgpu", "wasm"] : ["wasm"], tick });
  return { manifest: core.manifest, backend: gpu ? "webgpu" : "wasm", threads: ort.env.wasm.numThreads };
}

async function adapter() {
  try {
    return Boolean(await navigator.gpu?.requestAdapter());
  } catch {
    return false; // a browser that has the interface and refuses it
  }
}

/** A turn of the event loop, in which messages come in; timers would wait longer. */
function tick() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}
