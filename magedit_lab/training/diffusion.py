"""The U-Net and the text encoder, trained together, so that attention causes what it shows."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from .data import latents, load
from .grounding import Attending, grounding
from .lesson import Batch, Pictures, make_batch
from .parts import new_scheduler, new_text_encoder, new_tokenizer, new_unet
from .plan import Plan
from .run import Run, schedule, steps

CLEAR, HIDDEN = 0.3, 0.7  # timesteps, as a share of all, between which contrary words gain the upper hand


def train_diffusion(out: Path, plan: Plan) -> Generator[dict[str, float]]:
    """Train U-Net and text encoder together: on crops of single objects, then mostly on whole scenes.

    The loss is the velocity's, as in any diffusion model, and `grounding`'s with a small weight.
    """
    torch.manual_seed(plan.seed)
    tokenizer, scheduler = new_tokenizer(), new_scheduler()
    text, unet = new_text_encoder(tokenizer, plan), new_unet(plan).to(memory_format=torch.channels_last)
    attending, pictures = Attending(unet), _pictures(out, plan)
    run = Run(out / "diffusion.safetensors", [unet, text], plan.rate, plan.average)
    total = plan.crop_steps + plan.scene_steps
    for step, rng, generator in steps(run, total):
        crop = step < plan.crop_steps or step % plan.crop_every == 0
        batch = make_batch(pictures, tokenizer, plan, crop, rng)
        t, noise = drawn(batch, len(scheduler.alphas_cumprod), generator)
        attending.maps, attending.boost = [], batch.boost
        with torch.autocast("cpu", torch.bfloat16):
            hidden = text(batch.ids).last_hidden_state
            loss = velocity_loss(unet, hidden, batch, scheduler.alphas_cumprod[t], t, noise, generator)
        visible = (scheduler.alphas_cumprod[t] > 0.02).float()
        terms = [grounding(m.mean(1), batch, visible, plan.share) for m in attending.maps]
        inside, read = (torch.stack(x).mean() for x in zip(*terms, strict=True))
        run.update(loss + plan.grounding * (inside + read), schedule(step, total))
        row = {"loss": loss.item(), "inside": inside.item(), "read": read.item()}
        yield {"step": run.step, **row, "seconds": run.seconds}
    run.averaged()
    save(out / "tabletop", unet, text, tokenizer, scheduler)


def _pictures(out: Path, plan: Plan) -> Pictures:
    z = latents(out, plan)
    masks, changed = (load(out / "data", plan.pictures, name) for name in ("masks", "changed_masks"))
    return Pictures(z["images"], masks, z["changed_images"], changed)


def drawn(batch: Batch, of: int, generator: torch.Generator) -> tuple[Tensor, Float[Tensor, "n 4 h w"]]:
    """Timesteps and noise: any timestep, but for contrary words only such as leave the picture in doubt."""
    t = torch.randint(0, of, (len(batch.z),), generator=generator)
    late = (CLEAR * of + t * (1 - CLEAR)).long()
    return torch.where(batch.contrary, late, t), torch.randn(batch.z.shape, generator=generator)


def velocity_loss(
    unet: Callable[..., Any], text: Tensor, batch: Batch, alpha: Tensor, t: Tensor, noise: Tensor,
    generator: torch.Generator,
) -> Tensor:  # fmt: skip
    """Squared error of the velocity towards `batch.z`.

    Where words are contrary, the noisy latent is of a mixture with the picture that is `shown`: of that one alone
    at most where noise hides it, of little of it where it would be plain to see. An edit starts like this, from the
    inverted noise of one picture and words for another.
    """
    doubt = ((t / 1000 - CLEAR) / (HIDDEN - CLEAR)).clamp(0, 1)
    share = doubt * torch.rand(len(t), generator=generator).sqrt() * batch.contrary
    a, s, share = (c[:, None, None, None] for c in (alpha.sqrt(), (1 - alpha).sqrt(), share))
    seen = batch.z + share * (batch.shown - batch.z)
    eps = noise + a / s * (seen - batch.z)  # the noise that would lie between what is to be painted and what is seen
    v = unet(a * seen + s * noise, t, text).sample
    return F.mse_loss(v.float(), a * eps - s * batch.z)


def save(folder: Path, unet: UNet2DConditionModel, text: CLIPTextModel, tokenizer: CLIPTokenizer, scheduler) -> None:
    """Write the parts, the large ones in half precision, as diffusers' `StableDiffusionPipeline` loads them."""
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    pipe = StableDiffusionPipeline(vae, text, tokenizer, unet, scheduler, None, None, requires_safety_checker=False)
    unet.half()
    vae.half()  # diffusers loads these as float32; transformers would leave the small text encoder in float16
    pipe.save_pretrained(folder, safe_serialization=True)
