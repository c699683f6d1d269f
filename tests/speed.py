"""`make speed`: one MAG-Edit by the library and by the literal Algorithm 1, in one run: seconds, memory, U-Net work.

    python tests/speed.py [--model NAME] [--steps 50] [--iterations 15] [--random]

`--random` measures a U-Net of Stable Diffusion 1's size with random weights, where no checkpoint is at hand: time and
memory do not depend on the values.
"""

import argparse
import platform
import resource
import time
from dataclasses import replace
from functools import partial

import torch
from diffusers import UNet2DConditionModel
from literal import Literal

import magedit_lab as mag
from magedit_lab import demo
from magedit_lab.cli.common import load


def stable_diffusion_unet(net):
    """The shipped model with its U-Net exchanged for one of Stable Diffusion 1's shape (860 million weights)."""
    torch.manual_seed(0)
    shape = {"sample_size": 64, "cross_attention_dim": net.unet.config.cross_attention_dim, "attention_head_dim": 8}
    unet = UNet2DConditionModel(**shape).to(net.device)
    return replace(net, unet=unet, name="Stable Diffusion 1's shape, random weights")


def measured(work, device):
    """Seconds and peak memory in GiB (of the GPU; on a CPU that of the whole process so far)."""
    if device.type == "cuda":
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tabletop")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--iterations", type=int, default=15)
    parser.add_argument("--random", action="store_true")
    arguments = parser.parse_args()
    net = load(arguments.model)
    if arguments.random:
        net = stable_diffusion_unet(net)
    task, _ = demo.complex_task(demo.Demo().seed).fit(net.size, net.size)
    method = mag.MagEdit(iterations=arguments.iterations)
    path = mag.invert(net, task, mag.NullText(arguments.steps, 7.5, inner=0))
    keep = mag.Keep(previews=False, gradients=False, attention=False, nudges=False)
    edit = partial(mag.run, net, task, path, method, keep)
    literal = Literal.of(net, task, path, "token_ratio")
    rows = {"magedit_lab": edit, "literal": partial(literal.run, arguments.iterations, method.step_size)}
    found = {name: measured(work, net.device) for name, work in rows.items()}
    name = torch.cuda.get_device_name() if net.device.type == "cuda" else f"{platform.processor()} {net.device}"
    print(f"{net.name}, {arguments.steps} steps, {arguments.iterations} iterations; {name}, torch {torch.__version__}")
    for row, (_, seconds, memory) in found.items():
        print(f"{row:12} {seconds:8.1f} s   peak {memory:5.2f} GiB")
    ours, theirs = found["magedit_lab"], found["literal"]
    losses = torch.tensor([x for x in ours[0].losses.flatten().tolist() if x == x])
    worst = (losses - torch.tensor(theirs[0][0])).abs().max().item()
    print(f"the library takes 1/{theirs[1] / ours[1]:.2f} of the time; largest difference of a loss {worst:.1g}")


if __name__ == "__main__":
    main()
