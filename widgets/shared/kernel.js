// What a widget can say of its kernel without asking it: that it is gone, or busy with a cell.

export const GONE = "the kernel is gone: run this cell anew for a widget that works";
const OVER = ["dead", "terminating"];

/** Whether nothing can answer any more: Jupyter has cut the widget off, or the notebook has no kernel. */
export function gone(el, manager) {
  if (el.closest(".jupyter-widgets-disconnected")) return true;
  return Boolean(manager && "kernel" in manager && (!manager.kernel || OVER.includes(manager.kernel.status)));
}

/** What is said of a question that is under way to the kernel. */
export function asked(manager) {
  return manager?.kernel?.status === "busy" ? "asked; the kernel is busy with a cell" : "asked";
}

/** Calls `changed` when the kernel goes: {gone(), asked(), stop()}. */
export function watchKernel(model, el, changed) {
  let was = false;
  const look = () => {
    const now = gone(el, model.widget_manager);
    if (now === was) return;
    was = now;
    changed();
  };
  const timer = setInterval(look, 500);
  return { gone: () => was, asked: () => asked(model.widget_manager), stop: () => clearInterval(timer) };
}
