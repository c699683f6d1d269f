"""`make speed`: one MAG-Edit by the library and by the literal Algorithm 1, in one run: seconds, memory, U-Net work.

    python tests/speed.py [--model NAME] [--steps 50] [--iterations 15] [--random] [--dtype float32|float16|bfloat16]

`--random` measures a model of Stable Diffusion 1's shape with random weights, where no checkpoint is at hand: time and
memory do not depend on the values. The literal Algorithm 1 is run in float32 only.
"""

import argparse
import platform
import resource
import time
from functools import partial

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from literal import Literal
from transformers import CLIPTextConfig, CLIPTextModel

import magedit_lab as mag
from magedit_lab import training
from magedit_lab.bench import demo
from magedit_lab.cli.common import load


def stable_diffusion(dtype):
    """All parts of Stable Diffusion 1's shape (860 million weights in the U-Net), 512x512 pixels, 77 tokens."""
    torch.manual_seed(0)
    tokenizer, device = training.new_tokenizer(), torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tokenizer.model_max_length = 77
    with device:
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
        vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, sample_size=512,
        )  # fmt: skip
        text = CLIPTextModel(CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
            num_attention_heads=12, bos_token_id=0, eos_token_id=1, pad_token_id=1,
        ))  # fmt: skip
    parts = (vae, text, tokenizer, unet, training.new_scheduler(), None, None)
    pipe = StableDiffusionPipeline(*parts, requires_safety_checker=False).to(device, dtype)
    return mag.Backbone.of(pipe, "Stable Diffusion 1's shape, random weights")


def measured(work, device):
    """The result, seconds, and peak memory in GiB (of the GPU; on a CPU that of the whole process so far)."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
    start = time.perf_counter()
    result = work()
    if device.type == "cuda":
        torch.cuda.synchronize()
        memory = torch.cuda.max_memory_allocated() / 2**30
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return result, time.perf_counter() - start, memory


def said(name, found):
    print(f"{name:12} {found[1]:8.1f} s   peak {found[2]:5.2f} GiB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tabletop")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--iterations", type=int, default=15)
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--dtype", choices=("float32", "float16", "bfloat16"), default="float32")
    arguments = parser.parse_args()
    dtype = getattr(torch, arguments.dtype)
    net = stable_diffusion(dtype) if arguments.random else load(arguments.model)
    task, _ = demo.complex_task(demo.Demo().seed).fit(net.size, net.size)
    method = mag.MagEdit(iterations=arguments.iterations)
    path = mag.invert(net, task, mag.NullText(arguments.steps, 7.5, inner=0))
    keep = mag.Keep(previews=False, gradients=False, attention=False, nudges=False)
    name = torch.cuda.get_device_name() if net.device.type == "cuda" else f"{platform.processor()} {net.device}"
    print(f"{net.name}, {arguments.steps} steps, {arguments.iterations} iterations; {name}, torch {torch.__version__}")
    mag.run(net, task, mag.invert(net, task, mag.Direct(2)), mag.MagEdit(iterations=1), keep)  # warm up
    ours = measured(partial(mag.run, net, task, path, method, keep), net.device)
    said("magedit_lab", ours)
    if dtype != torch.float32:
        return
    literal, device = Literal.of(net, task, path, "token_ratio"), net.device
    net.denoiser.to("cpu")  # the literal has a copy of its own
    theirs = measured(partial(literal.run, arguments.iterations, method.step_size), device)
    said("literal", theirs)
    losses = torch.tensor([x for x in ours[0].losses.flatten().tolist() if x == x])
    worst = (losses - torch.tensor(theirs[0][0])).abs().max().item()
    print(f"the library takes 1/{theirs[1] / ours[1]:.2f} of the time; largest difference of a loss {worst:.1g}")


if __name__ == "__main__":
    main()
