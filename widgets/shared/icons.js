// Small pictures for buttons, each a line drawing in a square of 24, in the colour of the text beside it.

import { element, vector } from "./dom.js";

export const ICONS = {
  attention: "M2 12c3-5 6-7 10-7s7 2 10 7c-3 5-6 7-10 7s-7-2-10-7zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  box: "M4 5h16v14H4z",
  brush: "M20 3 9 14M9 14c-3-1-5 1-5 4 0 1-1 2-2 2 5 2 9-1 8-5z",
  cancel: "M6 6h12v12H6z",
  check: "M4 13l5 5L20 6",
  class: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2 20c0-4 2-6 6-6s6 2 6 6M16 5a3 3 0 0 1 0 6M17 14c3 0 5 2 5 6",
  clear: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13",
  close: "M5 5l14 5-3 9-9-2z",
  compare: "M12 3v18M3 6h9v12H3zM12 6h9v12h-9M6 12l2-2M6 12l2 2M18 12l-2-2M18 12l-2 2",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  edit: "M4 20l1-5L16 4l4 4L9 19zM14 6l4 4",
  eraser: "M8 20h12M4 15 14 5l6 6-9 9H8zM9 10l6 6",
  full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  gradient: "M5 20 12 4l7 16zM12 4v16",
  grow: "M12 12m-2 0a2 2 0 1 0 4 0 2 2 0 1 0-4 0M12 2v4M12 18v4M2 12h4M18 12h4M5 5l3 3M16 16l3 3M19 5l-3 3M8 16l-3 3",
  invert: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  lasso: "M12 4c5 0 9 2 9 6s-4 6-9 6-9-2-9-6 4-6 9-6zM7 15c-2 1-2 4 0 5",
  load: "M12 15V4M7 9l5-5 5 5M4 15v5h16v-5",
  more: "M4 7h16M4 12h16M4 17h10",
  pause: "M8 5v14M16 5v14",
  picture: "M3 5h18v14H3zM3 16l5-5 5 5 3-3 5 5M16 9h.01",
  polygon: "M12 3l9 7-4 10H7L3 10z",
  predict: "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 3M12 19h.01",
  redo: "M15 5l5 5-5 5M20 10h-9a6 6 0 0 0-6 6v3",
  resume: "M7 4l12 8-12 8z",
  run: "M7 4l12 8-12 8z",
  save: "M12 4v11M7 10l5 5 5-5M4 15v5h16v-5",
  setting: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4v6M9 14v6",
  undo: "M9 5 4 10l5 5M4 10h9a6 6 0 0 1 6 6v3",
};

/** The picture of a name; it is hidden from screen readers, which have the label. */
export function icon(name) {
  const made = vector("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" });
  made.append(vector("path", { d: ICONS[name] }));
  return made;
}

/** A real button with a picture and a text; `label` is what a screen reader says. */
export function iconButton(name, text, action, label = text) {
  const made = element("button", { type: "button", title: label, className: "iconed" }, icon(name));
  if (text) made.append(element("span", { textContent: text }));
  made.setAttribute("aria-label", label);
  made.addEventListener("click", action);
  return made;
}
