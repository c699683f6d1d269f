"""The smallest model that has all parts, a task on it, and what two runs are compared by."""

import warnings

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel

import magedit_lab as mag
from magedit_lab import training

SIDE = 32
STEPS = 3


def model(seed: int = 0) -> mag.Backbone:
    """Two levels, 8 and 16 channels, latents of 16x16, random weights with sharpened attention."""
    torch.manual_seed(seed)
    tokenizer = training.new_tokenizer()
    down, up = ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"), ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D")
    unet = UNet2DConditionModel(
        sample_size=16, layers_per_block=1, block_out_channels=(8, 16), cross_attention_dim=16, norm_num_groups=4,
        attention_head_dim=2, down_block_types=down, up_block_types=up,
    )  # fmt: skip
    for name, weight in unet.named_parameters():
        if "to_q" in name or "to_k" in name:
            weight.data *= 6
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(4, 4), latent_channels=4, norm_num_groups=2, sample_size=SIDE,
    )  # fmt: skip
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=tokenizer.model_max_length, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    ))  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = DDIMScheduler(clip_sample=False, set_alpha_to_one=False, steps_offset=1)
        pipe = StableDiffusionPipeline(vae, text, tokenizer, unet, scheduler, None, None, requires_safety_checker=False)
    return mag.Backbone.of(pipe, "smallest")


def task() -> mag.Task:
    """A ball that shall be yellow."""
    pixels = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[8:20, 10:22] = 1
    return mag.Task(Image.fromarray(pixels), mask, "a ball and a box", "a yellow ball and a box", "yellow")


INVERSION = mag.NullText(steps=STEPS, inner=2, guidance_scale=3.0)
LOCAL = mag.LocalBlend(source_words=("ball",), start=0.4)
METHOD = mag.MagEdit(iterations=1, base=mag.PromptToPrompt(blend=LOCAL))


def same(one: mag.Trace, other: mag.Trace) -> bool:
    """Whether two traces have the same bits: every array of every step, all losses, both pictures."""
    arrays = len(one._rows) == len(other._rows) and all(
        a.keys() - {"preview"} == b.keys() - {"preview"}
        and all(np.array_equal(a[name], b[name]) for name in a.keys() - {"preview"})
        for a, b in zip(one._rows, other._rows, strict=True)
    )
    pictures = [(one.result, other.result), (one.reconstruction, other.reconstruction)]
    return arrays and one.times == other.times and one.terms == other.terms and all(
        (a is None) == (b is None) and (a is None or a.tobytes() == b.tobytes()) for a, b in pictures
    )  # fmt: skip
