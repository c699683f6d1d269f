"""`make recipes`: each recipe of docs/recipe.md on a small budget, and the table by which one is chosen.

    python tests/recipes.py --out work/recipes [--only plain grounded] [--crops 200] [--scenes 600] [--rooms 300]

A recipe that was judged is kept in `--out`; with `--only` several processes can share the work. All read the latents
of one autoencoder: `--start`'s, or one trained for `--vae` steps where that is the tabletop model's.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from magedit_lab import METHODS, Backbone, NullText, Task, files, invert, run, training
from magedit_lab.scenes import room
from magedit_lab.trace.record import SCORED
from magedit_lab.training.held_out import HeldOut
from magedit_lab.training.plan import TABLETOP

GROUNDED, CONTRARY = {"grounding": 0.01}, {"contrary": 0.7}  # half of all colourings are odd: 35 % of captions
PLAIN = {"grounding": 0.0, "grounded_steps": 0}
RECIPES = {
    "plain": PLAIN,
    "grounded": GROUNDED,
    "contrary": PLAIN | CONTRARY,
    "both": GROUNDED | CONTRARY,
    "frozen text": PLAIN | {"frozen_text": True},
}
FIRST = room.HELD_OUT + 950_000  # the first room of the cases, which nothing else uses
METHODS_SHOWN = {"P2P": "p2p", "Re-weight": "p2p+re-weight", "MAG-Edit": "p2p+mag-edit"}
COLUMNS = ("loss", "sink", "entropy", "inside", "P2P leaks", "Re-weight", "MAG-Edit", "shape error")


def plan_of(name, arguments):
    """The recipe on the small budget, from the same weights as every other."""
    steps = arguments.crops + arguments.scenes
    small = replace(
        training.Plan.cpu(), traces=arguments.rooms, colourings=4, captions=2, vae_steps=arguments.vae,
        early_steps=arguments.crops, scene_steps=arguments.scenes, scene_batch=arguments.batch,
        early_batch=4 * arguments.batch, decay=0.3, average=0.99, grounded_steps=steps // 2, start=arguments.start,
        clip_steps=arguments.clip, clip_hard_steps=0,
    )  # fmt: skip
    return replace(small, **RECIPES[name])


def trained(name, arguments):
    """The folder of the recipe's model; rooms, autoencoder and CLIP are trained once for all."""
    plan, shared = plan_of(name, arguments), arguments.out / "shared"
    for _ in training.draw(shared / "data", plan):
        pass
    if not (shared / "autoencoder").exists() and not arguments.vae_given:
        for _ in training.train_vae(shared, plan):
            pass
    if plan.frozen_text and not (shared / "room-clip").exists():
        for _ in training.train_clip(shared, plan):
            pass
    folder = arguments.out / name.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("data", "autoencoder", "room-clip"):
        if (shared / part).exists() and not (folder / part).exists():
            (folder / part).symlink_to((shared / part).resolve())
    for row in training.train_diffusion(folder, plan):
        if row["step"] % 50 == 0:
            print(name, {key: round(float(value), 4) for key, value in row.items()}, flush=True)
    return folder / "room"


def cases(count):
    """Complex colour cases: a room with two things of a kind in two colours, one of which gets a third; the source
    prompt names both alike. Room, index, new colour, task."""
    seed = FIRST
    while count:
        scene, rng, seed = room.sample(seed), np.random.default_rng([9, seed]), seed + 1
        kinds = [t.kind for t in scene.things]
        twins = [i for i, t in enumerate(scene.things)
                 if kinds.count(t.kind) == 2 and t.finish == "plain" and not t.part_colours]  # fmt: skip
        if len(twins) == 2 and scene.things[twins[0]].colour != scene.things[twins[1]].colour:
            count -= 1
            yield scene, *_task(scene, twins, rng)


def _task(scene, twins, rng):
    index, other = (int(i) for i in rng.permutation(twins))
    new = str(rng.choice([c for c in room.COLOURS if c not in {t.colour for t in scene.things}]))
    rest = [[t.kind] for i, t in enumerate(scene.things) if i not in (index, other)]
    kind = scene.things[index].kind
    source, target = (room.sentence(scene, map(room.phrase, [words, [kind], *rest])) for words in ([kind], [new, kind]))
    return index, new, Task(scene.image, scene.masks[index], source, target, new)


def colours(scene, picture):
    """Of each thing the colour in which the room, shaded anew, is nearest to the picture on the thing's own part."""
    found, pixels = [], np.asarray(picture).astype(np.float32)
    for i, worn in enumerate(scene.worn):
        ways = {c: room.edited(scene, i, colour=c) for c in room.COLOURS}
        wrong = {c: (np.abs(np.asarray(s.image) - pixels).mean(-1) * worn).sum() for c, s in ways.items()}
        found.append(min(wrong, key=wrong.get))
    return found


def shape_error(picture, ideal, mask):
    """0 where the gradient's direction in a band around the thing is the ideal's, up to 1 where it is across it;
    weighted by the ideal's strength."""
    (ax, ay), (bx, by) = (np.gradient(np.asarray(p.convert("L"), np.float32)) for p in (picture, ideal))
    grown = np.asarray(Image.fromarray(mask > 0.5).resize((64, 64)).resize(picture.size)) | (mask > 0.02)
    weight = np.hypot(bx, by) * grown
    cosine = (ax * bx + ay * by) / np.maximum(np.hypot(ax, ay) * np.hypot(bx, by), 1e-6)
    return float(((1 - cosine**2) * weight).sum() / weight.sum())


def judged(folder, arguments):
    """A row of the table. Success: the asked thing has its colour, and every other thing the one it had."""
    net, found = Backbone.load(str(folder)), {}
    held = HeldOut(net.vae.float(), net.text_encoder, net.unet, net.tokenizer, arguments.held)
    losses = held.loss()
    found["loss"] = float(np.mean(list(losses.values())))
    found |= held.attention()
    net = Backbone.load(str(folder))  # with its own attention
    results = {name: [] for name in METHODS_SHOWN}
    for scene, index, new, task in cases(arguments.cases):
        path = invert(net, task, NullText(20, 4.0, 3, 0.03))
        ideal, before = room.edited(scene, index, colour=new).image, [t.colour for t in scene.things]
        for name, method in METHODS_SHOWN.items():
            picture = run(net, task, path, METHODS[method], SCORED).result
            after = colours(scene, picture)
            others = all(a == b for i, (a, b) in enumerate(zip(after, before, strict=True)) if i != index)
            error = shape_error(picture, ideal, scene.masks[index])
            results[name].append((after[index] == new and others, not others, error))
    means = {name: np.mean(rows, 0) for name, rows in results.items()}
    found["P2P leaks"] = float(means["P2P"][1])
    found |= {name: float(means[name][0]) for name in ("Re-weight", "MAG-Edit")}
    return found | {"shape error": float(means["MAG-Edit"][2])}


def table(rows):
    """Markdown."""
    lines = ["| recipe | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    return "\n".join(lines + [f"| {name} | " + " | ".join(f"{row[c]:.3f}" for c in COLUMNS) + " |"
                              for name, row in rows.items()])  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("work/recipes"))
    parser.add_argument("--start", default=TABLETOP, help="the model whose weights all recipes begin with")
    for name, value in (("crops", 200), ("scenes", 600), ("vae", 800), ("clip", 400), ("rooms", 300), ("batch", 16),
                        ("cases", 16), ("held", 32)):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--only", nargs="+", choices=RECIPES, default=list(RECIPES))
    arguments = parser.parse_args()
    arguments.vae_given = arguments.start != TABLETOP
    torch.set_float32_matmul_precision("high")
    torch.set_flush_denormal(True)
    rows = {}
    for name in arguments.only:
        kept = arguments.out / f"{name.replace(' ', '-')}.json"
        if not kept.exists():
            files.write_text(kept, json.dumps(judged(trained(name, arguments), arguments), indent=1) + "\n")
        rows[name] = files.read_json(kept)
        print(table(rows), flush=True)


if __name__ == "__main__":
    main()
