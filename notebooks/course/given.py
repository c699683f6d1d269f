"""What the student's own MAG-Edit is given: an edit as the model sees it, in plain tensors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

import magedit_lab as mag
from magedit_lab.methods.shared.blend import LATE
from magedit_lab.model.schedule import Level, Time, guidance, previous


@dataclass(frozen=True)
class Given:
    """`net`, `task` and `path`, taken apart for a loop of one's own. Prompt-to-Prompt's published shares are kept:
    cross attention for .8 of the steps, self attention for .5, the outside put back in the last .3."""

    net: mag.Backbone
    task: mag.Task
    path: mag.Path

    @cached_property
    def run(self) -> mag.Run:
        """The library's own view of the edit."""
        return mag.Run(self.net, self.task, self.path)

    @property
    def times(self) -> tuple[Time, ...]:
        """The timesteps, from noise to picture."""
        return self.path.times

    @property
    def noise(self) -> Tensor:
        """The latent from which both branches start."""
        return self.path.latents[:1]

    @property
    def half(self) -> int:
        """The first step without nudges, tau."""
        return self.path.steps // 2

    @property
    def target(self) -> mag.model.text.Text:
        """The target prompt's embedding."""
        return self.run.cond

    @property
    def sites(self) -> list[str]:
        """The names of the sites whose maps the loss reads."""
        return [site.name for site in self.run.guided]

    @cached_property
    def cells(self) -> Tensor:
        """The mask at those sites, 0 or 1 for each cell."""
        site = self.run.guided[0]
        return self.run.region(site.height, site.width).flatten()

    @property
    def mask(self) -> Tensor:
        """The mask in the latent's cells."""
        return self.run.latent_mask

    @property
    def word(self) -> int:
        """The edit word's column; a word of one token, as all of the shipped model's are."""
        (column,) = self.run.columns(self.task.words[0])
        return column

    def sigma(self, t: Time) -> float:
        """Noise over signal at a timestep."""
        return self.net.schedule.sigma(t)

    def levels(self, i: int) -> tuple[Level, Level]:
        """The noise level of step i, and the one that it moves to."""
        return self.net.level(self.times[i]), self.net.level(previous(self.times, i))

    def origins(self, i: int) -> dict[str, Tensor]:
        """For each site that keeps the source's attention at step i: which source column each target column takes,
        -1 for none. Self attention takes every column."""
        cross, itself = (i < int(share * (self.path.steps + more)) for share, more in ((0.8, 1), (0.5, 0)))
        aligned, found = self.run.aligned().to(self.net.device), {}
        for site in self.run.sites:
            if site.cross and cross:
                found[site.name] = aligned
            elif not site.cross and itself and site.cells <= 32 * 32:
                found[site.name] = torch.arange(site.cells, device=self.net.device)
        return found

    def source_maps(self, read_maps: Callable[..., Mapping[str, Tensor]], i: int) -> dict[str, tuple[Tensor, Tensor]]:
        """The source's maps at step i, read by the student's own function, each with its `origins`."""
        origins = self.origins(i)
        if not origins:
            return {}
        z, t = self.path.latents[i : i + 1], self.times[i]
        with torch.no_grad():
            maps = read_maps(self.net, z, t, self.path.cond, list(origins))
        return {name: (maps[name], origin) for name, origin in origins.items()}

    @torch.no_grad()
    def guided(self, z: Tensor, t: Time, change: mag.model.hooks.Hooks) -> Tensor:
        """Classifier-free guidance of the two noise predictions, the words' one with `change`."""
        cond = self.net.predict(z, t, self.target, change)
        uncond = self.net.predict(z, t, self.path.uncond[self.times.index(t) :][:1])
        return guidance(uncond, cond, self.path.guidance_scale)

    def blend(self, z: Tensor, i: int) -> Tensor:
        """In the last .3 of the steps: the source outside the mask, which is grown by a cell."""
        if i < int(LATE.start * self.path.steps):
            return z
        source, wide = self.path.latents[i + 1 : i + 2], mag.masks.dilate(self.mask, LATE.grow)
        return source + wide * (z - source)
