// Files on their way to the kernel. Jupyter drops a connection at a message of 10 MB, without a word.

import { element } from "./dom.js";

export const MOST = 8e6; // bytes of one message
export const PICTURES = "image/png,image/jpeg,image/webp,image/avif,image/tiff,image/bmp,image/gif";

/** Width and height within a square of `longest`, never larger than they are. */
export function fitted(width, height, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  return [width, height].map((side) => Math.max(1, Math.round(side * scale)));
}

/** Bytes as people say them. */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A picture in a new size, over white, as a PNG. */
function redrawn(picture, [width, height]) {
  const canvas = element("canvas", { width, height }),
    context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, width, height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

const BROWSER = { decode: (file) => createImageBitmap(file), redraw: redrawn };

/** {bytes} to send, or {refused}. A small file goes as it is; of a large one the browser makes a picture whose sides
 * are `longest` at most. */
export async function sendable(file, longest, { decode, redraw } = BROWSER) {
  const called = `${file.name} (${megabytes(file.size)})`;
  if (file.type && !file.type.startsWith("image/"))
    return { refused: `expected a picture, got ${called}: choose a PNG or JPEG` };
  if (file.size <= MOST) return { bytes: await file.arrayBuffer() };
  let picture;
  try {
    picture = await decode(file);
  } catch {
    return { refused: `expected a picture that this browser can read, got ${called}: save it as a PNG or JPEG` };
  }
  const made = await redraw(picture, fitted(picture.width, picture.height, longest));
  if (!made || made.size > MOST)
    return { refused: `expected at most ${megabytes(MOST)}, got ${called}: make it smaller` };
  return { bytes: await made.arrayBuffer() };
}

/** A button that lets a person choose a file, and gives it to `taken`. */
export function chooser(accept, taken) {
  const input = element("input", { type: "file", accept, hidden: true });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    input.value = "";
    if (file) await taken(file);
  });
  return input;
}
