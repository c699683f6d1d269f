"""Algorithm 1 as printed, with nothing saved: the measure that the library is held to.

Written on diffusers' U-Net alone: the source and the target are run anew in every iteration, whole, and the attention
maps are taken and put in by a processor of its own. Facts on what the released code computes: per head, all columns,
square, delta = 2.5 sigma_t, blending in the last 15 of 50 steps with a mask grown by one cell.

Mask cells, timesteps, padding and the words' columns are arguments (`Form`), in the published form and in ours; none is
taken from the library.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ...inversion.base import Path
from ...model.attention import guided
from ...model.backbone import Backbone
from ...task import Task

Maps = dict[str, Tensor]


class Attention:
    """Stores every map by layer and replaces it by what `inject` gives."""

    def __init__(self, unet: Any) -> None:
        self.maps: Maps = {}
        self.inject: Callable[[str, Tensor], Tensor] | None = None
        self.layers = {n[: -len(".processor")]: None for n in unet.attn_processors}
        unet.set_attn_processor({n: self.one(n[: -len(".processor")]) for n in unet.attn_processors})

    def one(self, name: str) -> Callable[..., Tensor]:
        def process(
            attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, attention_mask: None = None,
            temb: None = None,
        ) -> Tensor:  # fmt: skip
            x = hidden_states if encoder_hidden_states is None else encoder_hidden_states
            q, k, v = (attn.head_to_batch_dim(t) for t in (attn.to_q(hidden_states), attn.to_k(x), attn.to_v(x)))
            probs = torch.softmax(torch.bmm(q, k.transpose(1, 2)) * attn.scale, dim=-1)
            if self.inject:
                probs = self.inject(name, probs)
            self.maps[name] = probs
            return attn.to_out[0](attn.batch_to_head_dim(torch.bmm(probs, v)))

        return process


def sampled(mask: Tensor, height: int, width: int) -> Tensor:
    """1 where the first pixel of a cell is anything but 0."""
    h, w = mask.shape
    rows = [[float(mask[y * h // height, x * w // width] != 0) for x in range(width)] for y in range(height)]
    return torch.tensor(rows)


def covered(mask: Tensor, height: int, width: int) -> Tensor:
    """1 where a cell is covered by half, or covered most; for cells of whole pixels."""
    down, across = mask.shape[0] // height, mask.shape[1] // width
    share = torch.tensor([
        [mask[y * down : (y + 1) * down, x * across : (x + 1) * across].mean() for x in range(width)]
        for y in range(height)
    ])  # fmt: skip
    return (share >= min(0.5, share.max().item())).float()


def leading(steps: int, offset: int) -> tuple[int, ...]:
    """Timesteps as diffusers' DDIM spaces them."""
    return tuple(i * (1000 // steps) + offset for i in range(steps - 1, -1, -1))


@dataclass(frozen=True)
class Form:
    """What the published code and ours do in another way: mask cells, which source column a padding column j takes,
    given the prompts' lengths, and of a word that stands twice all occurrences or the new one. times: of a run."""

    cells: Callable
    padding: Callable
    every: bool
    times: Callable = lambda steps: leading(steps, 1)


PUBLISHED = Form(sampled, lambda j, source, target: j, True)
OURS = Form(covered, lambda j, source, target: j - target + source, False)


def refined(tokenizer: Any, source: str, target: str, padding: Callable[[int, int, int], int]) -> list[int]:
    """For each column of the target the source's column that it repeats, or -1: a longest common subsequence that
    takes the earliest; padding as `Form.padding` has it."""
    a, b = (tuple(tokenizer(prompt).input_ids) for prompt in (source, target))

    @cache
    def pairs(i: int, j: int) -> tuple[tuple[int, int], ...]:
        if not i or not j:
            return ()
        shorter = [pairs(i, j - 1), pairs(i - 1, j)]
        return max(shorter + [(*pairs(i - 1, j - 1), (i - 1, j - 1))] * (a[i - 1] == b[j - 1]), key=len)

    sources, most = {j: i for i, j in pairs(len(a), len(b))}, tokenizer.model_max_length
    return [sources.get(j, -1) if j < len(b) else min(padding(j, len(a), len(b)), most - 1) for j in range(most)]


def columns(tokenizer: Any, prompt: str, word: str) -> list[int]:
    """Of a word that is one token, between the start and the end token."""
    (token,) = tokenizer(word).input_ids[1:-1]
    return [j for j, other in enumerate(tokenizer(prompt).input_ids) if other == token]


class Literal:
    """The loop, for one added word of one token. settings: the loss, or "paper" for the printed equations."""

    def __init__(
        self, unet: Any, alphas: Tensor, final: Tensor, path: Path, times: tuple[int, ...], target_text: Tensor,
        mapper: list[int], word: list[int], common: list[int], mask16: Tensor, mask64: Tensor, prediction: str,
        settings: str,
    ) -> None:  # fmt: skip
        self.unet, self.alphas, self.final, self.path, self.times = unet, alphas, final, path, times
        self.target_text, self.mapper, self.word, self.common = target_text, mapper, word, common
        self.mask16, self.mask64, self.prediction, self.settings = mask16, mask64, prediction, settings
        self.attention = Attention(unet)

    @classmethod
    def of(cls, net: Backbone, task: Task, path: Path, settings: str, form: Form = OURS) -> "Literal":
        """For a task with one added word of one token, on a copy of the library's U-Net."""
        z, tokenizer = path.latents[:1], net.tokenizer
        site = guided(net.sites(z))[0]
        mapper = refined(tokenizer, task.source, task.target, form.padding)
        word = [j for j in columns(tokenizer, task.target, task.words[0]) if form.every or mapper[j] < 0]
        end = len(tokenizer(task.target).input_ids) - 1
        return cls(
            copy.deepcopy(net.denoiser).requires_grad_(False), net.schedule.alphas, net.schedule.final_alpha, path,
            form.times(len(path.times)), net.embed(task.target).embedding, mapper, word,
            [j for j in range(1, end) if mapper[j] >= 0],
            form.cells(task.region, site.height, site.width).flatten().to(z),
            form.cells(task.region, *z.shape[2:]).to(z), net.schedule.prediction, settings,
        )  # fmt: skip

    def eps(
        self, z: Tensor, t: Any, text: Tensor, inject: Callable[[str, Tensor], Tensor] | None = None
    ) -> tuple[Tensor, Maps]:
        self.attention.maps, self.attention.inject = {}, inject
        out, a = self.unet(z, t, text).sample, self.alphas[t]
        noise = a.sqrt() * out + (1 - a).sqrt() * z if self.prediction == "v_prediction" else out
        return noise, dict(self.attention.maps)

    def inject(self, i: int, source_maps: Maps) -> Callable[[str, Tensor], Tensor]:
        """Refinement: common tokens take the source's columns in the first .8, self attention in the first .5."""
        steps = len(self.times)

        def replace(name: str, probs: Tensor) -> Tensor:
            if "attn2" in name and i < int(0.8 * (steps + 1)):
                columns = [source_maps[name][..., j] if j >= 0 else probs[..., k] for k, j in enumerate(self.mapper)]
                return torch.stack(columns, -1)
            if "attn1" in name and i < int(0.5 * (steps + 1)) and probs.shape[1] <= 32 * 32:
                return source_maps[name]
            return probs

        return replace

    def loss(self, maps: Maps) -> Tensor:
        sites = [p for n, p in maps.items() if "attn2" in n and p.shape[1] == len(self.mask16) and "mid" not in n]
        if self.settings == "paper":
            p = torch.stack([s.mean(0) for s in sites]).mean(0)
            (word,) = self.word
            edit, rest = p[:, word], sum(p[:, j] for j in self.common)
            return (1 - (self.mask16 * edit / (edit + rest)).sum() / self.mask16.sum()) ** 2
        losses = []
        for p in sites:
            for head in p:
                edit = sum(head[:, j] for j in self.word)
                if self.settings == "spatial_ratio":
                    inside = (self.mask16 * edit).sum() / edit.sum()
                    losses.append(3 * (1 - inside) - inside)
                else:
                    edit = edit / len(self.word)
                    losses.append((1 - (self.mask16 * edit / head.sum(-1)).sum() / self.mask16.sum()) ** 2)
        return sum(losses) / len(losses)

    def run(self, iterations: int, step_size: float) -> tuple[list[float], list[Tensor]]:
        """The loss of each nudge, and the target's latent after each step."""
        steps, g = len(self.times), self.path.guidance_scale
        source = target = self.path.latents[:1]
        losses, latents = [], []
        for i, t in enumerate(self.times):
            a = self.alphas[t]
            b = self.alphas[self.times[i + 1]] if i + 1 < steps else self.final
            for _ in range(iterations if i < steps // 2 else 0):
                _, source_maps = self.eps(source, t, self.path.cond.embedding)
                z = target.clone().requires_grad_(True)
                _, maps = self.eps(z, t, self.target_text, self.inject(i, source_maps))
                loss = self.loss(maps)
                (gradient,) = torch.autograd.grad(loss, z)
                sigma = ((1 - a) / a).sqrt() if self.settings == "token_ratio" else 1.0
                target = (z - self.mask64 * step_size * sigma * gradient).detach()
                losses.append(loss.item())
            with torch.no_grad():
                uncond = self.path.uncond.embedding[i : i + 1]
                source_eps, source_maps = self.eps(source, t, self.path.cond.embedding)
                target_eps, _ = self.eps(target, t, self.target_text, self.inject(i, source_maps))
                source = self.step(source, self.eps(source, t, uncond)[0], source_eps, g, a, b)
                target = self.step(target, self.eps(target, t, uncond)[0], target_eps, g, a, b)
            first = int((0.2 if self.settings == "paper" else 0.7) * steps)
            if i >= first:
                mask = self.mask64 if self.settings == "paper" else grown(self.mask64)
                target = source + mask * (target - source)
            latents.append(target)
        return losses, latents

    @staticmethod
    def step(z: Tensor, uncond: Tensor, cond: Tensor, g: float, a: Tensor, b: Tensor) -> Tensor:
        eps = uncond + g * (cond - uncond)
        x0 = (z - (1 - a).sqrt() * eps) / a.sqrt()
        return b.sqrt() * x0 + (1 - b).sqrt() * eps


def grown(mask: Tensor) -> Tensor:
    out = torch.zeros_like(mask)
    h, w = mask.shape
    for y in range(h):
        for x in range(w):
            out[y, x] = mask[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].max()
    return out
