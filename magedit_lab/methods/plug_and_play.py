"""Plug-and-Play (Tumanyan et al. 2023): the target takes the source's features, and its self-attention's q and k."""

from dataclasses import dataclass
from typing import ClassVar

from ..model.hooks import Hooks, Replace
from ..runs import Run
from ..settings import setting
from ..steps import Maps, Now
from .base import Plan
from .shared.blend import Blended, Blends, blend_setting, blended


@dataclass(frozen=True)
class PlugAndPlay(Blended):
    """Injection into both passes of the target.

    Features are what the second ResNet of the guided up block puts out last (`up_blocks.1.resnets.1.conv2` in Stable
    Diffusion). Self attention is that of the up blocks, all but the first. With `shared` the source's conditional pass
    serves both passes of the target, as published; by default each takes from its own, so that equal prompts reproduce
    the source at any guidance scale. Shares count the step at their end too, as in the paper's own code; its later port
    to diffusers leaves that out (inclusive=False). A share of 0 is none. The published code inverts with an empty
    prompt, in 999 steps; here the path is the caller's choice.
    """

    reference: ClassVar[str] = "Plug-and-Play (Tumanyan et al. 2023)"

    features: float = setting(0.8, "share of the steps in which features are taken from the source", least=0, most=1)
    attention: float = setting(0.5, "share of the steps in which self attention takes q and k", least=0, most=1)
    inclusive: bool = setting(True, "the step at each share's end too: 41 and 26 of 50, as in the paper's own code")
    shared: bool = setting(False, "the source's conditional pass serves both passes of the target, as published")
    blend: Blends = blend_setting()

    def bind(self, run: Run) -> Plan:
        coarse = [s for s in run.guided if s.name.startswith("up_blocks")]
        if not coarse:
            kind = type(run.net.denoiser).__name__
            raise ValueError(f"expected a U-Net, whose ResNets have the features, got {kind}; take p2p or masactrl")
        block = coarse[0].name.rsplit(".attentions", 1)[0]
        decoder = [s.layer for s in run.sites if s.late and not s.cross]
        features = frozenset({f"{block}.resnets.1.conv2"})
        keys = frozenset(f"{name}.{part}" for name in decoder[1:] for part in ("to_q", "to_k"))
        nothing: frozenset[str] = frozenset()

        def injects(now: Now, share: float) -> bool:
            return share > 0 and now.i < int(share * run.path.steps) + self.inclusive

        def record(now: Now) -> frozenset[str]:
            return (features if injects(now, self.features) else nothing) | (
                keys if injects(now, self.attention) else nothing
            )

        def hooks(now: Now, maps: Maps) -> Hooks:
            return {name: Replace(maps[name]) for name in record(now)}

        plan = Plan(record, hooks=lambda now: hooks(now, now.source_maps))
        plan.record_uncond = plan.record_uncond if self.shared else record
        plan.uncond_hooks = lambda now: hooks(now, now.source_maps if self.shared else now.uncond_maps)
        plan.pattern = record
        return blended(plan, self.blend, run)
