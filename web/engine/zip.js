// A zip of a few files: written without compression, read with or without.

import { crc32, joined, through } from "./png.js";

/** files: bytes by name. */
export function zipped(files) {
  const entries = [];
  let at = 0;
  for (const [name, bytes] of Object.entries(files)) {
    const entry = { name: new TextEncoder().encode(name), bytes, crc: crc32(bytes), at };
    entries.push(entry);
    at += 30 + entry.name.length + bytes.length;
  }
  const local = entries.flatMap((e) => [record(0x04034b50, e), e.name, e.bytes]);
  const central = entries.flatMap((e) => [record(0x02014b50, e), e.name]);
  const size = central.reduce((n, part) => n + part.length, 0);
  const end = fields(
    22,
    [0, 0x06054b50, 4],
    [8, entries.length, 2],
    [10, entries.length, 2],
    [12, size, 4],
    [16, at, 4],
  );
  return joined([...local, ...central, end]);
}

/** What precedes a file, or its line in the directory, which has a version more and where the file is. */
function record(kind, { name, bytes, crc, at }) {
  const more = kind === 0x02014b50 ? 2 : 0;
  const sizes = [
    [14 + more, crc, 4],
    [18 + more, bytes.length, 4],
    [22 + more, bytes.length, 4],
    [26 + more, name.length, 2],
  ];
  const own = more
    ? [
        [4, 20, 2],
        [6, 20, 2],
        [42, at, 4],
      ]
    : [[4, 20, 2]];
  const named = [6 + more, 0x0800, 2]; // names in UTF-8
  return fields(more ? 46 : 30, [0, kind, 4], ...own, named, [12 + more, 0x21, 2], ...sizes);
}

function fields(length, ...values) {
  const view = new DataView(new ArrayBuffer(length));
  for (const [at, value, size] of values)
    size === 4 ? view.setUint32(at, value, true) : view.setUint16(at, value, true);
  return new Uint8Array(view.buffer);
}

/** Bytes by name, from the directory at the end. */
export async function unzipped(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = findEnd(view);
  const files = {};
  for (let at = view.getUint32(end + 16, true), n = view.getUint16(end + 10, true); n; n--) {
    const [packed, name, extra, note] = [
      view.getUint32(at + 20, true),
      ...[28, 30, 32].map((o) => view.getUint16(at + o, true)),
    ];
    const from = view.getUint32(at + 42, true);
    const begin = from + 30 + view.getUint16(from + 26, true) + view.getUint16(from + 28, true);
    const raw = bytes.slice(begin, begin + packed);
    const stored = view.getUint16(at + 10, true) === 0;
    const path = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + name));
    files[path] = stored ? raw : await through(raw, new DecompressionStream("deflate-raw"));
    at += 46 + name + extra + note;
  }
  return files;
}

function findEnd(view) {
  for (let at = view.byteLength - 22; at >= 0; at--) if (view.getUint32(at, true) === 0x06054b50) return at;
  throw new Error("expected a zip, got a file without a directory; download the run again");
}
