"""Measurements of a shipped model on held-out scenes; `targets.py` has what they should come to."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ... import scenes
from ...inversion.null_text import NullText
from ...inversion.table import invert
from ...masks.raster import to_cells
from ...methods.prompt_to_prompt import PromptToPrompt
from ...model import schedule
from ...model.attention import guided
from ...model.backbone import Backbone
from ...model.hooks import recorder
from ...model.text import Text
from ...steps import Maps
from ...task import Task
from ...trace.record import SCORED
from ...trace.runner import run
from .. import demo, metrics

FIRST = scenes.HELD_OUT + 20_000  # the first scene that is measured on
STEPS = 50


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
    z = torch.randn(2, net.channels, net.denoiser.config.sample_size, net.denoiser.config.sample_size)
    z, text = z.to(net.device), net.embed("a red ball").expand(2)
    seconds = []
    with torch.no_grad():
        for _ in range(times):
            start = time.perf_counter()
            net.predict(z, 500, text)
            seconds.append(time.perf_counter() - start)
    return 1000 * float(np.median(seconds))


def coded(net: Backbone, image: Image.Image, noise: float = 0.0) -> Image.Image:
    """The picture encoded and decoded, its latent with noise of that share of its deviation."""
    z = net.encode(image)
    generator = torch.Generator(z.device).manual_seed(0)
    return net.decode(z + noise * z.std() * torch.randn(z.shape, generator=generator, device=z.device, dtype=z.dtype))


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
                phrases = [scenes.phrase(replace(thing, **{name: v}).words) for v in values]  # type: ignore[arg-type]
                hits[name].append(values[clip.choose(picture, phrases)] == getattr(thing, name))
    return {name: float(np.mean(right)) for name, right in hits.items()}


@torch.no_grad()
def grounded(net: Backbone, seeds: Sequence[int]) -> float:
    """Mean over colour words: share of the word's attention inside its object's mask, over the mask's share of the
    picture, at half of the timesteps; sites and heads averaged."""
    ratios, t = [], len(net.schedule.alphas) // 2
    for seed in seeds:
        scene = scenes.sample(seed)
        words = scenes.describe(scene, np.random.default_rng(seed), 0.0)
        z = net.encode(scene.image)
        noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(seed)).to(z)
        sites = guided(net.sites(z))
        maps: Maps = {}
        taps = {s.name: recorder(maps, s.name) for s in sites}
        net.predict(schedule.add_noise(z, noise, net.level(t)), t, net.embed(" ".join(w for w, _ in words)), taps)
        heat: Tensor = torch.stack([m[0].mean(0) for m in maps.values()]).mean(0)
        for place, (word, thing) in enumerate(words):
            if thing is not None and word in scenes.COLOURS:
                mask = torch.from_numpy(scene.masks[thing])
                cells = to_cells(mask, sites[0].height, sites[0].width).flatten().to(heat)
                own = heat[:, place + 1]  # every word of the little world is one token, after the start token
                ratios.append(((own * cells).sum() / own.sum() / cells.mean()).item())
    return float(np.mean(ratios))


def null_text_loss(net: Backbone, drawn: Sequence[scenes.Scene], inversion: NullText) -> float:
    """PSNR of the null-text reconstruction less the autoencoder's own, in dB."""
    losses = []
    for scene in drawn:
        task = _whole(scene)
        path = invert(net, task, inversion)
        pictures = (net.decode(path.latents[-1:]), coded(net, scene.image))
        ours, best = (metrics.psnr(metrics.unit(scene.image), metrics.unit(p)) for p in pictures)
        losses.append(ours - best)
    return float(np.mean(losses))


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
    pictures: list[Image.Image] = []
    side, channels = net.denoiser.config.sample_size, net.channels
    for start in range(0, len(captions), batch):
        text = Text.cat([net.embed(c) for c in captions[start : start + batch]])
        noise = [
            torch.randn(channels, side, side, generator=torch.Generator().manual_seed(start + i))
            for i in range(len(text))
        ]
        z = _sampled(net, torch.stack(noise).to(text.embedding), text, scale)
        pictures += [net.decode(row[None]) for row in z]
    return pictures


def _sampled(net: Backbone, z: Float[Tensor, "n c h w"], text: Text, scale: float) -> Float[Tensor, "n c h w"]:
    times, empty = net.schedule.timesteps(STEPS), net.embed("").expand(len(z))
    for t, before in zip(times, [*times[1:], -1], strict=True):
        eps = schedule.guidance(net.predict(z, t, empty), net.predict(z, t, text), scale)
        z = schedule.move(z, eps, net.level(t), net.level(before))
    return z
