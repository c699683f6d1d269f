// What the widgets' scripts share: small parts of a page. Texts go in as texts, never as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element with properties and children; strings among the children become text. */
export function element(name, settings = {}, ...children) {
  const made = Object.assign(document.createElement(name), settings);
  made.append(...children);
  return made;
}

/** An SVG element with attributes, and text if there is any. */
export function vector(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/** A widget's outermost part. It keeps plain keys to itself: Jupyter takes x for "cut the cell", arrows for cells. */
export function panel(name, ...children) {
  const made = element("div", { className: `mag ${name}` }, ...children);
  made.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey && event.key !== "Escape") event.stopPropagation();
  });
  return made;
}

/** A real button, so that it is reached and pressed by keyboard. */
export function button(text, action, label = text) {
  const made = element("button", { type: "button", textContent: text });
  made.setAttribute("aria-label", label);
  made.addEventListener("click", action);
  return made;
}

/** A labelled slider: [label, input]. */
export function range(text, min, max, step, value, action) {
  const made = element("input", { type: "range", min, max, step, value });
  made.addEventListener("input", () => action(Number(made.value)));
  return [element("label", {}, text, made), made];
}

/** A labelled list to choose from, of [value, shown]: [label, select]. */
export function select(text, values, action) {
  const made = element("select");
  fill(made, values);
  made.setAttribute("aria-label", text); // the label's text would have every choice in it
  made.addEventListener("change", () => action(made.value));
  return [element("label", {}, text, made), made];
}

/** Put other choices, [value, shown], into a select. */
export function fill(made, values) {
  made.replaceChildren(...values.map(([value, shown]) => element("option", { value, textContent: shown })));
}

/** Parts side by side that wrap. */
export function row(...children) {
  return element("div", { className: "row" }, ...children);
}

/** The line that says what goes on, read out when it changes: [paragraph, say(text, isError)]. */
export function statusLine() {
  const line = element("p", { className: "status" });
  line.setAttribute("role", "status");
  line.setAttribute("aria-live", "polite");
  const say = (text, error = false) => {
    if (line.textContent !== text) line.textContent = text; // else it is read out anew
    line.classList.toggle("error", error);
  };
  return [line, say];
}

/** Listen to a model, {event: action}; what comes back stops listening. */
export function listen(model, watched) {
  Object.entries(watched).forEach(([name, action]) => model.on(name, action));
  return () => Object.entries(watched).forEach(([name, action]) => model.off(name, action));
}

/** A wide slider with what it says beside it: {row, input, show(value, max, text)}. */
export function slider(text, action) {
  const input = element("input", { type: "range", min: 0, step: 1, className: "wide" }),
    words = element("output");
  input.setAttribute("aria-label", text); // the label's text would have the value in it
  input.addEventListener("input", () => action(Number(input.value)));
  const show = (value, max, said) => {
    input.max = max;
    input.value = value;
    input.disabled = max === 0;
    input.setAttribute("aria-valuetext", said);
    words.textContent = said;
  };
  return {
    row: element("label", { className: "slider" }, element("span", { textContent: text }), input, words),
    input,
    show,
  };
}

/** Addresses of pictures that came as bytes, by name; `free` gives them back. */
export function addresses(pictures) {
  const urls = Object.fromEntries(
    Object.entries(pictures).map(([name, data]) => [name, URL.createObjectURL(new Blob([data]))]),
  );
  return { urls, free: () => Object.values(urls).forEach((url) => URL.revokeObjectURL(url)) };
}

/** Set traits and send them in one message. */
export function sender(model) {
  return (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  };
}
