"""The U-Net and the text encoder, trained together on noise."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel
from jaxtyping import Float, Int
from torch import Tensor
from transformers import CLIPTextModel

from .batches import Batch, Batches
from .data import Drawn, latents
from .exporting import learning, new_text, save
from .grounding import Attending, grounding, weight
from .parts import new_scheduler, new_tokenizer, new_unet
from .plan import Plan
from .pretrained import take_text, take_unet
from .run import Run, device, schedule, steps
from .tokenizer import CLIPTokenizer

CLEAR, HIDDEN = 0.3, 0.7  # timesteps, as a share of all, between which contrary words gain the upper hand


def train_diffusion(out: Path, plan: Plan) -> Generator[dict[str, float | Tensor]]:
    """Train U-Net and text encoder together: on crops around single things, then mostly on whole scenes.

    The loss is the velocity's, as in any diffusion model; at first, with a small weight that falls to 0, also
    `grounding`'s. Attention is only ever read.
    """
    torch.manual_seed(plan.seed)
    tokenizer, alphas = new_tokenizer(), new_scheduler().alphas_cumprod.to(device())
    drawn = Drawn(out / "data", plan)
    z = latents(out, _vae(out, plan), drawn)
    text, unet = begun(out, plan, tokenizer)
    attending = Attending(unet)
    run = Run(out / "diffusion.safetensors", learning(unet, text, plan), plan.rate, plan.average)
    batches = Batches.of(z, drawn, tokenizer, plan, device())
    with closing(steps(run, plan.steps, batches, plan.every)) as taught:
        for step, batch, generator in taught:
            question = posed(batch, alphas, generator)
            attending.maps, attending.pixels = [], batch.masks.shape[-1] if weight(step, plan) else 0
            with torch.autocast(device().type, torch.bfloat16):
                answer = unet(question.z, question.t, text(batch.ids).last_hidden_state).sample
            loss = F.mse_loss(answer.float(), question.velocity)
            row = {"loss": loss} | _grounded(attending.maps, batch, question, plan)
            tied = sum((row[name] for name in ("inside", "read") if name in row), loss.new_zeros(()))
            run.update(loss + weight(step, plan) * tied, schedule(step, plan.steps, decay=plan.decay))
            yield {"step": run.step, **{k: v.detach() for k, v in row.items()}, "seconds": run.seconds}
    run.averaged()
    save(out / "room", _vae(out, plan), text, unet, tokenizer)


def _vae(out: Path, plan: Plan) -> AutoencoderKL:
    """The autoencoder trained here, or else that of the model that the plan starts from, which is copied here."""
    folder = out / "autoencoder"
    if not (folder / "config.json").exists():
        if not plan.start:
            raise ValueError(f"expected an autoencoder in {str(folder)!r}, got none; train the vae first")
        vae = AutoencoderKL.from_pretrained(Path(plan.start) / "vae")
        if vae.config.latent_channels != plan.latent_channels:
            raise ValueError(
                f"expected an autoencoder of {plan.latent_channels} channels in {plan.start!r}, got "
                f"{vae.config.latent_channels}; train the vae first"
            )
        vae.save_pretrained(folder)
    return AutoencoderKL.from_pretrained(folder).float()


def begun(out: Path, plan: Plan, tokenizer: CLIPTokenizer) -> tuple[CLIPTextModel, UNet2DConditionModel]:
    """Text encoder and U-Net, with what can be taken of the model that the plan starts from."""
    text = new_text(out, plan, tokenizer)
    unet = new_unet(plan, text.config.hidden_size)
    if plan.start:
        if not plan.frozen_text:
            print(f"text encoder: {take_text(text, tokenizer, plan.start)}", flush=True)
        print(f"U-Net: {take_unet(unet, plan.start)}", flush=True)
    return text.to(device()).train(), unet.to(device(), memory_format=torch.channels_last).train()


def _grounded(maps: list[Tensor], batch: Batch, question: "Question", plan: Plan) -> dict[str, Tensor]:
    """The means of both grounding losses over the layers whose maps were kept; nothing where none was."""
    terms = [grounding(m.mean(1), batch, question.visible, plan.share) for m in maps]
    if not terms:
        return {}
    inside, read = (torch.stack(x).mean() for x in zip(*terms, strict=True))
    return {"inside": inside, "read": read}


@dataclass(frozen=True)
class Question:
    """Noisy latents, their timesteps, the velocity that is asked for, and 0 where noise hides everything."""

    z: Float[Tensor, "n c h w"]
    t: Int[Tensor, " n"]
    velocity: Float[Tensor, "n c h w"]
    visible: Float[Tensor, " n"]


def posed(batch: Batch, alphas: Tensor, generator: torch.Generator) -> Question:
    """Noise the pictures: at any timestep, but for contrary words only at such as leave the picture in doubt.

    The velocity leads towards `batch.z`. Where words are contrary, the noisy latent is of a mixture with the picture
    that is `visible`: of that one alone at most where noise hides it, of little of it where it would be plain to see.
    An edit starts like this, from the inverted noise of one picture and words for another.
    """
    of = len(alphas)
    here: Any = {"generator": generator, "device": generator.device}
    t = torch.randint(0, of, (len(batch.z),), **here)
    t = torch.where(batch.contrary, (CLEAR * of + t * (1 - CLEAR)).long(), t)
    noise = torch.randn(batch.z.shape, **here).contiguous(memory_format=torch.channels_last)
    doubt = ((t / of - CLEAR) / (HIDDEN - CLEAR)).clamp(0, 1)
    share = doubt * torch.rand(len(t), **here).sqrt() * batch.contrary
    alpha = alphas[t]
    a, s, share = (c[:, None, None, None] for c in (alpha.sqrt(), (1 - alpha).sqrt(), share))
    visible = batch.z + share * (batch.visible - batch.z)
    eps = noise + a / s * (visible - batch.z)  # the noise that would lie between what is to be painted and what is seen
    return Question(a * visible + s * noise, t, a * eps - s * batch.z, (alpha > 0.02).float())
