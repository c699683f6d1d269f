"""FlowEdit (Kulikov et al. 2024): straight from the source to the target, without inversion."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from ...inversion.rf_inversion import drawn, require_flow
from ...model import schedule
from ...model.backbone import Latent
from ...model.hooks import recorder
from ...model.text import Text
from ...runs import Run
from ...settings import setting
from ...steps import Branch, Listener, Maps, Now, Since, Step
from ..base import Method, Plan


@dataclass(frozen=True)
class FlowEdit(Method):
    """Algorithm 1: from the picture X, at each level s of the path from step `skip` on, with fresh noise N

        Z_src = (1 - s) X + s N,    Z_tar = Z + Z_src - X,    Z <- Z + (s' - s) (V_tar(Z_tar) - V_src(Z_src))

    where V is the guided velocity under the target's and the source's prompt, each with a scale of its own, averaged
    over `average` noises. In the last `last` of the steps (n_min) the target is sampled as usual from Z_tar on. Only
    the path's levels, picture and texts are read; `none` is the inversion for it. The mask is not read.

    The defaults are the paper's for Stable Diffusion 3: 50 steps of which 33, scales 3.5 and 13.5; `flux` has 24 of 28,
    1.5 and 5.5, which are embedded guidance there: here classifier-free guidance takes their place.
    """

    reference: ClassVar[str] = "FlowEdit (Kulikov et al. 2024)"
    presets: ClassVar[tuple[str, ...]] = ("flux",)
    runs_itself: ClassVar[bool] = True

    skip: float = setting(0.34, "share of the first steps that is left out (1 - n_max / T)", least=0, most=0.99)
    last: float = setting(0.0, "share of the last steps that sample as usual (n_min / T)", least=0, most=1)
    source_scale: float = setting(3.5, "guidance under the source prompt", least=0)
    target_scale: float = setting(13.5, "guidance under the target prompt", least=0)
    average: int = setting(1, "noises that a velocity is averaged over (n_avg)", least=1)
    seed: int = setting(0, "of the noise that is drawn", least=0)

    @classmethod
    def flux(cls) -> "FlowEdit":
        """The paper's settings for FLUX.1-dev."""
        return cls(skip=1 - 24 / 28, source_scale=1.5, target_scale=5.5)

    def first_step(self, steps: int) -> int:
        return int(self.skip * steps)

    def bind(self, run: Run) -> Plan:
        require_flow(run.net, "FlowEdit")
        return Plan(first=self.first_step(run.path.steps))

    def own_steps(self, run: Run, listen: Mapping[str, Listener], since: Since | None = None) -> Iterator[Step]:
        """Its own loop, since its branches start anew from the picture at each step."""
        path, picture = run.path, run.path.image
        first, sampled = self.bind(run).first, path.steps - round(self.last * path.steps)
        z = since.target if since else picture
        for i, t in list(enumerate(path.times))[since.i if since else first :]:
            sources = [
                schedule.add_noise(picture, drawn(picture, self._seed(i, k)), run.net.level(t))
                for k in range(self.average)
            ]
            if i == max(sampled, first):  # from here as usual, from where the target's branch would stand
                z = sources[0] + (z - picture)
            if i < sampled:
                step = self._moved([Now(run, i, t, x, x + (z - picture), listen=listen) for x in sources], z)
            else:
                step = self._sampled(Now(run, i, t, sources[0], z, listen=listen))
            z = step.target
            yield step

    def _seed(self, i: int, k: int) -> int:
        return (self.seed * 1000 + i) * 100 + k

    def _moved(self, nows: list[Now], z: Latent) -> Step:
        """Z's step along the mean difference of the two velocities."""
        pairs = [(self._velocity(now, "source"), self._velocity(now, "target")) for now in nows]
        difference = torch.stack([target - source for (source, _), (target, _) in pairs]).mean(0)
        now, (_, (velocity, maps)) = nows[0], pairs[0]
        target = schedule.move(z, difference, now.level, now.next_level)
        x0 = schedule.to_x0(now.target, velocity, now.level)
        source_maps = pairs[0][0][1]
        return Step(now, now.target, velocity, now.run.path.image, target, x0, source_maps, maps, ())

    def _sampled(self, now: Now) -> Step:
        velocity, maps = self._velocity(now, "target")
        target = schedule.move(now.target, velocity, now.level, now.next_level)
        x0 = schedule.to_x0(now.target, velocity, now.level)
        return Step(now, now.target, velocity, now.run.path.image, target, x0, {}, maps, ())

    def _velocity(self, now: Now, branch: Branch) -> tuple[Latent, Maps]:
        """The guided velocity of a branch, and its maps at the guided sites."""
        run = now.run
        maps: Maps = {}
        hooks = {s.name: recorder(maps, s.name) for s in run.guided}
        text: Text = run.cond if branch == "target" else run.path.cond
        scale = self.target_scale if branch == "target" else self.source_scale
        cond = now.predict(branch, True, text, hooks)
        uncond = now.predict(branch, False, now.uncond, {})
        assert cond is not None  # no `until`
        assert uncond is not None
        return schedule.guidance(uncond, cond, scale), maps
