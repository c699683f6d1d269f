// The page's state in one object; whoever draws listens.

/** {get, set, on}: set merges changes and calls every listener once with the state and the changed names. */
export function makeStore(first) {
  let state = { ...first },
    listeners = [],
    setting = false;
  const waiting = [];
  function set(changes) {
    waiting.push(changes);
    if (setting) return; // a listener changed something: it is heard after those that come before
    setting = true;
    try {
      while (waiting.length) {
        const next = waiting.shift(),
          names = Object.keys(next).filter((name) => state[name] !== next[name]);
        state = { ...state, ...next };
        if (names.length) for (const listener of listeners) listener(state, names);
      }
    } finally {
      setting = false;
      waiting.length = 0;
    }
  }
  const on = (listener) => {
    listeners = [...listeners, listener];
    listener(state, Object.keys(state));
  };
  return { get: () => state, set, on };
}

/** A model as the widgets' scripts want one (get, set, save_changes, on, off), without a kernel. */
export function makeModel(values) {
  const listeners = new Map();
  const heard = (name) => listeners.get(name) ?? [];
  let changed = new Set();
  return {
    get: (name) => values[name],
    set(name, value) {
      values[name] = value;
      changed.add(name);
    },
    save_changes() {
      const names = [...changed];
      changed = new Set();
      for (const name of names) for (const action of heard(`change:${name}`)) action();
    },
    on: (name, action) => listeners.set(name, [...heard(name), action]),
    off: (name, action) =>
      listeners.set(
        name,
        heard(name).filter((one) => one !== action),
      ),
  };
}
