"""Algorithm 1 as printed, with nothing saved: the measure that the library is held to.

Written on diffusers' U-Net alone: the source and the target are run anew in every iteration, whole, and the attention
maps are taken and put in by a processor of its own. Facts on what the released code computes: per head, all columns,
square, delta = 2.5 sigma_t, blending in the last 15 of 50 steps with a mask grown by one cell.
"""

import copy
from functools import cache

import torch

from magedit_lab.masks.raster import to_cells
from magedit_lab.model.attention import guided
from magedit_lab.prompts import words


class Attention:
    """Stores every map by layer and replaces it by what `inject` gives."""

    def __init__(self, unet):
        self.maps, self.inject = {}, None
        self.layers = {n[: -len(".processor")]: None for n in unet.attn_processors}
        unet.set_attn_processor({n: self.one(n[: -len(".processor")]) for n in unet.attn_processors})

    def one(self, name):
        def process(attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None):
            x = hidden_states if encoder_hidden_states is None else encoder_hidden_states
            q, k, v = (attn.head_to_batch_dim(t) for t in (attn.to_q(hidden_states), attn.to_k(x), attn.to_v(x)))
            probs = torch.softmax(torch.bmm(q, k.transpose(1, 2)) * attn.scale, dim=-1)
            if self.inject:
                probs = self.inject(name, probs)
            self.maps[name] = probs
            return attn.to_out[0](attn.batch_to_head_dim(torch.bmm(probs, v)))

        return process


def refined(tokenizer, source, target):
    """For each column of the target the source's column that it repeats, or -1: a longest common subsequence that
    takes the earliest; padding by its distance from the end token."""
    a, b = (tuple(tokenizer(prompt).input_ids) for prompt in (source, target))

    @cache
    def pairs(i, j):
        if not i or not j:
            return ()
        shorter = [pairs(i, j - 1), pairs(i - 1, j)]
        return max(shorter + [(*pairs(i - 1, j - 1), (i - 1, j - 1))] * (a[i - 1] == b[j - 1]), key=len)

    found, most = {j: i for i, j in pairs(len(a), len(b))}, tokenizer.model_max_length
    return [found.get(j, -1) if j < len(b) else min(j - len(b) + len(a), most - 1) for j in range(most)]


class Literal:
    def __init__(
        self, unet, alphas, final, path, target_text, mapper, word, common, mask16, mask64, prediction, settings
    ):
        self.__dict__.update(locals())
        self.attention = Attention(unet)

    @classmethod
    def of(cls, net, task, path, settings):
        """For a task with one added word, on a copy of the library's U-Net."""
        z, tokenizer = path.latents[:1], net.tokenizer
        site = guided(net.sites(z))[0]
        (word,) = words.positions(tokenizer, task.target, task.words[0])
        end = len(tokenizer(task.target).input_ids) - 1
        return cls(
            copy.deepcopy(net.denoiser).requires_grad_(False), net.schedule.alphas, net.schedule.final_alpha, path,
            net.embed(task.target).embedding,
            refined(tokenizer, task.source, task.target), word,
            [k for k in range(1, end) if k != word], to_cells(task.region, site.height, site.width).flatten().to(z),
            to_cells(task.region, *z.shape[2:]).to(z), net.schedule.prediction, settings,
        )  # fmt: skip

    def eps(self, z, t, text, inject=None):
        self.attention.maps, self.attention.inject = {}, inject
        out, a = self.unet(z, t, text).sample, self.alphas[t]
        noise = a.sqrt() * out + (1 - a).sqrt() * z if self.prediction == "v_prediction" else out
        return noise, dict(self.attention.maps)

    def inject(self, i, source_maps):
        """Refinement: common tokens take the source's columns in the first .8, self attention in the first .5."""
        steps = len(self.path.times)

        def replace(name, probs):
            if "attn2" in name and i < int(0.8 * (steps + 1)):
                columns = [source_maps[name][..., j] if j >= 0 else probs[..., k] for k, j in enumerate(self.mapper)]
                return torch.stack(columns, -1)
            if "attn1" in name and i < int(0.5 * (steps + 1)) and probs.shape[1] <= 32 * 32:
                return source_maps[name]
            return probs

        return replace

    def loss(self, maps):
        sites = [p for n, p in maps.items() if "attn2" in n and p.shape[1] == len(self.mask16) and "mid" not in n]
        if self.settings == "paper":
            p = torch.stack([s.mean(0) for s in sites]).mean(0)
            edit, rest = p[:, self.word], sum(p[:, j] for j in self.common)
            return (1 - (self.mask16 * edit / (edit + rest)).sum() / self.mask16.sum()) ** 2
        found = []
        for p in sites:
            for head in p:
                edit = head[:, self.word]
                if self.settings == "spatial_ratio":
                    inside = (self.mask16 * edit).sum() / edit.sum()
                    found.append(3 * (1 - inside) - inside)
                else:
                    found.append((1 - (self.mask16 * edit / head.sum(-1)).sum() / self.mask16.sum()) ** 2)
        return sum(found) / len(found)

    def run(self, iterations, step_size):
        steps, g = len(self.path.times), self.path.guidance_scale
        source = target = self.path.latents[:1]
        losses, latents = [], []
        for i, t in enumerate(self.path.times):
            a = self.alphas[t]
            b = self.alphas[self.path.times[i + 1]] if i + 1 < steps else self.final
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
            first = round((0.2 if self.settings == "paper" else 0.7) * steps)
            if i >= first:
                mask = self.mask64 if self.settings == "paper" else grown(self.mask64)
                target = source + mask * (target - source)
            latents.append(target)
        return losses, latents

    @staticmethod
    def step(z, uncond, cond, g, a, b):
        eps = uncond + g * (cond - uncond)
        x0 = (z - (1 - a).sqrt() * eps) / a.sqrt()
        return b.sqrt() * x0 + (1 - b).sqrt() * eps


def grown(mask):
    out = torch.zeros_like(mask)
    h, w = mask.shape
    for y in range(h):
        for x in range(w):
            out[y, x] = mask[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].max()
    return out
