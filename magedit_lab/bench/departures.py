"""How much each departure of `MagEdit()` from the released code and from the paper changes, on one scene."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image, ImageFilter

from .. import scenes
from ..inversion.base import Inversion, Path, Progress
from ..inversion.table import invert
from ..loop.single import edit
from ..methods.mag_edit import MagEdit
from ..methods.prompt_to_prompt import PromptToPrompt
from ..methods.shared.blend import LATE
from ..model.backbone import Backbone, Latent
from ..task import Task
from . import demo, metrics


@dataclass(frozen=True)
class Departure:
    """A setting, its value in `MagEdit()`, and `theirs`: that of the released code or the paper, in `method`."""

    setting: str
    ours: str
    theirs: str
    whose: str
    method: MagEdit


@dataclass(frozen=True)
class Size:
    """latent: root mean square of what changes in the final latent, as a share of the latent's own. psnr: of the two
    pictures against each other, in dB; infinite for equal ones."""

    departure: Departure
    latent: float
    psnr: float


def departures(ours: MagEdit) -> list[Departure]:
    """Each alone, and all of a preset together; `ours` gives iterations and step size."""
    amount = {"iterations": ours.iterations, "step_size": ours.step_size, "stop_step": ours.stop_step}
    coded, printed = MagEdit.released(**amount), MagEdit.paper(**amount)

    def base(**settings: Any) -> MagEdit:
        return replace(ours, base=replace(PromptToPrompt(blend=LATE), **settings))

    released, paper = "released code", "paper"
    return [
        Departure("cells", "coverage", "sampled", released, replace(ours, cells="sampled")),
        Departure("columns", "new", "all", released, replace(ours, columns="all")),
        Departure("base.padding", "end", "start", released, base(padding="start")),
        Departure("base.split", "words", "spaces", released, base(split="spaces")),
        Departure("all of released()", "", "", released, coded),
        Departure("by_sigma", "yes, for Eq. 1", "no", paper, replace(ours, by_sigma=False)),
        Departure("all_tokens", "yes", "no", paper, replace(ours, all_tokens=False)),
        Departure("per_head", "yes", "no", paper, replace(ours, per_head=False)),
        Departure("base.blend", "last 30 %, grown by 1", "last 80 %", paper, base(blend="mask")),
        Departure("all of paper()", "", "", paper, printed),
    ]


def scene_task(seed: int = demo.Demo().seed) -> Task:
    """One of two look-alikes is to take the colour that the prompt already gives to the third object, under a mask as a
    hand paints it: wider than the object, with a soft rim."""
    scene, order, _ = demo.look_alikes(seed)
    *names, third = [[scene.things[i].kind] for i in order]
    colour = scene.things[order[2]].colour
    source, target = (
        scenes.sentence(scene, map(scenes.phrase, [[*more, *names[0]], names[1], [colour, *third]]))
        for more in ([], [colour])
    )
    exact = Image.fromarray((scene.masks[order[0]] > 0.5).astype("uint8") * 255)
    painted = exact.filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.GaussianBlur(2))
    return Task(scene.image, painted, source, target, colour)


def measure(
    net: Backbone, task: Task, inversion: Inversion, ours: MagEdit, progress: Progress | None = None
) -> Iterator[Size]:
    """The size of each departure from `ours`, one inversion for all."""
    task, _ = task.fit(net.size, net.size)
    path, listed = invert(net, task, inversion), departures(ours)
    latent = _final(net, task, path, ours)
    picture = metrics.unit(net.decode(latent))
    for done, departure in enumerate(listed, 1):
        other = _final(net, task, path, departure.method)
        share = (other - latent).square().mean().sqrt() / latent.square().mean().sqrt()
        yield Size(departure, share.item(), metrics.psnr(picture, metrics.unit(net.decode(other))))
        if progress:
            progress(done, len(listed))


def _final(net: Backbone, task: Task, path: Path, method: MagEdit) -> Latent:
    """The target's latent after the last step."""
    *_, step = edit(net, task, path, method)
    return step.target


def markdown(sizes: Sequence[Size]) -> str:
    """The table of docs/methods.md."""
    lines = [
        "| setting | `MagEdit()` | theirs | whose | change of the latent | pictures |",
        "|---|---|---|---|---|---|",
    ]
    for size in sizes:
        d = size.departure
        pictures = "equal" if size.psnr == float("inf") else f"{size.psnr:.1f} dB"
        lines.append(f"| {d.setting} | {d.ours} | {d.theirs} | {d.whose} | {size.latent:.1e} | {pictures} |")
    return "\n".join(lines)
