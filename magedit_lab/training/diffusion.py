"""The U-Net and the text encoder, trained together and grounded: a word's attention belongs on its object."""

import math
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from .. import scenes
from .data import CELLS, MOST, latents, load
from .parts import TOKENS, new_scheduler, new_text_encoder, new_tokenizer, new_unet
from .plan import Plan
from .run import Run, schedule, steps

DROPS = (0.05, 0.1, 0.3, 0.8)  # some captions name every adjective, some hardly any


@dataclass(frozen=True)
class Batch:
    z: Float[Tensor, "n 4 h w"]
    ids: Tensor  # n tokens
    masks: Float[Tensor, "n things cells"]
    owner: Float[Tensor, "n things tokens"]  # 1 where a token describes a thing


def make_batch(z: Tensor, masks: np.ndarray, tokenizer, size: int, crop: bool, rng: np.random.Generator) -> Batch:
    """Whole scenes, or crops of half their side around an object, captioned with just what is in sight."""
    picked = rng.integers(0, len(z), size)
    zs, ms, words, owner = [], [], [], torch.zeros(size, MOST, TOKENS)
    for row, index in enumerate(picked):
        scene = scenes.sample(int(index))
        window, seen = (_window(scene, rng)) if crop else ((0, 0, CELLS), list(range(len(scene.things))))
        cy, cx, side = window
        zs.append(z[index, :, 2 * cy : 2 * (cy + side), 2 * cx : 2 * (cx + side)])
        ms.append(masks[index, seen + [0] * (MOST - len(seen)), cy : cy + side, cx : cx + side])
        part = scenes.Scene(tuple(scene.things[i] for i in seen), scene.wall, scene.table, scene.horizon)
        caption = [] if rng.random() < 0.1 else scenes.describe(part, rng, float(rng.choice(DROPS)))
        words.append(" ".join(w for w, _ in caption))
        for place, (_, thing) in enumerate(caption):
            if thing is not None:
                owner[row, thing, place + 1] = 1
    ids = tokenizer(words, padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt").input_ids
    stacked = torch.from_numpy(np.stack(ms)).float().flatten(2) / 255
    return Batch(torch.stack(zs).float().contiguous(memory_format=torch.channels_last), ids, stacked, owner)


def _window(scene: scenes.Scene, rng: np.random.Generator) -> tuple[tuple[int, int, int], list[int]]:
    side = CELLS // 2
    chosen = scene.things[rng.integers(len(scene.things))]
    middle = np.array([chosen.y - chosen.size / 2, chosen.x]) + rng.uniform(-0.1, 0.1, 2)
    cy, cx = (int(c) for c in np.clip((middle * CELLS - side / 2).round(), 0, CELLS - side))
    seen = []
    for i, t in enumerate(scene.things):
        wide = min(t.x + t.size / 2, (cx + side) / CELLS) - max(t.x - t.size / 2, cx / CELLS)
        high = min(t.y, (cy + side) / CELLS) - max(t.y - t.size, cy / CELLS)
        if t is chosen or max(wide, 0) * max(high, 0) > 0.45 * t.size**2:
            seen.append(i)
    return (cy, cx, side), seen


class Recorder:
    """An attention processor that keeps its probabilities: `maps` of n x heads x pixels x tokens."""

    def __init__(self) -> None:
        self.maps: list[Tensor] = []

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None, **_):
        heads = [
            f(x).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for f, x in (
                (attn.to_q, hidden_states),
                (attn.to_k, encoder_hidden_states),
                (attn.to_v, encoder_hidden_states),
            )
        ]
        q, k, v = heads
        probs = (q @ k.transpose(-1, -2) * attn.scale).softmax(-1)
        self.maps.append(probs)
        return attn.to_out[1](attn.to_out[0]((probs @ v).transpose(1, 2).flatten(2)))


def grounding(
    probs: Float[Tensor, "n pixels tokens"],
    batch: Batch,
    visible: Float[Tensor, " n"],
    enough: float = 1.0,
    soft: bool = False,
) -> tuple[Tensor, Tensor]:
    """Two log losses that tie words to their objects; `visible` is 0 where the noise hides everything.

    inside: the share of a word's attention that falls inside its object's mask.
    read: the share of an object's attention that reads the object's own words.
    Both are 0 once the share is `enough`: attention that is taught to the last per cent is too hard to be moved.
    Where `soft`, a share inside that is above `enough` costs as much as one below.
    """  # fmt: skip
    overlap = torch.einsum("npt,nop,not->not", probs, batch.masks, batch.owner)
    words = batch.owner * visible[:, None, None]
    share = (overlap + 1e-4) / (probs.sum(1)[:, None] * batch.owner + 1e-3)
    lack = math.log(enough) - share.log()
    inside = ((lack.abs() if soft else lack.clamp(min=0)) * words).sum() / words.sum().clamp(min=1)
    reads = overlap.sum(-1) / batch.masks.sum(-1).clamp(min=1e-3)
    told = (batch.owner.sum(-1) > 0) * (batch.masks.sum(-1) > 1) * visible[:, None]
    read = ((math.log(enough) - (reads + 1e-3).log()).clamp(min=0) * told).sum() / told.sum().clamp(min=1)
    return inside, read


def train_diffusion(out: Path, plan: Plan) -> Generator[dict[str, float]]:
    """Train U-Net and text encoder together: on crops, then mostly on whole scenes, then with softer attention."""
    torch.manual_seed(plan.seed)
    tokenizer, scheduler = new_tokenizer(), new_scheduler()
    text, unet = new_text_encoder(tokenizer, plan), new_unet(plan).to(memory_format=torch.channels_last)
    lesson = Lesson(unet, text, tokenizer, scheduler.alphas_cumprod, plan)
    z, masks = latents(out, plan), load(out / "data", plan.pictures, "masks")

    run = Run(out / "diffusion.safetensors", [unet, text], plan.rate, plan.average)
    total = plan.crop_steps + plan.scene_steps
    for step, rng, generator in steps(run, total):
        crop = step < plan.crop_steps or step % plan.crop_every == 0
        loss, row = lesson(z, masks, crop, False, rng, generator)
        run.update(loss, schedule(step, total))
        yield {"step": run.step, **row, "seconds": run.seconds}
    run.averaged()

    run = Run(out / "diffusion-soft.safetensors", [unet, text], plan.soft_rate, min(plan.average, 0.99))
    for step, rng, generator in steps(run, plan.soft_steps):
        loss, row = lesson(z, masks, step % plan.crop_every == 0, True, rng, generator)
        run.update(loss, schedule(step, plan.soft_steps, warm=30, decay=0.6))
        yield {"step": total + run.step, **row, "seconds": run.seconds}
    run.averaged()
    save(out / "tabletop", unet, text, tokenizer, scheduler)


class Lesson:
    """The loss of one batch: of the velocity, and of the attention that words pay to their objects."""

    def __init__(self, unet: UNet2DConditionModel, text: CLIPTextModel, tokenizer, alphas: Tensor, plan: Plan) -> None:
        self.unet, self.text, self.tokenizer, self.alphas, self.plan = unet, text, tokenizer, alphas, plan
        self.recorder = Recorder()
        unet.set_attn_processor({n: self.recorder if "attn2" in n else p for n, p in unet.attn_processors.items()})

    def __call__(
        self, z: Tensor, masks: np.ndarray, crop: bool, soft: bool, rng: np.random.Generator, noise: torch.Generator,
    ) -> tuple[Tensor, dict[str, float]]:  # fmt: skip
        plan = self.plan
        batch = make_batch(z, masks, self.tokenizer, plan.crop_batch if crop else plan.scene_batch, crop, rng)
        self.recorder.maps.clear()
        hidden = self.text(batch.ids).last_hidden_state
        loss, visible = _velocity_loss(self.unet, hidden, batch.z, self.alphas, noise)
        enough, weight = (plan.soft_share, plan.soft_grounding) if soft else (plan.share, plan.grounding)
        terms = [grounding(m.mean(1), batch, visible, enough, soft) for m in self.recorder.maps]
        inside, read = (torch.stack(x).mean() for x in zip(*terms, strict=True))
        row = {"loss": loss.item(), "inside": inside.item(), "read": read.item()}
        return loss + weight * (inside + read), row


def _velocity_loss(
    unet: UNet2DConditionModel, text: Tensor, z: Tensor, alphas: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Squared error of the velocity at random timesteps, and where the noise leaves anything to see."""
    t = torch.randint(0, len(alphas), (len(z),), generator=generator)
    a, s = (c[:, None, None, None] for c in (alphas[t].sqrt(), (1 - alphas[t]).sqrt()))
    noise = torch.randn(z.shape, generator=generator)
    v = unet(a * z + s * noise, t, text).sample
    return F.mse_loss(v, a * noise - s * z), (alphas[t] > 0.02).float()


def save(folder: Path, unet: UNet2DConditionModel, text: CLIPTextModel, tokenizer: CLIPTokenizer, scheduler) -> None:
    """Write the parts, the large ones in half precision, as diffusers' `StableDiffusionPipeline` loads them."""
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    pipe = StableDiffusionPipeline(vae, text, tokenizer, unet, scheduler, None, None, requires_safety_checker=False)
    unet.half()
    vae.half()  # diffusers loads these as float32; transformers would leave the small text encoder in float16
    pipe.save_pretrained(folder, safe_serialization=True)
