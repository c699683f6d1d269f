// A button that gives the whole screen to the dashboard that it is in, as on a projector.

import { listen, panel } from "../shared/dom.js";
import { iconButton } from "../shared/icons.js";

/** What the button says. */
export function named(full) {
  return full ? "leave full screen" : "full screen";
}

function render({ model, el }) {
  const whole = () => el.closest(`.${model.get("of")}`);
  const turn = () => (document.fullscreenElement ? document.exitFullscreen() : whole()?.requestFullscreen());
  const button = iconButton("full", named(false), turn);
  const refresh = () => {
    const full = document.fullscreenElement !== null && document.fullscreenElement === whole();
    button.setAttribute("aria-label", named(full));
    button.lastChild.textContent = named(full);
  };
  button.hidden = !document.fullscreenEnabled;
  el.append(panel("fullscreen", button));
  document.addEventListener("fullscreenchange", refresh);
  const stop = listen(model, { "change:of": refresh });
  return () => {
    stop();
    document.removeEventListener("fullscreenchange", refresh);
  };
}

export default { render };
