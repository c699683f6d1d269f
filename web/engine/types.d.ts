// The engine's interface: what a page may rely on. Shapes in brackets; all arrays of numbers are flat, rows first.

/** A picture of the model's size (`manifest.picture`): 4 bytes a pixel, as `ImageData.data`. */
export interface Picture {
  data: Uint8ClampedArray;
  width: number;
  height: number;
}

/** A finished step's or run's position: what `decode` takes. [channels x height x width of `manifest.latent`] */
export type Latent = Float32Array;

/** A scene that ships with the graphs. Addresses are relative to the graphs' folder. */
export interface Scene {
  name: string;
  picture: string; // PNG of the model's size
  mask: string; // grey PNG, white where to edit
  source: string;
  target: string;
  words: string[];
  path: string; // the recorded inversion, safetensors; used where source, steps and guidance are these
  steps: number;
  guidance: number;
}

export interface Manifest {
  schema: 1;
  model: string;
  dtype: "float32" | "float16"; // how weights are stored; all is computed in float32
  picture: [height: number, width: number];
  latent: [channels: number, height: number, width: number];
  cells: [height: number, width: number]; // of the maps that are guided and shown
  tokens: number; // columns of a map, padding included
  words: number; // how many edit words a run may have
  files: { name: string; bytes: number; sha256: string }[];
  scenes: Scene[];
  methods: Record<Method, Partial<EditRequest>>; // what each method's name stands for
}

export type Method = "p2p" | "p2p+mask" | "p2p+reweight" | "p2p+mag-edit";

/** What to edit, and how. Left out: the value in parentheses. */
export interface EditRequest {
  scene?: string; // a shipped scene's name; picture, mask, prompts and words are then its own where left out
  image?: Picture;
  mask?: Float32Array | Uint8Array | Uint8ClampedArray; // [height x width of the picture], 0-1, of bytes 0-255
  source?: string;
  target?: string;
  words?: string | string[];
  method?: Method; // ("p2p+mag-edit")
  steps?: number; // (20)
  guidance?: number; // classifier-free guidance scale (4)
  nudges?: number; // a guided step (3)
  stepSize?: number; // delta of Eq. 4 (5)
  bySigma?: boolean; // delta times noise over signal (true for the token ratio alone)
  tau?: number; // steps before this one are guided (half of the steps)
  loss?: "token" | "spatial" | number; // a number: the share of the spatial ratio in a mix of both, 0-1 ("token")
  lambda?: number; // of Eq. 2 (3)
  allTokens?: boolean; // Eq. 1's denominator takes every column (true)
  perHead?: boolean; // one loss a head, averaged (true)
  crossReplace?: number; // share of the steps in which cross attention is injected (.8)
  selfReplace?: number; // and self attention (.5)
  reweight?: number; // factor of the edit words' attention within the mask (1; "p2p+reweight": 10)
  blend?: { start: number; grow: number } | null; // the source outside the mask, from this share of the steps on
  previews?: boolean; // decode x0 after every step (false; `decode(step.x0)` does it when it is looked at)
}

export interface NudgeEvent {
  step: number;
  timestep: number;
  iteration: number; // from 0 in every step
  loss: number; // before the update
  terms: number[]; // each word's own
  gradientInside: number; // root mean square over the mask's latent cells
  gradientOutside: number;
  gradientMap: Float32Array; // [latent height x width], root mean square over channels
  map: Float32Array; // [cells], the edit words' attention, mean over heads and sites, after injection
  maps: Float32Array; // [edit columns x cells], the same for each of `Trace.columns`
  share: number; // of that attention, what falls inside the mask
  moved: number; // norm of what was subtracted
  stepSize: number;
}

export interface StepEvent {
  step: number;
  timestep: number;
  steps: number;
  x0: Latent; // the finished latent as this step foresees it
  latent: Latent; // the target's latent after the step
  attention: Float32Array; // [target tokens and one x cells]; the last plane is the padding's, summed
  sourceAttention: Float32Array | null; // [source tokens and one x cells]; null where no source map was needed
  map: Float32Array; // [cells], the edit words'
  share: number;
  losses: number[];
  gradients: { inside: number[]; outside: number[] };
  nudges: NudgeEvent[];
  seconds: number;
  preview?: Picture; // with `previews`
}

/** One run, finished or cancelled: what `download` takes and `open` gives. */
export interface Trace {
  request: Required<Omit<EditRequest, "image" | "mask" | "scene">>;
  source: string;
  target: string;
  words: string[];
  tokens: string[]; // of the target prompt, start and end included
  sourceTokens: string[];
  columns: number[]; // of the edit words
  wordColumns: { word: string; columns: number[] }[]; // of every word of the target prompt
  sourceColumns: { word: string; columns: number[] }[];
  cells: [number, number];
  latent: [number, number, number] | null; // null of a run that was opened and kept no previews
  sites: string[]; // names of the guided sites, whose maps are averaged
  picture: [number, number];
  mask: Float32Array; // [height x width of the picture]
  image: Picture;
  result: Picture | null;
  steps: StepEvent[]; // without `preview`
}

export interface Result {
  latent: Latent;
  picture: Picture;
  trace: Trace;
}

export interface Hooks {
  signal?: AbortSignal; // acts within a step; `edit` then rejects with an error whose name is "AbortError" and whose `trace` has the steps so far
  onStep?: (event: StepEvent) => void;
  onNudge?: (event: NudgeEvent) => void;
  onInvert?: (done: number, of: number) => void; // only where there is no recorded path
}

export interface Tokens {
  ids: number[]; // start and end included, no padding
  tokens: string[];
  words: { word: string; start: number; end: number; columns: number[] }[]; // in their order
}

export interface Engine {
  manifest: Manifest;
  backend: "webgpu" | "wasm";
  threads: number;
  edit(request: EditRequest, hooks?: Hooks): Promise<Result>;
  /** All that is wrong with a request, a line each; nothing is computed. */
  check(request: EditRequest): Promise<string[]>;
  decode(latent: Latent): Promise<Picture>;
  encode(image: Picture): Promise<Latent>;
  tokenize(text: string): Promise<Tokens>;
  /** A run folder as a zip that Python's `magedit_lab` loads. */
  download(trace: Trace): Promise<Blob>;
  /** A run folder that Python or `download` wrote: its files, or the one zip. */
  open(files: File[] | FileList): Promise<Trace>;
  close(): void;
}

export interface Options {
  base: string | URL; // of the folder that `magedit-lab export web` wrote
  runtime?: string | URL; // of onnxruntime-web's .wasm and .mjs files (base + "runtime/")
  worker?: string | URL; // the worker's script (worker.js beside this module)
  backend?: "auto" | "webgpu" | "wasm"; // ("auto": WebGPU where there is an adapter)
  threads?: number; // (the cores, 8 at most, where the page is isolated; else 1)
  onProgress?: (event: { file: string; done: number; of: number }) => void; // bytes of all files together
}

export function createEngine(options: Options): Promise<Engine>;
