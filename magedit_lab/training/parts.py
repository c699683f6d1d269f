"""The untrained parts: tokenizer, text encoder, autoencoder, U-Net and noise schedule."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel

from ..scenes import room
from .plan import Plan
from .tokenizer import NEW, CLIPTokenizer

TOKENS = 77  # the length of a prompt, CLIP's
WIDTH = 128  # of a token's vector


def new_tokenizer() -> CLIPTokenizer:
    """CLIP's byte-level BPE in which each word of the room is one token and others fall into pieces."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    # Letters at a word's end are named here because the trainer would number them, and break ties, anew at each call.
    special = ["<|startoftext|>", "<|endoftext|>", *(letter + "</w>" for letter in alphabet)]
    trainer = trainers.BpeTrainer(
        vocab_size=2000, special_tokens=special, end_of_word_suffix="</w>", initial_alphabet=alphabet,
    )  # fmt: skip
    bpe.train_from_iterator([w for w in sorted({*room.VOCABULARY, ",", "."}) for _ in range(50)], trainer)
    model = json.loads(bpe.to_str())["model"]
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in model["merges"]]
    return _clip_tokenizer(model["vocab"], merges)


def _clip_tokenizer(vocab: dict[str, int], merges: list[tuple[str, ...]]) -> CLIPTokenizer:
    """transformers before 5 reads vocabulary and merges from files alone."""
    if NEW:
        return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=TOKENS)
    with TemporaryDirectory() as folder:
        files = Path(folder) / "vocab.json", Path(folder) / "merges.txt"
        files[0].write_text(json.dumps(vocab), encoding="utf-8")
        files[1].write_text("\n".join(["#version: 0.2", *map(" ".join, merges)]) + "\n", encoding="utf-8")
        return CLIPTokenizer(*map(str, files), model_max_length=TOKENS)


def new_text_encoder(tokenizer: CLIPTokenizer, plan: Plan) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=plan.text_layers,
        num_attention_heads=4, max_position_embeddings=TOKENS, projection_dim=WIDTH,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return CLIPTextModel(config)


def new_vae(plan: Plan) -> AutoencoderKL:
    levels = len(plan.vae_channels)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=plan.vae_channels, layers_per_block=1, latent_channels=plan.latent_channels,
        norm_num_groups=8, sample_size=plan.size, mid_block_add_attention=False, scaling_factor=1.0,
    )  # fmt: skip


def new_unet(plan: Plan, width: int = WIDTH) -> UNet2DConditionModel:
    """Stable Diffusion's form with a level less: words enter at 32 and 16 cells and in the middle, at 8; self
    attention stands beside each. Heads grow with depth, each of 32 channels, as in Stable Diffusion 2. width: of a
    token's vector."""
    return UNet2DConditionModel(
        sample_size=plan.size // 8, in_channels=plan.latent_channels, out_channels=plan.latent_channels,
        layers_per_block=(1, 2, 1), block_out_channels=plan.unet_channels, cross_attention_dim=width,
        attention_head_dim=plan.heads, norm_num_groups=8, mid_block_type="UNetMidBlock2DCrossAttn",
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip


def new_scheduler() -> DDIMScheduler:
    """Stable Diffusion's noise schedule, with the velocity as the target; steps are offset by 1, as its own are."""
    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        set_alpha_to_one=False, prediction_type="v_prediction", steps_offset=1,
    )  # fmt: skip
