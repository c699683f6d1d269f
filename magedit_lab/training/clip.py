"""A small CLIP that judges table-top pictures: scenes with their captions, and single objects with their phrases."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from transformers import BatchEncoding, CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPProcessor, CLIPTokenizer

from .. import scenes
from .data import Drawn, as_tensor, dice, sampled
from .parts import new_tokenizer
from .plan import Plan
from .run import Run, device, schedule, steps

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


def train_clip(out: Path, plan: Plan) -> Generator[dict[str, float | Tensor]]:
    """Contrastive training; each batch is half scenes with captions, half crops of one object, each half on its own.

    Colours tell most objects of a batch apart, so that kinds are hardly learnt: the last steps set each crop's phrase
    against the same phrase with every other kind.
    """
    torch.manual_seed(plan.seed)
    tokenizer = new_tokenizer()
    images = Drawn(out / "data", plan.pictures, "images")
    model = CLIPModel.from_pretrained(_beside(plan.start), dtype=torch.float32) if plan.start else new_clip(tokenizer)
    model.to(device()).train()
    run = Run(out / "clip.safetensors", [model], plan.clip_rate, 0.995)
    mixed = Mixed(images, tokenizer, plan.clip_batch)
    with closing(steps(run, plan.clip_steps, mixed, plan.workers)) as taught:
        for _, halves, _ in taught:
            results = [_contrast(model, half) for half in halves]
            run.update(results[0][0] + results[1][0], schedule(run.step, plan.clip_steps))
            yield {"step": run.step, "scenes": results[0][1], "objects": results[1][1], "seconds": run.seconds}
    run.averaged()

    run = Run(out / "clip-hard.safetensors", [model], plan.clip_hard_rate, 0.99)
    hard = Hard(images, tokenizer, plan.clip_hard_batch)
    with closing(steps(run, plan.clip_hard_steps, hard, plan.workers)) as taught:
        for _, (crops, whole), _ in taught:
            loss, row = _hard(model, crops, whole)
            run.update(loss, schedule(run.step, plan.clip_hard_steps, warm=30, decay=0.6))
            yield {"step": plan.clip_steps + run.step, **row, "seconds": run.seconds}
    run.averaged()
    model.cpu().half().save_pretrained(out / "tabletop-clip", safe_serialization=True)
    new_processor(tokenizer).save_pretrained(out / "tabletop-clip")


def _beside(model: str) -> Path:
    return Path(model).with_name(f"{Path(model).name}-clip")


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


@dataclass(frozen=True)
class Pairs:
    """Pictures and texts as tokens; `same` is 1 where a picture has a text. Crops know which texts differ from theirs
    in the kind alone (`rivals`), and which of these is right (`kind`)."""

    images: UInt8[np.ndarray, "n h w 3"]
    tokens: BatchEncoding
    same: Float[Tensor, "n texts"]
    rivals: Int[Tensor, "n kinds"] | None = None
    kind: Int[Tensor, " n"] | None = None

    @classmethod
    def of(cls, tokenizer: CLIPTokenizer, pairs: list[Pair]) -> "Pairs":
        texts = [text for _, text in pairs]
        same = torch.tensor([[float(a == b) for b in texts] for a in texts])
        return cls(np.stack([image for image, _ in pairs]), _tokens(tokenizer, texts), same)


def _tokens(tokenizer: CLIPTokenizer, texts: list[str]) -> BatchEncoding:
    return tokenizer(texts, padding=True, truncation=True, return_tensors="pt")


@dataclass(frozen=True)
class _Lessons(Dataset):
    """Pictures to choose from, and how many a step shows."""

    images: Drawn
    tokenizer: CLIPTokenizer
    batch: int

    def picked(self, rng: np.random.Generator, count: int) -> list[int]:
        return [int(i) for i in rng.integers(0, len(self.images), count)]


class Mixed(_Lessons):
    """As many scenes with their captions as crops with their phrases."""

    def __getitem__(self, step: int) -> tuple[Pairs, Pairs]:
        rng = dice(step)
        picked = self.picked(rng, 2 * self.batch)
        whole = [_scene(self.images[i], sampled(i), rng) for i in picked[::2]]
        part = [_object(self.images[i], sampled(i), rng) for i in picked[1::2]]
        return Pairs.of(self.tokenizer, whole), Pairs.of(self.tokenizer, part)


class Hard(_Lessons):
    """Crops with all phrases that differ from any of theirs in the kind alone; a quarter as many whole scenes."""

    def __getitem__(self, step: int) -> tuple[Pairs, Pairs]:
        rng = dice(step)
        picked = self.picked(rng, self.batch)
        whole = [_scene(self.images[i], sampled(i), rng) for i in picked[::4]]
        parts = [_part(self.images[i], sampled(i), rng) for i in picked]
        phrases = [[scenes.phrase([*words, kind]) for kind in scenes.KINDS] for _, words, _ in parts]
        texts = sorted({text for row in phrases for text in row})
        place = {text: number for number, text in enumerate(texts)}
        rivals = torch.tensor([[place[text] for text in row] for row in phrases])
        kind = torch.tensor([scenes.KINDS.index(kind) for _, _, kind in parts])
        same = F.one_hot(rivals.gather(1, kind[:, None])[:, 0], len(texts)).float()
        crops = np.stack([crop for crop, *_ in parts])
        return Pairs(crops, _tokens(self.tokenizer, texts), same, rivals, kind), Pairs.of(self.tokenizer, whole)


def _logits(model: CLIPModel, pairs: Pairs) -> Float[Tensor, "n texts"]:
    pixels, tokens = as_tensor(pairs.images, device()).contiguous(), pairs.tokens.to(device())
    with torch.autocast(device().type, torch.bfloat16, enabled=device().type == "cuda"):
        found = model(pixel_values=pixels, **tokens)
    return found.logits_per_image.float()


def _contrast(model: CLIPModel, pairs: Pairs) -> tuple[Tensor, Tensor]:
    """CLIP's symmetric loss, in which equal texts are equally right, and the share of pictures that find their text."""
    logits, same = _logits(model, pairs), pairs.same.to(device())
    target = same / same.sum(1, keepdim=True)
    loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    return loss, same.gather(1, logits.argmax(1, keepdim=True)).mean()


def _hard(model: CLIPModel, crops: Pairs, whole: Pairs) -> tuple[Tensor, dict[str, Tensor]]:
    """Each crop against the phrases of all crops with all kinds, and once more against its own phrase's kinds."""
    assert crops.rivals is not None
    assert crops.kind is not None
    logits, kind = _logits(model, crops), crops.kind.to(device())
    among = logits.gather(1, crops.rivals.to(device()))
    scene_loss, scene_hits = _contrast(model, whole)
    loss = F.cross_entropy(logits, crops.same.to(device())) + F.cross_entropy(among, kind) + scene_loss / 2
    return loss, {"scenes": scene_hits, "kinds": (among.argmax(1) == kind).float().mean()}
