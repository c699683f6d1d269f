"""`make recipes`: the training recipe against its alternatives on a small budget, each judged as the shipped model is.

    python tests/recipes.py --out work/recipes [--crops 200] [--scenes 500] [--vae 1000] [--pictures 6000] [--only NAME]

A recipe that was judged is kept in `--out`; with `--only` several processes can share the work. The first three read
the shipped autoencoder's latents; the last two train one of their own for `--vae` steps.
"""

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path

import torch

from magedit_lab import files, inversion, training
from magedit_lab.bench import demo, metrics, model_bars, model_probes, tabletop
from magedit_lab.cli.common import load
from magedit_lab.methods import METHODS
from magedit_lab.model import backbone
from magedit_lab.trace import trace

RECIPES = {
    "one text layer": {"text_layers": 1},
    "no text layer": {"text_layers": 0},
    "no grounding": {"grounding": 0.0},
    "smooth latent": {"vae_taught": 250, "vae_colour": 0.2},
    "plain latent": {"vae_taught": 0, "vae_colour": 0.0},
}
OWN_VAE = ("smooth latent", "plain latent")


def trained(folder, name, arguments):
    """The model's folder, and the last row of training."""
    plan = replace(
        training.Plan.gpu(), pictures=arguments.pictures, vae_steps=arguments.vae, vae_decoder_steps=0,
        vae_batch=16, crop_steps=arguments.crops, crop_batch=arguments.batch, scene_steps=arguments.scenes,
        scene_batch=arguments.batch // 2, average=0.99, workers=arguments.workers, **RECIPES[name],
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "data").exists():
        (folder / "data").symlink_to(arguments.out.resolve() / "data")
    for _ in training.draw(arguments.out / "data", plan):
        pass
    if name in OWN_VAE:
        for _ in training.train_vae(folder, plan):
            pass
    else:
        shutil.copytree(backbone.SHIPPED / "tabletop" / "vae", folder / "tabletop" / "vae", dirs_exist_ok=True)
    row = {}
    for row in training.train_diffusion(folder, plan):
        if row["step"] % 50 == 0:
            print(name, {key: round(float(value), 4) for key, value in row.items()}, flush=True)
    return folder / "tabletop", row


def judged(net, count):
    """The bars that decide, and success on complex colour edits that no benchmark has."""
    held = model_bars.Held(net, metrics.Clip(), 4 * count)
    found = {score.name: score.value for score in (*model_bars.vae(held), *model_bars.attention(held))}
    found["causal, guidance 1"] = model_probes.causal(net, count, 1.0)
    numbers, way = range(4, 8 * count, 8), demo.Demo().inversion
    listed = [tabletop.case(n, tabletop.FIRST_TUNING + n) for n in numbers]
    chosen = {"P2P+Mask": METHODS["p2p+mask"], "P2P+MAG-Edit": demo.Demo().guided}
    for name, method in chosen.items():
        hits = []
        for case in listed:
            made = trace.run(net, case.task, inversion.invert(net, case.task, way), method)
            hits.append(demo.colour_of(made) == case.task.words[0])
        found[f"{name}, complex colours"] = sum(hits) / len(hits)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("work/recipes"))
    for name, value in (("crops", 200), ("scenes", 500), ("vae", 1000), ("pictures", 6000), ("batch", 256),
                        ("workers", 2), ("judge", 16)):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--only", nargs="+", choices=RECIPES, default=list(RECIPES))
    arguments = parser.parse_args()
    torch.set_float32_matmul_precision("high")
    for name in arguments.only:
        kept = arguments.out / f"{name}.json"
        if not kept.exists():
            folder, last = trained(arguments.out / name.replace(" ", "-"), name, arguments)
            found = {f"training: {key}": float(value) for key, value in last.items()}
            files.write_text(kept, json.dumps(found | judged(load(str(folder)), arguments.judge), indent=1) + "\n")
        print(name, kept.read_text(encoding="utf-8"), flush=True)


if __name__ == "__main__":
    main()
