"""Pipelines of four architectures from diffusers' own classes, with a few channels and random weights: the code is the
real one's, the pictures are noise."""

from collections.abc import Callable
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
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

from magedit_lab.training import new_tokenizer

SIDE = 128  # pixels
DOWN, UP = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"


def sd() -> StableDiffusionPipeline:
    """Stable Diffusion 1: a U-Net with cross attention."""
    tokenizer = new_tokenizer()
    unet = UNet2DConditionModel(
        sample_size=16, layers_per_block=1, block_out_channels=(16, 16, 16), cross_attention_dim=32, norm_num_groups=4,
        down_block_types=(DOWN, DOWN, "DownBlock2D"), up_block_types=("UpBlock2D", UP, UP), attention_head_dim=2,
    )  # fmt: skip
    text = _clip(tokenizer, CLIPTextModel, 32)
    parts = (_vae(), text, tokenizer, _sharper(unet), _ddim())
    return StableDiffusionPipeline(*parts, None, None, requires_safety_checker=False)


def sdxl() -> StableDiffusionXLPipeline:
    """Stable Diffusion XL: a U-Net, two text encoders that read the same tokens."""
    tokenizer = new_tokenizer()
    unet = UNet2DConditionModel(
        sample_size=16, layers_per_block=1, block_out_channels=(16, 16, 16), cross_attention_dim=32, norm_num_groups=4,
        down_block_types=("DownBlock2D", DOWN, DOWN), up_block_types=(UP, UP, "UpBlock2D"),
        attention_head_dim=(2, 2, 2), transformer_layers_per_block=(1, 1, 2), addition_embed_type="text_time",
        addition_time_embed_dim=8, projection_class_embeddings_input_dim=6 * 8 + 16, use_linear_projection=True,
    )  # fmt: skip
    texts = _clip(tokenizer, CLIPTextModel), _clip(tokenizer)
    return StableDiffusionXLPipeline(_vae(), *texts, tokenizer, new_tokenizer(), _sharper(unet), _ddim())


def sd3() -> StableDiffusion3Pipeline:
    """Stable Diffusion 3: a transformer in which picture and text are one sequence; CLIP and T5."""
    tokenizer, (tokenizer_3, text_3) = new_tokenizer(), _t5()
    transformer = SD3Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=4, out_channels=4, num_layers=3, attention_head_dim=8,
        num_attention_heads=2, caption_projection_dim=16, joint_attention_dim=32, pooled_projection_dim=32,
        pos_embed_max_size=16, qk_norm="rms_norm", dual_attention_layers=(0,),
    )  # fmt: skip
    return StableDiffusion3Pipeline(
        _sharper(transformer), FlowMatchEulerDiscreteScheduler(shift=3.0), _vae(), _clip(tokenizer), tokenizer,
        _clip(tokenizer), new_tokenizer(), text_3, tokenizer_3,
    )  # fmt: skip


def flux() -> FluxPipeline:
    """FLUX.1: the same idea, T5 alone for the words."""
    tokenizer, (tokenizer_2, text_2) = new_tokenizer(), _t5()
    transformer = FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=2, num_single_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=32, pooled_projection_dim=16, axes_dims_rope=(4, 4, 8), guidance_embeds=True,
    )  # fmt: skip
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True)
    text = _clip(tokenizer, CLIPTextModel)
    return FluxPipeline(scheduler, _vae(), text, tokenizer, text_2, tokenizer_2, _sharper(transformer))


PIPES: dict[str, Callable[[], Any]] = {"SD 1": sd, "SDXL": sdxl, "SD 3": sd3, "FLUX.1": flux}


def pipeline(name: str) -> Any:
    """One of PIPES with the same random weights each time, as `from_pretrained` gives it: without dropout."""
    torch.manual_seed(0)
    pipe = PIPES[name]()
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval()
    return pipe


def _clip(tokenizer: Any, kind: Any = CLIPTextModelWithProjection, width: int = 16) -> Any:
    return kind(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=tokenizer.model_max_length, projection_dim=width, bos_token_id=0, eos_token_id=1,
        pad_token_id=1,
    ))  # fmt: skip


def _t5() -> tuple[Any, Any]:
    words = ["a", "ball", "and", "box", "on", "table", "yellow"]
    vocab = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0), *(("▁" + w, -2.0) for w in words)]
    tokenizer = T5TokenizerFast(vocab=vocab + [(c, -5.0) for c in "▁bcdefghijklmnopqrstuvwxyz,."], extra_ids=0)
    config = T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    return tokenizer, T5EncoderModel(config)


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 4, 4), latent_channels=4, norm_num_groups=2, sample_size=SIDE, shift_factor=0.1,
    )  # fmt: skip


def _ddim() -> DDIMScheduler:
    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1,
    )  # fmt: skip


def _sharper(denoiser: Any, by: float = 4.0) -> Any:
    """Larger queries and keys, so that attention is not the same everywhere."""
    for name, weight in denoiser.named_parameters():
        if any(part in name for part in ("to_q.w", "to_k.w", "add_q_proj.w", "add_k_proj.w")):
            weight.data *= by
    return denoiser
