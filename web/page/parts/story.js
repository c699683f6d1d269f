// The story: the part in view sets the page's state.

/** What a part asks of the page, as its fragment says in data-state. */
export function wanted(part) {
  return JSON.parse(part.dataset.state);
}

/** Follows which part is in view and calls `show(index, wanted)` when that changes: {parts, go(index)}. */
export function makeStory(root, dots, show) {
  const parts = [...root.querySelectorAll("section")];
  let now = -1;
  const marks = parts.map((part, i) => {
    const made = Object.assign(document.createElement("button"), { type: "button" });
    made.setAttribute("aria-label", `part ${i + 1}: ${part.querySelector("h2").textContent}`);
    made.addEventListener("click", () => go(i));
    dots.append(made);
    return made;
  });
  function turn(i) {
    if (i === now) return;
    now = i;
    parts.forEach((part, k) => part.classList.toggle("here", k === i));
    marks.forEach((mark, k) => mark.setAttribute("aria-current", String(k === i)));
    show(i, wanted(parts[i]));
  }
  function go(i) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const part = parts[i],
      sideways = root.scrollWidth > root.clientWidth + 4;
    const to = sideways
      ? { left: part.offsetLeft - root.offsetLeft - 16 }
      : { top: part.offsetTop - root.offsetTop - 24 };
    root.scrollTo({ ...to, behavior: calm ? "auto" : "smooth" });
    turn(i);
  }
  const shares = new Map();
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { target, intersectionRatio } of entries) shares.set(target, intersectionRatio);
      const best = Math.max(...shares.values());
      turn(parts.findIndex((part) => shares.get(part) === best));
    },
    { root, threshold: [0, 0.2, 0.4, 0.6, 0.8, 1], rootMargin: "0px 0px -25% 0px" },
  );
  parts.forEach((part) => watcher.observe(part));
  return { parts, go };
}

/** A number of a run in words, by "RUN STEP share" or "RUN STEP loss": the step's last nudge's loss; "last" counts. */
export function value(runs, wanted) {
  const [key, at, what] = wanted.split(" "),
    steps = runs[key]?.steps ?? [];
  const step = at === "last" ? steps.at(-1) : steps[Number(at)];
  if (!step) return "";
  if (what === "share") return `${Math.round(100 * step.share)} %`;
  const event = what === "before" ? step.nudges[0] : step.nudges.at(-1);
  return event ? event.loss.toFixed(2) : "";
}

/** Puts numbers of the runs into the story's texts. */
export function fill(root, runs) {
  for (const made of root.querySelectorAll("[data-fill]")) {
    const text = value(runs, made.dataset.fill);
    if (text) made.textContent = text;
  }
}
