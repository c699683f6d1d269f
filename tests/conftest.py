"""Small models of Stable Diffusion's own classes, with random weights."""

import copy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel

import magedit_lab as mag
from magedit_lab import training
from magedit_lab.bench import judges as judging
from magedit_lab.training.clip import new_clip, new_processor

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))  # scripts that have tests of their own

SOURCE = "a ball, a ball and a box on a wooden table"
TARGET = "a yellow ball, a ball and a box on a wooden table"


def pipeline(prediction: str = "epsilon", upcast: bool = False, sharpen: float = 6.0) -> StableDiffusionPipeline:
    """Four levels as in Stable Diffusion 1, narrow; attention sharpened so that it is not uniform."""
    torch.manual_seed(0)
    tokenizer = training.new_tokenizer()
    down, up = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"
    unet = UNet2DConditionModel(
        sample_size=32, layers_per_block=1, block_out_channels=(16, 32, 32, 32), cross_attention_dim=32,
        norm_num_groups=8, attention_head_dim=2, down_block_types=(down, down, down, "DownBlock2D"),
        up_block_types=("UpBlock2D", up, up, up), upcast_attention=upcast,
    )  # fmt: skip
    for name, weight in unet.named_parameters():
        if "to_q" in name or "to_k" in name:
            weight.data *= sharpen
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8), latent_channels=4, norm_num_groups=4, sample_size=256,
    )  # fmt: skip
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=tokenizer.model_max_length, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    ))  # fmt: skip
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        prediction_type=prediction,
    )  # fmt: skip
    return StableDiffusionPipeline(vae, text, tokenizer, unet, scheduler, None, None, requires_safety_checker=False)


@pytest.fixture(scope="session")
def pipe():
    return pipeline()


@pytest.fixture(scope="session")
def model(tmp_path_factory, pipe):
    """A folder with the small model in it."""
    folder = tmp_path_factory.mktemp("model")
    pipe.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def net(pipe):
    return mag.Backbone.of(copy.deepcopy(pipe), "tiny")


@pytest.fixture(scope="session")
def exact(pipe):
    """The model in float64, so that only a different formula can make a difference."""
    return mag.Backbone.of(copy.deepcopy(pipe).to(torch.float64))


@pytest.fixture(scope="session")
def task():
    image = mag.scenes.sample(3).image
    mask = np.zeros((256, 256), np.float32)
    mask[60:180, 80:160] = 1
    return mag.Task(image, mask, SOURCE, TARGET, "yellow")


@pytest.fixture(scope="session")
def path(net, task):
    return mag.invert(net, task, mag.NullText(steps=6, inner=2, guidance_scale=3.0))


@pytest.fixture(scope="session")
def same(net, task):
    """A task with equal prompts, for laws."""
    return mag.Task(task.image, task.mask, SOURCE, SOURCE, "box")


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.new("RGB", (64, 48), "navy").save(path)
    return path


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory):
    torch.manual_seed(0)
    folder, tokenizer = tmp_path_factory.mktemp("clip"), training.new_tokenizer()
    new_clip(tokenizer).save_pretrained(folder)
    new_processor(tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def judges(clip_folder):
    return judging.Judges.load(str(clip_folder), str(clip_folder))
