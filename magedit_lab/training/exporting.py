"""Finished models, or what training has come to, in diffusers' layout and half precision."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPTextModel

from .. import files
from .parts import new_scheduler, new_text_encoder, new_tokenizer, new_unet
from .plan import Plan
from .run import average_of
from .tokenizer import CLIPTokenizer


def save(
    folder: Path, vae: AutoencoderKL, text: CLIPTextModel, unet: UNet2DConditionModel, tokenizer: CLIPTokenizer
) -> None:
    """Write the parts, the large ones in half precision, as `StableDiffusionPipeline` loads them."""
    parts = (vae.cpu().half(), text.cpu(), tokenizer, unet.cpu().half(), new_scheduler(), None, None)
    pipe = StableDiffusionPipeline(*parts, requires_safety_checker=False)  # transformers would leave a half text so
    pipe.save_pretrained(folder, safe_serialization=True)
    _name_as_before(folder / "text_encoder" / "model.safetensors")


def _name_as_before(file: Path) -> None:
    """Weights of a text encoder by the names that transformers 4 and 5 both read."""
    weights = {f"text_model.{name.removeprefix('text_model.')}": w for name, w in load_file(file).items()}
    files.write(file, lambda beside: save_file(weights, beside, {"format": "pt"}))


def export(out: Path, plan: Plan, to: Path) -> int:
    """Write the average of a run that is under way in `out` as a model into `to`; the step that it is of.

    The autoencoder is the finished one, its decoder the average of its own training where that has begun. Nothing in
    `out` is changed, so that training may go on meanwhile. Raises ValueError where the U-Net has no checkpoint yet.
    """
    path = out / "diffusion.safetensors"
    if not path.exists():
        raise ValueError(f"expected {path.name} in {str(out)!r}, got none; train the diffusion first")
    tokenizer = new_tokenizer()
    text = new_text(out, plan, tokenizer)
    unet = new_unet(plan, text.config.hidden_size)
    step = average_of(path, learning(unet, text, plan))
    vae = AutoencoderKL.from_pretrained(out / "autoencoder").float()
    if (out / "decoder.safetensors").exists():
        average_of(out / "decoder.safetensors", [vae.decoder, vae.post_quant_conv])
    save(to, vae, text, unet, tokenizer)
    return step


def new_text(out: Path, plan: Plan, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A new text encoder, or the trained CLIP's where the plan freezes it."""
    if plan.frozen_text:
        text: CLIPTextModel = CLIPTextModel.from_pretrained(out / "room-clip", dtype=torch.float32)
        return text.requires_grad_(False)
    return new_text_encoder(tokenizer, plan)


def learning(unet: UNet2DConditionModel, text: CLIPTextModel, plan: Plan) -> list[nn.Module]:
    """What a diffusion checkpoint is of."""
    return [unet] if plan.frozen_text else [unet, text]
