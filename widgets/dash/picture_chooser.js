// The browser's side of PictureChooser: a picture goes to the kernel, made smaller here where it is too large to send.

import { listen, panel, row, statusLine } from "../shared/dom.js";
import { iconButton } from "../shared/icons.js";
import { GONE, watchKernel } from "../shared/kernel.js";
import { chooser, megabytes, PICTURES, sendable } from "../shared/upload.js";

function render({ model, el }) {
  const [line, say] = statusLine();
  const tell = () => (kernel.gone() ? say(GONE, true) : say(model.get("status"), Boolean(model.get("status"))));
  const kernel = watchKernel(model.widget_manager, tell);
  const input = chooser(PICTURES, async (file) => {
    say(`reading ${file.name}, ${megabytes(file.size)}`);
    const { bytes, refused } = await sendable(file, model.get("longest"));
    if (kernel.gone()) return tell();
    if (refused) return say(refused, true);
    model.send({ do: "picture", name: file.name }, undefined, [bytes]);
    say(`${file.name}: ${kernel.asked()}`);
  });
  input.setAttribute("aria-label", "file of a picture");
  const root = panel(
    "chooser",
    row(
      iconButton("picture", "a picture of your own", () => input.click()),
      input,
    ),
    line,
  );
  el.append(root);
  const stop = listen(model, { "change:status": tell, "msg:custom": tell });
  tell();
  return () => {
    stop();
    kernel.stop();
    root.remove();
  };
}

export default { render };
