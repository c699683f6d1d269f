"""Figures that only the course needs."""

from collections.abc import Mapping, Sequence

from PIL import Image

import magedit_lab as mag
from magedit_lab.plots import style as look


def same_step(traces: Mapping[str, mag.Trace], step: int, word: str | None = None) -> mag.plots.Plot:
    """One word's map in several runs at the same step, on one scale, with the share inside the mask below."""
    first = next(iter(traces.values()))
    word = word or first.task.words[0]
    shares = ", ".join(f"{name} {trace.share(word)[step]:.0%}" for name, trace in traces.items())
    figure = look.figure(
        3.6 * len(traces) + 1.0, 4.4, f"Attention of “{word}” at step {step}; inside the mask: {shares}"
    )
    panels = look.row(figure, len(traces))
    top = max(trace.attention(word)[step].max() for trace in traces.values())
    for axes, (name, trace) in zip(panels, traces.items(), strict=True):
        image = look.heat(axes, trace.attention(word)[step], look.goal(trace, word), top, share=True)
        axes.set_title(name, fontsize=look.TITLE)
    figure.colorbar(image, ax=panels, shrink=0.75).set_label("attention probability", fontsize=look.TEXT)
    figure.suptitle(f"Where “{word}” is looked at, at step {step}", fontsize=look.TITLE, weight="bold")
    return figure


def unfolding(
    noisy: Sequence[Image.Image], foreseen: Sequence[Image.Image], times: Sequence[float], count: int = 6
) -> mag.plots.Plot:
    """One run from noise to picture: the latent above, what the model foresees in it below."""
    steps = look.spread(range(len(noisy)), count)
    rows = {f"t = {times[i]:.0f}": noisy[i] for i in steps} | {
        f"foreseen at {times[i]:.0f}": foreseen[i] for i in steps
    }
    return mag.plots.pictures(
        rows, "A run from noise to picture: the noisy latent, and the picture foreseen in it", count
    )
