"""Pipelines of each family from diffusers' own classes, with a few channels and random weights."""

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

import magedit_lab as mag
from magedit_lab import training
from magedit_lab.model import flux, sd3

SIDE = 128  # pixels
T5_TOKENS = 24
SOURCE, TARGET = "a ball and a box on a table", "a yellow ball and a box on a table"
NAMES = ("sdxl", "sd3", "flux")


def clip(tokenizer, kind=CLIPTextModelWithProjection, width=16):
    return kind(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=tokenizer.model_max_length, projection_dim=width, bos_token_id=0, eos_token_id=1,
        pad_token_id=1,
    ))  # fmt: skip


def t5():
    words = ["a", "ball", "and", "box", "on", "wooden", "table", "yellow", "red"]
    vocab = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0), *(("▁" + w, -2.0) for w in words)]
    tokenizer = T5TokenizerFast(vocab=vocab + [(c, -5.0) for c in "▁bcdefghijklmnopqrstuvwxyz,."], extra_ids=0)
    config = T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    return tokenizer, T5EncoderModel(config)


def vae():
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 4, 4), latent_channels=4, norm_num_groups=2, sample_size=SIDE, shift_factor=0.1,
    )  # fmt: skip


def sharpened(denoiser, by=3.0):
    for name, weight in denoiser.named_parameters():
        if any(part in name for part in ("to_q.w", "to_k.w", "add_q_proj.w", "add_k_proj.w")):
            weight.data *= by
    return denoiser


def sdxl_pipe():
    torch.manual_seed(0)
    tokenizer = training.new_tokenizer()
    unet = UNet2DConditionModel(
        sample_size=16, layers_per_block=1, block_out_channels=(16, 16, 16), cross_attention_dim=32, norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=(2, 2, 2),
        transformer_layers_per_block=(1, 1, 2), addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 16, use_linear_projection=True,
    )  # fmt: skip
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1,
    )  # fmt: skip
    return frozen(StableDiffusionXLPipeline(
        vae(), clip(tokenizer, CLIPTextModel), clip(tokenizer), tokenizer, training.new_tokenizer(),
        sharpened(unet, 6.0), scheduler,
    ))  # fmt: skip


def sd3_pipe(dual=True):
    torch.manual_seed(0)
    tokenizer, (tokenizer_3, encoder_3) = training.new_tokenizer(), t5()
    transformer = SD3Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=4, out_channels=4, num_layers=3, attention_head_dim=8,
        num_attention_heads=2, caption_projection_dim=16, joint_attention_dim=32, pooled_projection_dim=32,
        pos_embed_max_size=16, qk_norm="rms_norm" if dual else None, dual_attention_layers=(0,) if dual else (),
    )  # fmt: skip
    return frozen(StableDiffusion3Pipeline(
        sharpened(transformer), FlowMatchEulerDiscreteScheduler(shift=3.0), vae(), clip(tokenizer), tokenizer,
        clip(tokenizer), training.new_tokenizer(), encoder_3, tokenizer_3,
    ))  # fmt: skip


def flux_pipe(guidance_embeds=True):
    torch.manual_seed(0)
    tokenizer, (tokenizer_2, encoder_2) = training.new_tokenizer(), t5()
    transformer = FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=2, num_single_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=32, pooled_projection_dim=16, axes_dims_rope=(4, 4, 8), guidance_embeds=guidance_embeds,
    )  # fmt: skip
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True)
    return frozen(FluxPipeline(
        scheduler, vae(), clip(tokenizer, CLIPTextModel), tokenizer, encoder_2, tokenizer_2, sharpened(transformer),
    ))  # fmt: skip


PIPES = {"sdxl": sdxl_pipe, "sd3": sd3_pipe, "flux": flux_pipe}


def frozen(pipe):
    """As `from_pretrained` gives it: without dropout."""
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval()
    return pipe


def backbone(pipe, name="tiny", **more):
    """With texts of a few tokens and pictures of 128 pixels."""
    kept = sd3.T5_TOKENS, flux.T5_TOKENS, flux.SIDE
    sd3.T5_TOKENS, flux.T5_TOKENS, flux.SIDE = T5_TOKENS, T5_TOKENS, SIDE // 8
    try:
        return mag.Backbone.of(pipe, name, **more)
    finally:
        sd3.T5_TOKENS, flux.T5_TOKENS, flux.SIDE = kept


def task(source=SOURCE, target=TARGET, words="yellow", **more):
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[30:90, 40:100] = 1
    return mag.Task(mag.scenes.sample(3).image.resize((SIDE, SIDE)), mask, source, target, words, **more)
