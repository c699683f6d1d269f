"""Null-text inversion (Mokady et al. 2023): the empty prompt is trained until guidance stays on the route."""

import copy
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..model import schedule
from ..model.backbone import Backbone, Latent, Text
from ..model.schedule import Level
from ..settings import setting
from .base import Inversion, Path, Progress, Tensors, ddim_route, once


@dataclass(frozen=True)
class NullText(Inversion):
    """At each step the empty prompt's embedding is trained; pooled text, where a family has it, is not.

    Adam from the last step's embedding, rate x (1 - i/100), at most `inner` updates, until the squared error falls
    below tolerance + slack x i, as published; a small latent asks for less slack. `progress` is called after each of
    them. The route is the one that the trained embeddings give, so a source branch replays it. fixed_point: as in
    `DDIM`, for the route that it trains towards.
    """

    reference: ClassVar[str] = "null-text inversion (Mokady et al. 2023)"

    steps: int = setting(50, "DDIM steps; the published rate falls to nothing at the hundredth", least=1, most=100)
    inner: int = setting(10, "updates a step, at most", least=0)
    rate: float = setting(1e-2, "Adam's learning rate at the first step", least=0)
    tolerance: float = setting(1e-5, "squared error that ends a step's updates", least=0)
    slack: float = setting(2e-5, "by which the tolerance grows a step", least=0)
    fixed_point: int = setting(0, "how often each step up is taken anew, at most", least=0)

    def __call__(self, net: Backbone, z0: Latent, cond: Text, progress: Progress) -> Path:
        route = ddim_route(net, z0, cond, self.steps, progress, 2 * self.steps, self.fixed_point)
        times, uncond = tuple(net.timesteps(self.steps, z0)), net.embed("")
        latents, trained = [route[0]], []
        for i in range(self.steps):
            step = partial(self._step, net, latents[-1], cond, times, i, uncond, route[i + 1], progress)
            embedding, latent = once(f"null-text-{i:04}", step)
            uncond = Text(embedding, uncond.pooled)
            trained.append(uncond)
            latents.append(latent)
            progress(self.steps + i + 1, 2 * self.steps)
        return Path(torch.cat(latents), z0, times, Text.cat(trained), cond, True, self.guidance_scale)

    def _step(
        self, net: Backbone, z: Latent, cond: Text, times: tuple[schedule.Time, ...], i: int, uncond: Text,
        goal: Latent, progress: Progress,
    ) -> Tensors:  # fmt: skip
        """The embedding that leads from `z` to the goal, and where it leads."""
        moved = _Guided(net, z, cond, times, i, self.guidance_scale)
        trained = self._train(moved, uncond, goal, i, progress)
        with torch.no_grad():
            return trained.embedding, moved(trained)

    @torch.enable_grad()
    def _train(self, moved: "_Guided", start: Text, goal: Latent, i: int, progress: Progress) -> Text:
        weight = start.embedding.clone().requires_grad_(True)
        uncond = Text(weight, start.pooled)
        adam = torch.optim.Adam([weight], lr=self.rate * (1 - i / 100))
        for _ in range(self.inner):
            loss, weight.grad = moved.gradient(uncond, goal)
            adam.step()
            progress(self.steps + i, 2 * self.steps)  # no further, but whoever watches may stop here
            if loss.item() < self.tolerance + self.slack * i:
                break
        return Text(weight.detach(), start.pooled)


class _Guided:
    """One guided DDIM step as a function of the unconditional embedding alone; the rest is computed once."""

    def __init__(
        self, net: Backbone, z: Latent, cond: Text, times: tuple[schedule.Time, ...], i: int, scale: float
    ) -> None:
        self.net, self.z, self.scale = net, z, scale
        self.t, self.clock = times[i], net.time(times[i])
        self.here, self.there = (_on(z, net.level(t)) for t in (self.t, schedule.previous(times, i)))
        with torch.no_grad():
            self.eps = net.predict(z, self.t, cond)

    def __call__(self, uncond: Text) -> Latent:
        net, out = self.net, self.net.output(self.z, self.clock, uncond)
        assert out is not None
        eps = schedule.guidance(net.noise_at(self.here, out, self.z), self.eps, self.scale)
        return schedule.move(self.z, eps, self.here, self.there)

    def gradient(self, uncond: Text, goal: Latent) -> tuple[Tensor, Tensor]:
        """The squared error at the goal and its gradient by the embedding; recorded and replayed where the model is
        compiled (Adam's update runs by itself, with the same bits)."""
        captures = self.net.shared()
        if captures is None:
            return _error(self, uncond, goal)
        static = captures.static(self._changing() | {"goal": goal} | uncond.parts())
        twin = copy.copy(self)
        twin.z, twin.clock, twin.eps = static["z"], static["t"], static["eps"]
        twin.here = Level(static["here signal"], static["here noise"], self.here.flow)
        twin.there = Level(static["there signal"], static["there noise"], self.there.flow)

        def work() -> dict[str, Tensor]:
            embedding = static["embedding"].detach().requires_grad_(True)
            loss, gradient = _error(twin, Text(embedding, static.get("pooled")), static["goal"])
            return {"loss": loss, "gradient": gradient}

        key = ("null-text", self.scale, *((name, tensor.shape) for name, tensor in static.items()))
        tensors = captures.run(key, work)
        return tensors["loss"], tensors["gradient"]

    def _changing(self) -> dict[str, Tensor]:
        return {
            "z": self.z, "t": self.clock, "eps": self.eps, "here signal": self.here.signal,
            "here noise": self.here.noise, "there signal": self.there.signal, "there noise": self.there.noise,
        }  # fmt: skip


def _on(z: Latent, level: Level) -> Level:
    """A level on the latent's device, where a recorded pass reads it."""
    return Level(level.signal.to(z.device), level.noise.to(z.device), level.flow)


def _error(moved: _Guided, uncond: Text, goal: Latent) -> tuple[Tensor, Tensor]:
    loss = F.mse_loss(moved(uncond), goal)
    (gradient,) = torch.autograd.grad(loss, uncond.embedding)
    return loss.detach(), gradient
