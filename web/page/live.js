// The engine: loaded when it is first wanted, and what goes wrong in a line with a remedy.

/** The one line of an error, with a remedy where it has none of its own. */
export function lineOf(error) {
  const text = String(error?.message ?? error).split("\n")[0];
  if (/expected .*got /.test(text)) return text; // the engine's own lines name the remedy
  if (/WebAssembly|SharedArrayBuffer|CompileError/i.test(text))
    return `expected a browser with WebAssembly and SIMD, got “${text}”: take a current Firefox, Chrome, Edge or Safari`;
  if (/out of memory|Array buffer allocation|bad_alloc|RangeError|OOM/i.test(text))
    return "expected about 1 GB of free memory, got less: close other tabs and run again";
  if (/fetch|network|load failed|status \d+/i.test(text))
    return `expected the model's files, got none (${text.replace(/:?\s*\w+:\/\/\S+/g, "")}): check the connection and run again`;
  return `the run failed: ${text}; reload the page and run again`;
}

/** What a browser lacks, in a line, or an empty text. */
export function lacking(scope = globalThis) {
  if (typeof scope.WebAssembly !== "object")
    return "expected a browser with WebAssembly, got none: take a current Firefox, Chrome, Edge or Safari";
  if (typeof scope.Worker !== "function")
    return "expected a browser with web workers, got none: take a current Firefox, Chrome, Edge or Safari";
  return "";
}

/** A function that resolves to the engine; a load that failed is tried anew at the next call. */
export function loader(address, options, onProgress) {
  let loading = null;
  async function load() {
    const missing = lacking();
    if (missing) throw new Error(missing);
    const { createEngine } = await import(/* the bundle beside this one */ address);
    return createEngine({ ...options, onProgress });
  }
  return () => {
    loading ??= load().catch((error) => {
      loading = null;
      throw error;
    });
    return loading;
  };
}

/** A picture of the engine as a canvas. */
export function canvasOf({ data, width, height }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  return canvas;
}

/** What the engine is asked for: a shipped scene by its name where it has it, else picture and prompts. Settings of
 * nudges go to MAG-Edit alone. */
export function requestOf({ scene, source, settings, target, words, mask }, method, manifest, pictureOf) {
  const shipped = manifest.scenes.find((one) => one.name === scene && one.source === source);
  const own = shipped ? { scene } : { image: pictureOf(), source };
  const { steps, guidance, ...nudging } = settings;
  return { ...own, mask, target, words, method, steps, guidance, ...(method === "p2p+mag-edit" ? nudging : {}) };
}

/** Where the server sets no headers, a worker sets them, so that WebAssembly may have threads: from the next visit on. */
export function isolate() {
  if (globalThis.crossOriginIsolated || !navigator.serviceWorker) return;
  navigator.serviceWorker.register("isolate.js").catch(() => {}); // one thread then, which works too
}
