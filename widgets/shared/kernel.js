// What a widget can say of its kernel without asking it: that it is gone, or busy with a cell.

export const GONE = "the kernel is gone: run this cell anew for a widget that works";
const OVER = ["restarting", "autorestarting", "terminating", "dead"]; // then all that it knew is lost

/** What is said of a question that is under way to the kernel. */
export function asked(manager) {
  return manager?.kernel?.status === "busy" ? "asked; the kernel is busy with a cell" : "asked";
}

/** The status line of a widget that runs a job, and whether it tells of something wrong. `waiting`: the line of a
 * question that the kernel has not answered yet. */
export function statusOf(model, kernel, waiting) {
  if (kernel.gone()) return [GONE, true];
  if (waiting) return [waiting, false];
  const refused = model.get("refused"),
    state = model.get("state");
  return [`${refused ? "refused" : state}: ${model.get("status")}`, refused || state === "failed"];
}

/** Calls `changed` once the kernel that this widget was made by is lost, restarted, shut down or changed for another:
 * {gone(), asked(), stop()}. Where Jupyter tells nothing of its kernel, it counts as there. */
export function watchKernel(manager, changed) {
  let own = null,
    gone = false;
  const lose = () => {
    if (gone) return;
    gone = true;
    changed();
  };
  const heard = (_, status) => {
    if (OVER.includes(status)) lose();
  };
  const look = () => {
    const now = manager?.kernel ?? null;
    if (own && now !== own) lose();
    if (own || !now) return;
    own = now;
    own.statusChanged?.connect(heard);
    gone = OVER.includes(own.status);
  };
  look();
  const timer = setInterval(look, 500);
  const stop = () => {
    clearInterval(timer);
    own?.statusChanged?.disconnect(heard);
  };
  return { gone: () => gone, asked: () => asked(manager), stop };
}
