// Files of the graphs' folder: downloaded once, checked by their digests, kept by the browser.

const GRAPHS = /\.(onnx|bin)$|^tokenizer\.json$/; // what every edit needs; scenes come when they are asked for

/** load(name) for a folder's address; told {file, done, of} in bytes as the files come, which begins at once. */
export async function downloads(base, tell) {
  const manifest = await fetched(new URL("manifest.json", base), "manifest.json", () => {});
  const listed = new Map(JSON.parse(new TextDecoder().decode(manifest)).files.map((file) => [file.name, file]));
  const counted = [...listed.values()].filter(({ name }) => GRAPHS.test(name));
  const of = counted.reduce((sum, { bytes }) => sum + bytes, 0);
  const done = new Map();
  const progress = (file) => (bytes) => {
    if (!GRAPHS.test(file)) return;
    done.set(file, bytes);
    tell({ file, done: [...done.values()].reduce((a, b) => a + b, 0), of });
  };
  const files = new Map([["manifest.json", Promise.resolve(manifest)]]);
  const load = (name) => {
    if (!listed.has(name) && !files.has(name))
      throw new Error(`expected a file of the manifest, got '${name}'; export the graphs anew`);
    if (!files.has(name)) files.set(name, whole(base, listed.get(name), progress(name)));
    return files.get(name);
  };
  await Promise.all(counted.map(({ name }) => load(name)));
  return load;
}

/** A file with the digest that the manifest names, from the browser's cache or the network. */
async function whole(base, { name, bytes, sha256 }, progress) {
  const url = new URL(name, base);
  url.searchParams.set("v", sha256.slice(0, 16)); // another version is another address
  const cache = await self.caches?.open("magedit-lab").catch(() => null);
  const kept = await cache?.match(url);
  const content = kept ? new Uint8Array(await kept.arrayBuffer()) : await fetched(url, name, progress);
  if (content.length !== bytes || !(await matches(content, sha256))) {
    await cache?.delete(url);
    throw new Error(
      `expected ${bytes} bytes of ${name}, got ${content.length} that are not the exported ones; reload the page`,
    );
  }
  progress(bytes);
  if (!kept) await cache?.put(url, new Response(content)).catch(() => {}); // a full disk only costs the next visit
  return content;
}

/** The digest is known where the page is secure; elsewhere the length must do. */
async function matches(content, sha256) {
  if (!self.crypto?.subtle) return true;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join("") === sha256;
}

async function fetched(url, name, progress) {
  const answer = await fetch(url).catch(() => null);
  if (!answer?.ok)
    throw new Error(
      `expected ${name} at ${url.pathname}, got ${answer?.status ?? "no answer"}; check the network and reload`,
    );
  const parts = [];
  let bytes = 0;
  try {
    for (const reader = answer.body.getReader(); ; ) {
      const { value, done } = await reader.read();
      if (done) break;
      parts.push(value);
      bytes += value.length;
      progress(bytes);
    }
  } catch {
    throw new Error(
      `expected all of ${name}, got ${bytes} bytes before the connection broke; check the network and reload`,
    );
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
