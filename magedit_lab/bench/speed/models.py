"""Models of the published sizes with random weights: time and memory do not depend on the values."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
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

from ...model.backbone import Backbone

TOKENS = 77  # of a CLIP text encoder
SMALL = 32  # cells of a small latent's side, at most
CROSS_DOWN, CROSS_UP = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"


def load(name: str, device: str | None = None, dtype: torch.dtype = torch.float32, small: bool = False) -> Backbone:
    """A model of `RANDOM` by its name, built where it computes; any other name is that of `Backbone.load`.

    small: the same modules with few channels and small pictures, for tests and for host time.
    """
    if name not in RANDOM:
        if small:
            raise ValueError(f"expected small sizes of {', '.join(RANDOM)}, got {name!r}; leave --small out")
        return Backbone.load(name, device, dtype)
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    torch.manual_seed(0)
    with place, _default(dtype):
        pipe = RANDOM[name](small)
    size = "few channels" if small else "published size"
    net = Backbone.of(pipe.to(place, dtype), f"{name}, {size}, random weights")
    if small:
        net.family.side = min(net.family.side, SMALL)  # FLUX's configuration has no size
    return net


@contextmanager
def _default(dtype: torch.dtype) -> Iterator[None]:
    """Weights are made in this type, so that a large model never lies in memory in a larger one."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def sd1(small: bool) -> Any:
    """Stable Diffusion 1: 860 million weights in the U-Net, 512 pixels."""
    width: dict[str, Any] = {"block_out_channels": (16,) * 4, "norm_num_groups": 8} if small else {}
    text = 32 if small else 768
    unet = UNet2DConditionModel(
        sample_size=32 if small else 64, cross_attention_dim=text, attention_head_dim=2 if small else 8, **width
    )
    encoder = CLIPTextModel(_clip(text, 1 if small else 12))
    parts = (_vae(4, small), encoder, _tokenizer(), unet, _ddim(), None, None)
    return StableDiffusionPipeline(*parts, requires_safety_checker=False)


def sdxl(small: bool) -> Any:
    """Stable Diffusion XL: 2,570 million weights in the U-Net, 1024 pixels."""
    width: dict[str, Any] = (
        {"block_out_channels": (16,) * 3, "norm_num_groups": 4, "attention_head_dim": (2, 2, 2),
         "transformer_layers_per_block": (1, 1, 2), "sample_size": 32}
        if small else
        {"block_out_channels": (320, 640, 1280), "attention_head_dim": (5, 10, 20),
         "transformer_layers_per_block": (1, 2, 10), "sample_size": 128}
    )  # fmt: skip
    first, second = (16, 32) if small else (768, 1280)
    times = 8 if small else 256
    unet = UNet2DConditionModel(
        down_block_types=("DownBlock2D", CROSS_DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, CROSS_UP, "UpBlock2D"),
        cross_attention_dim=first + second, use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=times, projection_class_embeddings_input_dim=6 * times + second, **width,
    )  # fmt: skip
    encoders = CLIPTextModel(_clip(first, 2)), CLIPTextModelWithProjection(_clip(second, 2))
    return StableDiffusionXLPipeline(_vae(4, small), *encoders, _tokenizer(), _tokenizer(), unet, _ddim())


def sd3(small: bool) -> Any:
    """Stable Diffusion 3 Medium: 2,030 million weights in the transformer, 1024 pixels. Its text encoders have few
    layers here: they run twice an edit."""
    width: dict[str, Any] = (
        {"num_layers": 3, "attention_head_dim": 8, "num_attention_heads": 2, "caption_projection_dim": 16,
         "joint_attention_dim": 64, "pooled_projection_dim": 32, "sample_size": 16, "pos_embed_max_size": 16}
        if small else
        {"num_layers": 24, "attention_head_dim": 64, "num_attention_heads": 24, "caption_projection_dim": 1536,
         "joint_attention_dim": 4096, "pooled_projection_dim": 2048, "sample_size": 128, "pos_embed_max_size": 192}
    )  # fmt: skip
    transformer = SD3Transformer2DModel(patch_size=2, in_channels=16, out_channels=16, **width)
    first, second = (16, 16) if small else (768, 1280)
    clips = [CLIPTextModelWithProjection(_clip(w, 2)) for w in (first, second)]
    schedule, (tokenizer, t5) = FlowMatchEulerDiscreteScheduler(shift=3.0), _t5(width["joint_attention_dim"])
    return StableDiffusion3Pipeline(
        transformer, schedule, _vae(16, small), clips[0], _tokenizer(), clips[1], _tokenizer(), t5, tokenizer
    )


def flux(small: bool) -> Any:
    """FLUX.1-dev: 11,900 million weights in the transformer, 1024 pixels. Its text encoders have few layers here."""
    width: dict[str, Any] = (
        {"num_layers": 2, "num_single_layers": 2, "attention_head_dim": 16, "num_attention_heads": 2,
         "joint_attention_dim": 32, "pooled_projection_dim": 16, "axes_dims_rope": (4, 4, 8)}
        if small else {}
    )  # fmt: skip
    transformer = FluxTransformer2DModel(guidance_embeds=True, **width)
    schedule = FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True)
    tokenizer, t5 = _t5(32 if small else 4096)
    clip = CLIPTextModel(_clip(16 if small else 768, 2))
    return FluxPipeline(schedule, _vae(16, small), clip, _tokenizer(), t5, tokenizer, transformer)


RANDOM: dict[str, Callable[[bool], Any]] = {
    "sd1-random": sd1, "sdxl-random": sdxl, "sd3-random": sd3, "flux-random": flux
}  # fmt: skip


def _vae(channels: int, small: bool) -> AutoencoderKL:
    width: dict[str, Any] = (
        {"block_out_channels": (4,) * 4, "norm_num_groups": 2, "layers_per_block": 1}
        if small else {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2}
    )  # fmt: skip
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=channels, **width,
    )  # fmt: skip


@cache
def _shipped() -> Any:
    return Backbone.load("tabletop", "cpu").tokenizer


def _tokenizer() -> Any:
    """The shipped model's, with as many tokens as CLIP reads."""
    tokenizer = copy.deepcopy(_shipped())
    tokenizer.model_max_length = TOKENS
    return tokenizer


def _clip(width: int, layers: int) -> CLIPTextConfig:
    heads = max(1, width // 64)
    return CLIPTextConfig(
        vocab_size=len(_tokenizer()), hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
        num_attention_heads=heads, max_position_embeddings=TOKENS, projection_dim=width, bos_token_id=0,
        eos_token_id=1, pad_token_id=1,
    )  # fmt: skip


def _t5(width: int) -> tuple[Any, T5EncoderModel]:
    """A tokenizer with the tabletop's words and single letters, and an encoder of one layer."""
    known = [word for word in _tokenizer().get_vocab() if word.isalpha()]
    vocab = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0), *(("▁" + word, -2.0) for word in known)]
    tokenizer = T5TokenizerFast(vocab=vocab + [(c, -5.0) for c in "▁abcdefghijklmnopqrstuvwxyz,."], extra_ids=0)
    config = T5Config(vocab_size=len(tokenizer), d_model=width, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    return tokenizer, T5EncoderModel(config)


def _ddim() -> DDIMScheduler:
    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1,
    )  # fmt: skip
