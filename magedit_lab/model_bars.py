"""The shipped model's bars: what it can do on held-out scenes."""

import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from . import ddim, demo, files, metrics, scenes
from .attention import guided
from .backbone import Backbone
from .benchmark import identity
from .edit import Maps, guidance
from .inversion import NullText, invert
from .keep import SCORED
from .masks import to_cells
from .methods.prompt_to_prompt import PromptToPrompt
from .taps import recorder
from .task import Task
from .trace import run

FIRST = scenes.HELD_OUT + 20_000  # the first scene that is measured on
SCALES = (1.5, 3.0, 5.0)  # guidance scales tried
STEPS = 50
EDITS, EXACT_EDITS = 16, 4  # scenes for what needs an inversion, a short one and the exact one
EXACT = NullText(inner=30, rate=0.1, slack=0.0, fixed_point=30)  # what the shipped model needs; NullText() is as published


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
        return held_out(self.net, self.count)

    @cached_property
    def drawn(self) -> list[scenes.Scene]:
        return [scenes.sample(s) for s in self.seeds]

    @cached_property
    def captions(self) -> list[str]:
        return [full_caption(s) for s in self.seeds]

    @cached_property
    def rendered(self) -> float:
        """R@1 of the scenes as they are."""
        return recall(self.clip, [s.image for s in self.drawn], self.captions)

    def few(self, most: int, share: int) -> int:
        """How many scenes a dear measure takes: a share of all, at most so many."""
        return min(most, max(1, self.count // share))


def forward(held: Held) -> Iterator[Score]:
    threads = f"{torch.get_num_threads()} threads"
    yield Score("one U-Net forward, batch 2 (ms)", forward_ms(held.net), 80.0, 40.0, threads)


def vae(held: Held) -> Iterator[Score]:
    pairs = ((metrics.unit(s.image), metrics.unit(_coded(held.net, s.image))) for s in held.drawn)
    psnr = float(np.mean([metrics.psnr(*pair) for pair in pairs]))
    yield Score("VAE reconstruction (dB)", psnr, 30.0, 36.0, f"{held.count} scenes")


def retrieval(held: Held) -> Iterator[Score]:
    yield Score("image-to-caption R@1, rendered", held.rendered, 0.90, 0.99, f"among {held.count} full captions")


def naming(held: Held) -> Iterator[Score]:
    for name, value in objects(held.clip, held.drawn).items():
        yield Score(f"single objects: {name} named rightly", value, 0.95, 0.99, f"crops of {held.count} scenes")


def attention(held: Held) -> Iterator[Score]:
    name = "attention of colour words in their object, over its area"
    yield Score(name, grounded(held.net, held.seeds), 2.0, 4.0, f"at half noise, {held.count} scenes")


def null_text(held: Held) -> Iterator[Score]:
    few = held.few(EXACT_EDITS, 16)
    for way in (EXACT, NullText()):
        note = f"{few} scenes, at most {way.inner} updates a step, rate {way.rate:g}, slack {way.slack:g}"
        note += f", fixed-point iterations {way.fixed_point}" if way.fixed_point else ""
        lost = null_text_loss(held.net, held.drawn[:few], way)
        yield Score("null-text reconstruction against the VAE's (dB)", lost, -1.0, -0.2, note)


def causality(held: Held) -> Iterator[Score]:
    some = held.few(EDITS, 4)
    for scale in (1.0, demo.Demo().guidance_scale):
        note = f"{some} scenes, guidance scale {scale:g}"
        share = causal(held.net, some, scale)
        yield Score("causal attention: x5 inside a mask recolours the object", share, 0.60, 0.90, note)


def generated(held: Held) -> Iterator[Score]:
    trial = held.captions[: max(1, held.count // 8)]
    best = max(SCALES, key=lambda scale: recall(held.clip, generate(held.net, trial, scale), trial))
    made = recall(held.clip, generate(held.net, held.captions, best), held.captions)
    share = made / held.rendered if held.rendered else 0.0
    note = f"guidance scale {best:g}: {made:.3f} among {held.count}"
    yield Score("R@1 on generated pictures, share of rendered", share, 0.70, 0.95, note)


BARS: dict[str, Callable[[Held], Iterator[Score]]] = {
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
            made = [asdict(score) for score in BARS[name](held)]
            files.write_text(path, json.dumps({**facts, "scores": made}, indent=1) + "\n")
        kept = json.loads(path.read_text(encoding="utf-8"))
        if differs := [f"{k} = {kept.get(k)}" for k in facts if kept.get(k) != facts[k]]:
            wanted = ", ".join(f"{k} = {v}" for k, v in facts.items())
            raise ValueError(f"expected {str(path)!r} with {wanted}; got {', '.join(differs)}; remove that file")
        yield from (Score(**row) for row in kept["scores"])


def full_caption(seed: int) -> str:
    """The caption with every adjective."""
    return scenes.sample(seed).caption(seed, drop=0.0)


def held_out(net: Backbone, count: int) -> list[int]:
    """The first seeds from FIRST on whose full caption the model can read whole (some of five objects are longer)."""
    seeds: list[int] = []
    for seed in itertools.count(FIRST):
        if len(seeds) == count:
            return seeds
        if len(net.tokenizer(full_caption(seed)).input_ids) <= net.tokenizer.model_max_length:
            seeds.append(seed)
    raise AssertionError


def forward_ms(net: Backbone, times: int = 10) -> float:
    """The median of some calls."""
    z = torch.randn(2, net.unet.config.in_channels, net.unet.config.sample_size, net.unet.config.sample_size)
    z, text = z.to(net.device), net.embed("a red ball").expand(2, -1, -1)
    taken = []
    with torch.no_grad():
        for _ in range(times):
            start = time.perf_counter()
            net.predict(z, 500, text)
            taken.append(time.perf_counter() - start)
    return 1000 * float(np.median(taken))


def _coded(net: Backbone, image: Image.Image) -> Image.Image:
    return net.decode(net.encode(image))


def recall(clip: metrics.Clip, images: Sequence[Image.Image], captions: Sequence[str]) -> float:
    """R@1: the share of pictures that are nearest to their own caption."""
    parts = [clip.similarity(images[i : i + 32], captions) for i in range(0, len(images), 32)]
    return float((torch.cat(parts).argmax(1) == torch.arange(len(images))).float().mean())


def objects(clip: metrics.Clip, drawn: Sequence[scenes.Scene]) -> dict[str, float]:
    """The share of objects whose kind, colour and texture are each chosen among all there are, all else being told."""
    choices = {"kind": scenes.KINDS, "colour": tuple(scenes.COLOURS), "texture": scenes.TEXTURES}
    hits: dict[str, list[bool]] = {name: [] for name in choices}
    for scene in drawn:
        for thing, mask in zip(scene.things, scene.masks, strict=True):
            if mask.sum() < 0.3 * (thing.size * scenes.SIZE) ** 2:
                continue  # mostly hidden by another object
            picture = scene.image.crop(scenes.box(thing, scenes.SIZE))
            for name, values in choices.items():
                told = [scenes.phrase(replace(thing, **{name: v}).words) for v in values]  # type: ignore[arg-type]
                hits[name].append(values[clip.choose(picture, told)] == getattr(thing, name))
    return {name: float(np.mean(right)) for name, right in hits.items()}


@torch.no_grad()
def grounded(net: Backbone, seeds: Sequence[int]) -> float:
    """Mean over colour words: share of the word's attention inside its object's mask, over the mask's share of the
    picture, at half of the timesteps; sites and heads averaged."""
    ratios, t = [], len(net.alphas) // 2
    for seed in seeds:
        scene = scenes.sample(seed)
        words = scenes.describe(scene, np.random.default_rng(seed), 0.0)
        z = net.encode(scene.image)
        noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(seed)).to(z)
        sites = guided(net.sites(z))
        maps: Maps = {}
        taps = {s.name: recorder(maps, s.name) for s in sites}
        net.predict(ddim.add_noise(z, noise, net.alpha(t)), t, net.embed(" ".join(w for w, _ in words)), taps)
        heat: Tensor = torch.stack([m[0].mean(0) for m in maps.values()]).mean(0)
        for place, (word, thing) in enumerate(words):
            if thing is not None and word in scenes.COLOURS:
                mask = torch.from_numpy(scene.masks[thing])
                cells = to_cells(mask, sites[0].height, sites[0].width).flatten().to(heat)
                own = heat[:, place + 1]  # every word of the little world is one token, after the start token
                ratios.append(((own * cells).sum() / own.sum() / cells.mean()).item())
    return float(np.mean(ratios))


def null_text_loss(net: Backbone, drawn: Sequence[scenes.Scene], way: NullText) -> float:
    """PSNR of the null-text reconstruction less the autoencoder's own, in dB."""
    found = []
    for scene in drawn:
        task = _whole(scene)
        path = invert(net, task, way)
        pictures = (net.decode(path.latents[-1:]), _coded(net, scene.image))
        ours, best = (metrics.psnr(metrics.unit(scene.image), metrics.unit(p)) for p in pictures)
        found.append(ours - best)
    return float(np.mean(found))


def _whole(scene: scenes.Scene) -> Task:
    caption = scenes.sentence(scene, [scenes.phrase(t.words) for t in scene.things])
    return Task(scene.image, scene.masks[0], caption, caption, scene.things[0].kind)


def causal(net: Backbone, count: int, scale: float) -> float:
    """The share of look-alikes that take the colour whose word's attention is multiplied by 5 inside their mask."""
    hits = []
    for seed in range(FIRST, FIRST + count):
        task = demo.complex_task(seed)
        path = invert(net, task, NullText(20, scale, 5 if scale != 1 else 1, demo.Demo().rate))
        method = PromptToPrompt(reweight=5.0, reweight_inside=True)
        trace = run(net, task, path, method, SCORED)
        hits.append(demo.colour_of(trace) == task.words[0])
    return float(np.mean(hits))


@torch.no_grad()
def generate(net: Backbone, captions: Sequence[str], scale: float, batch: int = 16) -> list[Image.Image]:
    """A picture for each caption: 50 DDIM steps from noise that the caption's place decides."""
    made: list[Image.Image] = []
    side, channels = net.unet.config.sample_size, net.unet.config.in_channels
    for start in range(0, len(captions), batch):
        text = torch.cat([net.embed(c) for c in captions[start : start + batch]])
        noise = [
            torch.randn(channels, side, side, generator=torch.Generator().manual_seed(start + i))
            for i in range(len(text))
        ]
        z = _sampled(net, torch.stack(noise).to(text), text, scale)
        made += [net.decode(row[None]) for row in z]
    return made


def _sampled(
    net: Backbone, z: Float[Tensor, "n c h w"], text: Float[Tensor, "n t d"], scale: float
) -> Float[Tensor, "n c h w"]:
    times, empty = ddim.timesteps(STEPS, len(net.alphas)), net.embed("").expand(len(z), -1, -1)
    for t, before in zip(times, [*times[1:], -1], strict=True):
        eps = guidance(net.predict(z, t, empty), net.predict(z, t, text), scale)
        z = ddim.move(z, eps, net.alpha(t), net.alpha(before))
    return z
