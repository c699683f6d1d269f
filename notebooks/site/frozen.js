// Stands in for the kernel's side of an anywidget: a dictionary that tells its listeners.

function unpacked(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(unpacked);
  if (typeof value.base64 === "string")
    return new DataView(Uint8Array.from(atob(value.base64), (letter) => letter.charCodeAt(0)).buffer);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unpacked(item)]));
}

class Frozen extends EventTarget {
  #state = unpacked(JSON.parse(document.getElementById("state").textContent));
  get(name) {
    return this.#state[name];
  }
  set(name, value) {
    this.#state[name] = value;
    this.dispatchEvent(new Event(`change:${name}`));
  }
  save_changes() {}
  on(name, action) {
    this.addEventListener(name, action);
  }
  off(name, action) {
    this.removeEventListener(name, action);
  }
}

render({ model: new Frozen(), el: document.getElementById("widget") });
