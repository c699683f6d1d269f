// PNG of 8 bits: written as RGBA or RGB, read without interlacing, as Pillow and browsers write it.

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const CHANNELS = { 0: 1, 2: 3, 4: 2, 6: 4 };

export async function encodePng({ data, width, height }) {
  const rows = new Uint8Array(height * (width * 3 + 1)); // each row begins with its filter, none
  for (let i = 0, at = 0; i < width * height; i++) {
    if (i % width === 0) at++;
    for (let k = 0; k < 3; k++) rows[at++] = data[i * 4 + k];
  }
  const head = new DataView(new ArrayBuffer(13));
  head.setUint32(0, width);
  head.setUint32(4, height);
  head.setUint16(8, 0x0802); // 8 bits, RGB
  const parts = [Uint8Array.from(SIGNATURE), chunk("IHDR", new Uint8Array(head.buffer))];
  return joined([
    ...parts,
    chunk("IDAT", await through(rows, new CompressionStream("deflate"))),
    chunk("IEND", new Uint8Array()),
  ]);
}

/** A picture as RGBA; grey has equal channels. */
export async function decodePng(bytes, name = "a picture") {
  if (SIGNATURE.some((b, i) => bytes[i] !== b))
    throw new Error(`expected ${name} as PNG, got another file; convert it`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [width, height, bits, kind, , , laced] = [view.getUint32(16), view.getUint32(20), ...bytes.slice(24, 29)];
  const channels = CHANNELS[kind];
  if (bits !== 8 || !channels || laced)
    throw new Error(
      `expected ${name} with 8 bits a channel, not interlaced, got ${bits} bits of kind ${kind}; save it anew`,
    );
  const rows = await through(joined(chunks(bytes, view, "IDAT")), new DecompressionStream("deflate"));
  return { data: rgba(unfiltered(rows, width * channels, height, channels), channels), width, height };
}

function chunks(bytes, view, wanted) {
  const found = [];
  for (let at = 8; at < bytes.length; at += 12 + view.getUint32(at))
    if (String.fromCharCode(...bytes.slice(at + 4, at + 8)) === wanted)
      found.push(bytes.subarray(at + 8, at + 8 + view.getUint32(at)));
  return found;
}

function unfiltered(rows, stride, height, step) {
  const out = new Uint8Array(stride * height);
  for (let y = 0, at = 0; y < height; y++) {
    const filter = rows[at++];
    for (let x = 0; x < stride; x++) {
      const here = y * stride + x;
      const left = x >= step ? out[here - step] : 0;
      const up = y ? out[here - stride] : 0;
      const corner = y && x >= step ? out[here - stride - step] : 0;
      out[here] = rows[at++] + [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
    }
  }
  return out;
}

function paeth(a, b, c) {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  if (pa <= pb && pa <= pc) return a;
  return pb <= pc ? b : c;
}

function rgba(values, channels) {
  const data = new Uint8ClampedArray((values.length / channels) * 4).fill(255);
  for (let i = 0; i < data.length / 4; i++) {
    const at = i * channels;
    for (let k = 0; k < 3; k++) data[i * 4 + k] = values[channels < 3 ? at : at + k];
    if (channels % 2 === 0) data[i * 4 + 3] = values[at + channels - 1];
  }
  return data;
}

function chunk(kind, content) {
  const out = new Uint8Array(content.length + 12);
  const view = new DataView(out.buffer);
  view.setUint32(0, content.length);
  out.set(
    [...kind].map((c) => c.charCodeAt(0)),
    4,
  );
  out.set(content, 8);
  view.setUint32(content.length + 8, crc32(out.subarray(4, content.length + 8)));
  return out;
}

export async function through(bytes, stream) {
  const whole = await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer();
  return new Uint8Array(whole);
}

export function joined(parts) {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

export function crc32(bytes) {
  let c = 0xffffffff;
  for (const b of bytes) c = CRC[(c ^ b) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}
