"""The untrained parts: tokenizer, text encoder, autoencoder, U-Net and noise schedule."""

import json

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from .. import scenes
from .plan import Plan

TOKENS = 32  # the length of a prompt


def new_tokenizer() -> CLIPTokenizer:
    """CLIP's byte-level BPE in which each word of the little world is one token and others fall into pieces."""
    words = [*scenes.COLOURS, *scenes.KINDS, *scenes.TEXTURES, *scenes.WALLS, *scenes.TABLES]
    words += ["table", "wall", "a", "an", "on", "with", "and", "the", "one", "two", "three", "of", ",", "."]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    # Letters at a word's end are named here because the trainer would number them, and break ties, anew at each call.
    special = ["<|startoftext|>", "<|endoftext|>", *(letter + "</w>" for letter in alphabet)]
    trainer = trainers.BpeTrainer(
        vocab_size=1000, special_tokens=special, end_of_word_suffix="</w>", initial_alphabet=alphabet,
    )  # fmt: skip
    bpe.train_from_iterator([w for w in sorted(set(words)) for _ in range(50)], trainer)
    model = json.loads(bpe.to_str())["model"]
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in model["merges"]]
    return CLIPTokenizer(vocab=model["vocab"], merges=merges, model_max_length=TOKENS)


def new_text_encoder(tokenizer: CLIPTokenizer, plan: Plan) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=128, intermediate_size=256, num_hidden_layers=plan.text_layers,
        num_attention_heads=4, max_position_embeddings=TOKENS, projection_dim=128,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return CLIPTextModel(config)


def new_vae(plan: Plan) -> AutoencoderKL:
    levels = len(plan.vae_channels)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=plan.vae_channels, layers_per_block=1, latent_channels=4, norm_num_groups=8,
        sample_size=plan.size, mid_block_add_attention=False,
    )  # fmt: skip


def new_unet(plan: Plan) -> UNet2DConditionModel:
    """Words enter at five sites of 16x16, as in Stable Diffusion, and nowhere else: what a map shows is all that a
    word can do."""
    return UNet2DConditionModel(
        sample_size=32, in_channels=4, out_channels=4, layers_per_block=(1, 2, 1),
        block_out_channels=plan.unet_channels, cross_attention_dim=128, attention_head_dim=4, norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        mid_block_type="UNetMidBlock2D", up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip


def new_scheduler() -> DDIMScheduler:
    """Stable Diffusion's noise schedule, with the velocity as the target."""
    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        set_alpha_to_one=False, prediction_type="v_prediction",
    )  # fmt: skip
