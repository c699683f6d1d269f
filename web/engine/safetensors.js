// Safetensors: a length, a header in JSON, and the numbers behind it.

const KINDS = {
  F64: Float64Array,
  F32: Float32Array,
  I64: BigInt64Array,
  I32: Int32Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};

/** Tensors {shape, data} by name, and the file's metadata. Half precision comes as single. */
export function readTensors(bytes, name = "a file") {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length > 8 ? Number(view.getBigUint64(0, true)) : Infinity;
  if (length > bytes.length - 8)
    throw new Error(`expected ${name} as safetensors, got ${bytes.length} bytes of another kind; save it anew`);
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(
    new TextDecoder().decode(bytes.subarray(8, 8 + length)),
  );
  const body = bytes.subarray(8 + length);
  const tensors = {};
  for (const [
    key,
    {
      dtype,
      shape,
      data_offsets: [from, to],
    },
  ] of Object.entries(entries))
    tensors[key] = { shape, data: values(dtype, body.slice(from, to), name) };
  return { tensors, metadata };
}

/** The file of tensors {shape, data} by name, data being typed arrays. */
export function writeTensors(tensors) {
  const header = {};
  const parts = [];
  let end = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const dtype = Object.keys(KINDS).find((kind) => data instanceof KINDS[kind]);
    header[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    end += data.byteLength;
  }
  let text = JSON.stringify(header);
  text += " ".repeat((8 - (new TextEncoder().encode(text).length % 8)) % 8);
  const encoded = new TextEncoder().encode(text);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(encoded.length), true);
  return [length, encoded, ...parts];
}

function values(dtype, bytes, name) {
  if (dtype === "F16") return Float32Array.from(new Uint16Array(bytes.buffer), half);
  if (!KINDS[dtype]) throw new Error(`expected numbers of a known kind in ${name}, got ${dtype}; save it anew`);
  return new KINDS[dtype](bytes.buffer);
}

/** A number in half precision, from its bits. */
export function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}
