"""pix2pix-zero (Parmar et al. 2023): stay near the source's cross-attention maps by gradient, not by injection."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from .. import losses, words
from ..backbone import Backbone
from ..edit import Hooks, Maps, Method, Now, Nudge
from ..inversion import Path
from ..task import Task
from .guidance import attention, guiding, nudge
from .plain import Plain


@dataclass(frozen=True)
class Pix2PixZero:
    """One update at every step, of `step_size` times the gradient of the maps' squared difference at all sites.

    Published with a learnt edit direction, so that both prompts have the same tokens; here the prompts differ, and the
    tokens that they share are compared. The published code moves a copy of the latent for each pass, compares both
    passes with the source's, and goes on from the unconditional one's copy; here there is one latent, and the
    conditional pass is compared. Its mean runs over the heads of both passes, so that its .1 is half as much as .1
    here. Its regularised inversion is left out.
    """

    base: Method = field(default_factory=Plain)
    step_size: float = 0.1

    def bind(self, net: Backbone, task: Task, path: Path) -> Hooks:
        hooks, cond = self.base.bind(net, task, path), net.embed(task.target)
        names = [s.name for s in net.sites(path.latents) if s.cross]
        found = words.refinement(net.tokenizer, task.source, task.target)
        common = (found >= 0).nonzero()[:, 0].to(net.device)
        origin = found[found >= 0].to(net.device)

        def guide(now: Now, seen: Maps) -> Iterator[Nudge]:
            def constraint(at: Now) -> tuple[Tensor, dict[str, Tensor], Maps]:
                maps = attention(at, cond, hooks, seen, names)
                pairs = [(m[0, ..., common], seen[n][0, ..., origin]) for n, m in maps.items()]
                loss = torch.stack([losses.same_attention(a, b) for a, b in pairs]).sum()
                return loss, {"maps": loss}, maps

            yield nudge(now, constraint, self.step_size)

        with_maps = replace(hooks, source_sites=lambda now: hooks.source_sites(now) | frozenset(names))
        return guiding(with_maps, guide)
