// The page's side of the engine: calls go to a worker, events come back. See types.d.ts.

import { packed } from "./folder.js";
import { opened } from "./opening.js";

/** @param {import("./types").Options} options @returns {Promise<import("./types").Engine>} */
export async function createEngine({ base, runtime, worker, backend = "auto", threads, onProgress }) {
  const folder = new URL(base, document.baseURI);
  const script = worker ? new URL(worker, document.baseURI) : new URL("./worker.js", import.meta.url);
  const link = new Link(new Worker(script, { type: "module" }));
  const options = { base: folder.href, runtime: new URL(runtime ?? `${folder.href}runtime/`, document.baseURI).href };
  const opening = link.call("open", [{ ...options, backend, threads }], { progress: onProgress });
  const { manifest, ...facts } = await opening.catch((error) => {
    link.close();
    throw error;
  });
  return {
    manifest,
    ...facts,
    edit: (request, { signal, onStep, onNudge, onInvert } = {}) => {
      const invert = onInvert && (([done, of]) => onInvert(done, of));
      return link.call("edit", [request], { step: onStep, nudge: onNudge, invert }, signal);
    },
    check: (request) => link.call("check", [request]),
    decode: (latent) => link.call("decode", [latent]),
    encode: (image) => link.call("encode", [image]),
    tokenize: (text) => link.call("tokenize", [text]),
    download: (trace) => packed(trace),
    open: (files) => opened(files),
    close: () => link.close(),
  };
}

/** Numbered calls to a worker, each with its events. */
class Link {
  constructor(worker) {
    this.worker = worker;
    this.calls = new Map();
    this.count = 0;
    worker.onmessage = ({ data }) => this.#heard(data);
    worker.onerror = (event) => this.#fail(`expected a worker, got ${event.message || "no script"}; reload the page`);
    worker.onmessageerror = () => this.#fail("expected a message, got one that cannot be read; reload the page");
  }

  call(name, args, events = {}, signal) {
    const id = ++this.count;
    const done = new Promise((resolve, reject) => this.calls.set(id, { resolve, reject, events }));
    this.worker.postMessage({ id, name, args });
    const abort = () => this.worker.postMessage({ id, abort: true });
    signal?.aborted ? abort() : signal?.addEventListener("abort", abort, { once: true });
    return done.finally(() => signal?.removeEventListener("abort", abort));
  }

  close() {
    this.worker.terminate();
    this.#fail("expected an engine, got a closed one; create another");
  }

  #heard({ id, event, value, error }) {
    const call = this.calls.get(id);
    if (event) return call?.events[event]?.(value);
    this.calls.delete(id);
    if (error) return call?.reject(Object.assign(new Error(error.message), error));
    return call?.resolve(value);
  }

  #fail(message) {
    for (const { reject } of this.calls.values()) reject(new Error(message));
    this.calls.clear();
  }
}
