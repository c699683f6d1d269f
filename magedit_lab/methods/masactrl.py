"""MasaCtrl (Cao et al. 2023): the target asks, the source answers; self attention takes the source's k and v."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..attention import Site, guided
from ..backbone import Backbone
from ..blend import Blends, added, known
from ..edit import Hooks, Maps, Now
from ..inversion import Path
from ..masks import to_cells
from ..taps import Tap, Taps, instead
from ..task import Task


@dataclass(frozen=True)
class MasaCtrl:
    """From `start` (step 4 of 50), in the up blocks that are finer than the guided cross attention.

    A model without self attention there uses all that its up blocks have.
    masked: cells inside the task's mask look at the source inside it, cells outside look outside.
    blend: as MAG-Edit adds it; none in the published method.
    The conditional and the unconditional pass each take from the source's own.
    """

    start: float = 0.08
    masked: bool = False
    blend: Blends = None

    def __post_init__(self) -> None:
        known(self.blend)

    def bind(self, net: Backbone, task: Task, path: Path) -> Hooks:
        sites = net.sites(path.latents)
        coarse = guided(sites)[0].cells
        decoder = [s for s in sites if s.name.startswith("up_blocks") and not s.cross]
        chosen = [s for s in decoder if s.cells > coarse] or decoder
        first = int(self.start * path.steps)
        names = frozenset(s.name.removesuffix("probs") + part for s in chosen for part in ("to_k", "to_v"))
        keeps = {s.name: _keep(_sides(task, s).to(net.device)) for s in chosen} if self.masked else {}

        def wanted(now: Now) -> frozenset[str]:
            return names if now.i >= first else frozenset()

        def taps(now: Now, seen: Maps) -> Taps:
            if now.i < first:
                return {}
            return {name: instead(seen, name) for name in names} | keeps

        hooks = Hooks(wanted, taps, wanted, lambda now, _, uncond_seen: taps(now, uncond_seen))
        return added(hooks, self.blend, net, task, path)


def _sides(task: Task, site: Site) -> Float[Tensor, "pixels pixels"]:
    """1 where two cells lie on the same side of the mask."""
    inside = to_cells(task.region, site.height, site.width).flatten()
    return (inside[:, None] == inside[None]).float()


def _keep(sides: Float[Tensor, "pixels pixels"]) -> Tap:
    """Attention to the own side only; the same as a softmax over just those cells."""

    def keep(probs: Tensor) -> Tensor:
        own = probs * sides.to(probs)
        return own / own.sum(-1, keepdim=True).clamp(min=torch.finfo(probs.dtype).tiny)

    return keep
