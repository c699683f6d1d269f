"""A small CLIP that judges table-top pictures: scenes with their captions, and single objects with their phrases."""

from collections.abc import Generator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPProcessor, CLIPTokenizer

from .. import scenes
from .data import as_tensor, load
from .parts import new_tokenizer
from .plan import Plan
from .run import Run, schedule, steps

SIDE = 128  # pixels that the model sees


def new_clip(tokenizer: CLIPTokenizer) -> CLIPModel:
    """A ViT of 16x16 patches and a text transformer, each four layers of 192."""
    size = {"hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 6}
    words = {
        "vocab_size": len(tokenizer), "max_position_embeddings": tokenizer.model_max_length,
        "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }  # fmt: skip
    config = CLIPConfig(
        text_config=size | words, vision_config=size | {"image_size": SIDE, "patch_size": 16}, projection_dim=192,
    )  # fmt: skip
    return CLIPModel(config)


def new_processor(tokenizer: CLIPTokenizer) -> CLIPProcessor:
    """Resize to 128x128, and -1…1 as the trainer sees it."""
    size, half = {"height": SIDE, "width": SIDE}, [0.5, 0.5, 0.5]
    images = CLIPImageProcessorPil(size=size, do_center_crop=False, image_mean=half, image_std=half)
    return CLIPProcessor(images, tokenizer)


def train_clip(out: Path, plan: Plan) -> Generator[dict[str, float]]:
    """Contrastive training; each batch is half scenes with captions, half crops of one object, each half on its own.

    Colours tell most objects of a batch apart, so that kinds are hardly learnt: the last steps set each crop's phrase
    against the same phrase with every other kind.
    """
    torch.manual_seed(plan.seed)
    tokenizer = new_tokenizer()
    model = new_clip(tokenizer)
    run = Run(out / "clip.safetensors", [model], plan.clip_rate, 0.995)
    images = load(out / "data", plan.pictures, "images")
    for step, rng, _ in steps(run, plan.clip_steps):
        picked = rng.integers(0, len(images), 2 * plan.clip_batch)
        drawn = [scenes.sample(int(index)) for index in picked]
        whole = [_scene(images[i], s, rng) for i, s in zip(picked[::2], drawn[::2], strict=True)]
        part = [_object(images[i], s, rng) for i, s in zip(picked[1::2], drawn[1::2], strict=True)]
        results = [_contrast(model, tokenizer, half) for half in (whole, part)]
        run.update(results[0][0] + results[1][0], schedule(step, plan.clip_steps))
        row = {"scenes": results[0][1], "objects": results[1][1]}
        yield {"step": run.step, **row, "seconds": run.seconds}
    run.averaged()

    run = Run(out / "clip-hard.safetensors", [model], plan.clip_hard_rate, 0.99)
    for step, rng, _ in steps(run, plan.clip_hard_steps):
        loss, row = _hard(model, tokenizer, images, plan.clip_hard_batch, rng)
        run.update(loss, schedule(step, plan.clip_hard_steps, warm=30, decay=0.6))
        yield {"step": plan.clip_steps + run.step, **row, "seconds": run.seconds}
    run.averaged()
    model.half().save_pretrained(out / "tabletop-clip", safe_serialization=True)
    new_processor(tokenizer).save_pretrained(out / "tabletop-clip")


Pair = tuple[np.ndarray, str]


def _scene(image: np.ndarray, scene: scenes.Scene, rng: np.random.Generator) -> Pair:
    words = " ".join(word for word, _ in scenes.describe(scene, rng, float(rng.choice([0.0, 0.1, 0.3]))))
    return _resized(image, (0, 0, *image.shape[:2])), words


def _object(image: np.ndarray, scene: scenes.Scene, rng: np.random.Generator) -> Pair:
    """A square around one object, a little loose and shifted, and `a red striped mug`, or part of it."""
    crop, words, kind = _part(image, scene, rng)
    return crop, scenes.phrase([*words, kind])


def _part(image: np.ndarray, scene: scenes.Scene, rng: np.random.Generator) -> tuple[np.ndarray, list[str], str]:
    """A crop of one object, some of its adjectives, and its kind."""
    thing = scene.things[rng.integers(len(scene.things))]
    words = [w for w in thing.words[:-1] if rng.random() > 0.15]
    box = scenes.box(thing, image.shape[0], rng.uniform(1.0, 1.5), rng.uniform(-0.1, 0.1, 2).tolist())
    return _resized(image, box), words, thing.kind


def _resized(image: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    picture = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC, box)
    return np.asarray(picture)


def _contrast(model: CLIPModel, tokenizer: CLIPTokenizer, pairs: list[Pair]) -> tuple[Tensor, float]:
    """CLIP's symmetric loss, in which equal texts are equally right, and the share of pictures that find their text."""
    images, texts = as_tensor(np.stack([image for image, _ in pairs])), [text for _, text in pairs]
    tokens = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    logits = model(pixel_values=images.contiguous(), **tokens).logits_per_image
    same = torch.tensor([[float(a == b) for b in texts] for a in texts])
    target = same / same.sum(1, keepdim=True)
    loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    hits: Float[Tensor, " n"] = same.gather(1, logits.argmax(1, keepdim=True))
    return loss, hits.mean().item()


def _hard(
    model: CLIPModel, tokenizer: CLIPTokenizer, images: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[Tensor, dict[str, float]]:
    """Crops against all phrases that differ from any of theirs in the kind alone; a quarter as many whole scenes."""
    picked = rng.integers(0, len(images), size)
    drawn = [scenes.sample(int(index)) for index in picked]
    whole = [_scene(images[i], s, rng) for i, s in zip(picked[::4], drawn[::4], strict=True)]
    parts = [_part(images[i], s, rng) for i, s in zip(picked, drawn, strict=True)]
    phrases = [[scenes.phrase([*words, kind]) for kind in scenes.KINDS] for _, words, _ in parts]
    texts = sorted({text for row in phrases for text in row})
    place = torch.tensor([[texts.index(text) for text in row] for row in phrases])
    kind = torch.tensor([scenes.KINDS.index(kind) for _, _, kind in parts])
    tokens = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    crops = as_tensor(np.stack([crop for crop, *_ in parts])).contiguous()
    logits = model(pixel_values=crops, **tokens).logits_per_image
    among = logits.gather(1, place)
    right = place.gather(1, kind[:, None])[:, 0]
    scene_loss, scene_hits = _contrast(model, tokenizer, whole)
    loss = F.cross_entropy(logits, right) + F.cross_entropy(among, kind) + scene_loss / 2
    return loss, {"scenes": scene_hits, "kinds": (among.argmax(1) == kind).float().mean().item()}
