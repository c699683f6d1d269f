"""The shipped model's targets: what it should be able to do on held-out scenes."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from ... import files, scenes
from ...inversion.null_text import NullText
from ...model.backbone import Backbone
from .. import demo, metrics
from ..run import identity
from . import measures

SCALES = (1.5, 3.0, 5.0)  # guidance scales tried
NOISE = 0.06  # of a latent's deviation: about what a sampler leaves
EDITS, EXACT_EDITS = 16, 4  # scenes for what needs an inversion, a short one and the exact one
# What the shipped model needs; NullText() is as published.
EXACT = NullText(inner=30, rate=0.1, slack=0.0, fixed_point=30)


@dataclass(frozen=True)
class Score:
    """A measure with the value that it should reach at least, and the one to aim for."""

    name: str
    value: float
    least: float
    aim: float
    note: str = ""

    @property
    def reached(self) -> str:
        better = max if self.aim >= self.least else min
        if better(self.value, self.aim) == self.value:
            return "aim"
        return "least" if better(self.value, self.least) == self.value else "missed"

    def __str__(self) -> str:
        return f"{self.name}: {self.value:.3g} (least {self.least:g}, aim {self.aim:g}; {self.reached}) {self.note}"


@dataclass(frozen=True)
class Held:
    """What bars are measured on: a model, a CLIP that judges, and the first `count` held-out scenes."""

    net: Backbone
    clip: metrics.Clip
    count: int = 256

    @cached_property
    def seeds(self) -> list[int]:
        return measures.held_out(self.net, self.count)

    @cached_property
    def drawn(self) -> list[scenes.Scene]:
        return [scenes.sample(s) for s in self.seeds]

    @cached_property
    def captions(self) -> list[str]:
        return [measures.full_caption(s) for s in self.seeds]

    @cached_property
    def rendered(self) -> float:
        """R@1 of the scenes as they are."""
        return measures.recall(self.clip, [s.image for s in self.drawn], self.captions)

    def few(self, most: int, share: int) -> int:
        """How many scenes a dear measure takes: a share of all, at most so many."""
        return min(most, max(1, self.count // share))


def forward(held: Held) -> Iterator[Score]:
    threads = f"{torch.get_num_threads()} threads"
    yield Score("one U-Net forward, batch 2 (ms)", measures.forward_ms(held.net), 80.0, 40.0, threads)


def vae(held: Held) -> Iterator[Score]:
    for noise, name, least, aim in ((0.0, "", 30.0, 36.0), (NOISE, f", latent noise {NOISE:g}", 28.0, 31.0)):
        pairs = ((metrics.unit(s.image), metrics.unit(measures.coded(held.net, s.image, noise))) for s in held.drawn)
        psnr = float(np.mean([metrics.psnr(*pair) for pair in pairs]))
        yield Score(f"VAE reconstruction{name} (dB)", psnr, least, aim, f"{held.count} scenes")


def retrieval(held: Held) -> Iterator[Score]:
    yield Score("image-to-caption R@1, rendered", held.rendered, 0.90, 0.99, f"among {held.count} full captions")


def naming(held: Held) -> Iterator[Score]:
    for name, value in measures.objects(held.clip, held.drawn).items():
        yield Score(f"single objects: {name} named rightly", value, 0.95, 0.99, f"crops of {held.count} scenes")


def attention(held: Held) -> Iterator[Score]:
    name = "attention of colour words in their object, over its area"
    yield Score(name, measures.grounded(held.net, held.seeds), 2.0, 4.0, f"at half noise, {held.count} scenes")


def null_text(held: Held) -> Iterator[Score]:
    few = held.few(EXACT_EDITS, 16)
    for inversion in (EXACT, NullText()):
        note = f"{few} scenes, at most {inversion.inner} updates a step, rate {inversion.rate:g}"
        note += f", slack {inversion.slack:g}"
        note += f", fixed-point iterations {inversion.fixed_point}" if inversion.fixed_point else ""
        change = measures.null_text_loss(held.net, held.drawn[:few], inversion)
        yield Score("null-text reconstruction against the VAE's (dB)", change, -1.0, -0.2, note)


def causality(held: Held) -> Iterator[Score]:
    some = held.few(EDITS, 4)
    for scale in (1.0, demo.Demo().guidance_scale):
        note = f"{some} scenes, guidance scale {scale:g}"
        share = measures.causal(held.net, some, scale)
        yield Score("causal attention: x5 inside a mask recolours the object", share, 0.60, 0.90, note)


def generated(held: Held) -> Iterator[Score]:
    trial = held.captions[: max(1, held.count // 8)]
    tried = {scale: measures.generate(held.net, trial, scale) for scale in SCALES}
    best = max(SCALES, key=lambda scale: measures.recall(held.clip, tried[scale], trial))
    recall = measures.recall(held.clip, measures.generate(held.net, held.captions, best), held.captions)
    share = recall / held.rendered if held.rendered else 0.0
    note = f"guidance scale {best:g}: {recall:.3f} among {held.count}"
    yield Score("R@1 on generated pictures, share of rendered", share, 0.70, 0.95, note)


TARGETS: dict[str, Callable[[Held], Iterator[Score]]] = {
    "forward": forward, "vae": vae, "retrieval": retrieval, "naming": naming, "attention": attention,
    "null-text": null_text, "causality": causality, "generated": generated,
}  # fmt: skip


def measure(held: Held, names: Iterable[str], out: Path) -> Iterator[Score]:
    """The scores of the named bars, each bar kept in a file of its own in `out` once it is measured: done ones are
    read from there, and several processes can share the work. ValueError where a file is of another model or of
    another number of scenes."""
    facts = {"model": identity(held.net), "clip": held.clip.name, "scenes": held.count}
    for name in names:
        path = out / f"{name}.json"
        if not path.exists():
            scores = [asdict(score) for score in TARGETS[name](held)]
            files.write_text(path, json.dumps({**facts, "scores": scores}, indent=1) + "\n")
        stored = files.read_json(path)
        if differs := [f"{k} = {stored.get(k)}" for k in facts if stored.get(k) != facts[k]]:
            expected = ", ".join(f"{k} = {v}" for k, v in facts.items())
            raise ValueError(f"expected {str(path)!r} with {expected}; got {', '.join(differs)}; remove that file")
        yield from (Score(**row) for row in stored["scores"])
