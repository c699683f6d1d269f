"""Plug-and-Play (Tumanyan et al. 2023): the target takes the source's features, and its self-attention's q and k."""

from dataclasses import dataclass

from ..attention import guided
from ..backbone import Backbone
from ..blend import Blends, added, known
from ..edit import Hooks, Maps, Now
from ..inversion import Path
from ..taps import Taps, instead
from ..task import Task


@dataclass(frozen=True)
class PlugAndPlay:
    """Injection into both passes of the target.

    features: share of the steps in which the second ResNet of the guided up block takes the source's features
        (`up_blocks.1.resnets.1` in Stable Diffusion, what its last convolution puts out).
    attention: share of the steps in which self attention in the up blocks, all but the first, takes q and k.
    shared: the source's conditional pass serves both passes of the target, as published; by default each takes from
        its own, so that equal prompts reproduce the source at any guidance scale.
    blend: as MAG-Edit adds it; none in the published method.
    The published code inverts with an empty prompt, in 999 steps; here the path is the caller's choice.
    """

    features: float = 0.8
    attention: float = 0.5
    shared: bool = False
    blend: Blends = None

    def __post_init__(self) -> None:
        known(self.blend)

    def bind(self, net: Backbone, task: Task, path: Path) -> Hooks:
        sites = net.sites(path.latents)
        block = next(s.name for s in guided(sites) if s.name.startswith("up_blocks")).rsplit(".attentions", 1)[0]
        decoder = [s.name.removesuffix("probs") for s in sites if s.name.startswith("up_blocks") and not s.cross]
        keys = frozenset(name + part for name in decoder[1:] for part in ("to_q", "to_k"))

        def wanted(now: Now) -> frozenset[str]:
            features = {f"{block}.resnets.1.conv2"} if now.i < int(self.features * path.steps) else set()
            return frozenset(features) | (keys if now.i < int(self.attention * path.steps) else frozenset())

        def taps(now: Now, seen: Maps) -> Taps:
            return {name: instead(seen, name) for name in wanted(now)}

        if self.shared:
            hooks = Hooks(wanted, taps, uncond_taps=lambda now, seen, _: taps(now, seen))
        else:
            hooks = Hooks(wanted, taps, wanted, lambda now, _, uncond_seen: taps(now, uncond_seen))
        return added(hooks, self.blend, net, task, path)
