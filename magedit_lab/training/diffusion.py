"""The U-Net and the text encoder, trained together, so that attention causes what it shows."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from jaxtyping import Float, Int
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from .data import Drawn, latents
from .grounding import Attending, grounding_loss
from .lesson import Batch, Lesson, Pictures
from .parts import new_scheduler, new_text_encoder, new_tokenizer, new_unet
from .plan import Plan
from .run import Run, device, schedule, steps

CLEAR, HIDDEN = 0.3, 0.7  # timesteps, as a share of all, between which contrary words gain the upper hand


def train_diffusion(out: Path, plan: Plan) -> Generator[dict[str, float | Tensor]]:
    """Train U-Net and text encoder together: on crops of single objects, then mostly on whole scenes.

    The loss is the velocity's, as in any diffusion model, and `grounding_loss`'s with a small weight.
    """
    torch.manual_seed(plan.seed)
    tokenizer, scheduler = new_tokenizer(), new_scheduler()
    text, unet = _begun(plan, tokenizer)
    attending, alphas = Attending(unet), scheduler.alphas_cumprod.to(device())
    run = Run(out / "diffusion.safetensors", [unet, text], plan.rate, plan.average)
    total, lessons = plan.crop_steps + plan.scene_steps, Lesson(_pictures(out, plan), tokenizer, plan)
    with closing(steps(run, total, lessons, plan.workers)) as taught:
        for step, lesson, generator in taught:
            batch = lesson.to(device())
            question = posed(batch, alphas, generator)
            attending.maps, attending.boost = [], batch.boost
            with torch.autocast(device().type, torch.bfloat16):
                said = unet(question.z, question.t, text(batch.ids).last_hidden_state).sample
            loss = F.mse_loss(said.float(), question.velocity)
            terms = [grounding_loss(m.mean(1), batch, question.visible, plan.share) for m in attending.maps]
            inside, read = (torch.stack(x).mean() for x in zip(*terms, strict=True))
            run.update(loss + plan.grounding * (inside + read), schedule(step, total))
            row = {"loss": loss, "inside": inside, "read": read}
            yield {"step": run.step, **{k: v.detach() for k, v in row.items()}, "seconds": run.seconds}
    run.averaged()
    save(out / "tabletop", unet, text, tokenizer, scheduler)


def _begun(plan: Plan, tokenizer: CLIPTokenizer) -> tuple[CLIPTextModel, UNet2DConditionModel]:
    """Text encoder and U-Net: new, or those of the model that the plan starts from."""
    if plan.start:
        text: CLIPTextModel = CLIPTextModel.from_pretrained(Path(plan.start) / "text_encoder", dtype=torch.float32)
        unet = UNet2DConditionModel.from_pretrained(Path(plan.start) / "unet", torch_dtype=torch.float32)
    else:
        text, unet = new_text_encoder(tokenizer, plan), new_unet(plan)
    return text.to(device()).train(), unet.to(device(), memory_format=torch.channels_last).train()


def _pictures(out: Path, plan: Plan) -> Pictures:
    z = latents(out, plan)
    masks, changed = (Drawn(out / "data", plan.pictures, name) for name in ("masks", "changed_masks"))
    return Pictures(z["images"], masks, z["changed_images"], changed)


@dataclass(frozen=True)
class Question:
    """Noisy latents, their timesteps, the velocity that is to be said, and 0 where noise hides everything."""

    z: Float[Tensor, "n 4 h w"]
    t: Int[Tensor, " n"]
    velocity: Float[Tensor, "n 4 h w"]
    visible: Float[Tensor, " n"]


def posed(batch: Batch, alphas: Tensor, generator: torch.Generator) -> Question:
    """Noise the pictures: at any timestep, but for contrary words only at such as leave the picture in doubt.

    The velocity leads towards `batch.z`. Where words are contrary, the noisy latent is of a mixture with the picture
    that is `shown`: of that one alone at most where noise hides it, of little of it where it would be plain to see.
    An edit starts like this, from the inverted noise of one picture and words for another.
    """
    of = len(alphas)
    here: Any = {"generator": generator, "device": generator.device}
    t = torch.randint(0, of, (len(batch.z),), **here)
    t = torch.where(batch.contrary, (CLEAR * of + t * (1 - CLEAR)).long(), t)
    noise = torch.randn(batch.z.shape, **here)
    doubt = ((t / of - CLEAR) / (HIDDEN - CLEAR)).clamp(0, 1)
    share = doubt * torch.rand(len(t), **here).sqrt() * batch.contrary
    alpha = alphas[t]
    a, s, share = (c[:, None, None, None] for c in (alpha.sqrt(), (1 - alpha).sqrt(), share))
    seen = batch.z + share * (batch.shown - batch.z)
    eps = noise + a / s * (seen - batch.z)  # the noise that would lie between what is to be painted and what is seen
    return Question(a * seen + s * noise, t, a * eps - s * batch.z, (alpha > 0.02).float())


def save(folder: Path, unet: UNet2DConditionModel, text: CLIPTextModel, tokenizer: CLIPTokenizer, scheduler) -> None:
    """Write the parts, the large ones in half precision, as diffusers' `StableDiffusionPipeline` loads them."""
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    pipe = StableDiffusionPipeline(vae, text, tokenizer, unet, scheduler, None, None, requires_safety_checker=False)
    unet.cpu().half()
    text.cpu()
    vae.half()  # diffusers loads these as float32; transformers would leave the small text encoder in float16
    pipe.save_pretrained(folder, safe_serialization=True)
