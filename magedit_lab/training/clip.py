"""A small CLIP that judges pictures of rooms: whole ones with their captions, and single things with their phrases."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from jaxtyping import Float, Int
from torch import Tensor
from transformers import CLIPConfig, CLIPModel, CLIPProcessor

from ..scenes import room
from .captions import Vocabulary
from .colourings import coloured
from .data import Drawn, dice
from .parts import new_tokenizer
from .plan import Plan
from .pretrained import take_words
from .run import Run, device, schedule, steps
from .tokenizer import CLIPTokenizer

SIDE = 128  # pixels that the model sees
KINDS = tuple(room.KINDS)
DROPS = (0.0, 0.1, 0.3)


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
    kind = getattr(transformers, "CLIPImageProcessorPil", None) or transformers.CLIPImageProcessor  # before 5
    images = kind(size=size, do_center_crop=False, image_mean=half, image_std=half)
    return CLIPProcessor(images, tokenizer)


def train_clip(out: Path, plan: Plan) -> Generator[dict[str, float | Tensor]]:
    """Contrastive training; each batch is half scenes with captions, half crops of one thing, each half on its own.

    Colours tell most things of a batch apart, so that kinds are hardly learnt: the last steps set each crop's phrase
    against the same phrase with every other kind.
    """
    torch.manual_seed(plan.seed)
    tokenizer = new_tokenizer()
    model = new_clip(tokenizer)
    if plan.start:
        beside = Path(plan.start).with_name(f"{Path(plan.start).name}-clip")
        print(f"CLIP: {take_words(model, tokenizer, beside, beside)}", flush=True)
    model.to(device()).train()
    drawn = Drawn(out / "data", plan)
    shower = Shower(drawn, drawn.boxes().numpy(), Vocabulary(tokenizer), plan)
    run = Run(out / "clip.safetensors", [model], plan.clip_rate, 0.995)
    with closing(steps(run, plan.clip_steps, shower.mixed, plan.every)) as batches:
        for _, halves, _ in batches:
            (loss, scenes), (other, things) = (_contrast(model, half) for half in halves)
            run.update(loss + other, schedule(run.step, plan.clip_steps))
            yield {"step": run.step, "scenes": scenes, "things": things, "seconds": run.seconds}
    run.averaged()

    run = Run(out / "clip-hard.safetensors", [model], plan.clip_hard_rate, 0.99)
    with closing(steps(run, plan.clip_hard_steps, shower.hard, plan.every)) as batches:
        for _, (crops, whole), _ in batches:
            loss, row = _hard(model, crops, whole)
            run.update(loss, schedule(run.step, plan.clip_hard_steps, warm=30, decay=0.6))
            yield {"step": plan.clip_steps + run.step, **row, "seconds": run.seconds}
    run.averaged()
    model.cpu().half().save_pretrained(out / "room-clip", safe_serialization=True)
    new_processor(tokenizer).save_pretrained(out / "room-clip")


@dataclass(frozen=True)
class Pairs:
    """Pictures, texts, and 1 where a picture has a text. Crops know which texts differ from theirs in the kind alone
    (`rivals`), and which of these is right (`kind`)."""

    images: Float[Tensor, "n 3 h w"]
    ids: Int[Tensor, "texts tokens"]
    same: Float[Tensor, "n texts"]
    rivals: Int[Tensor, "n kinds"] | None = None
    kind: Int[Tensor, " n"] | None = None


@dataclass(frozen=True)
class Shower:
    """What each step shows, made where the pictures lie."""

    drawn: Drawn
    boxes: Float[np.ndarray, "rooms things 4"]
    vocabulary: Vocabulary
    plan: Plan

    def mixed(self, step: int) -> tuple[Pairs, Pairs]:
        """As many scenes with their captions as crops with their phrases."""
        rng, count = dice(step), self.plan.clip_batch
        return self._scenes(rng, count), self._paired(*self._crops(rng, count))

    def hard(self, step: int) -> tuple[Pairs, Pairs]:
        """Crops with all phrases that differ from any of theirs in the kind alone; a quarter as many whole scenes."""
        rng, count = dice(step), self.plan.clip_hard_batch
        images, things = self._crops(rng, count)
        phrases = [[room.phrase([*words, kind]) for kind in KINDS] for *words, _ in things]
        texts = sorted({text for row in phrases for text in row})
        place = {text: number for number, text in enumerate(texts)}
        rivals = torch.tensor([[place[text] for text in row] for row in phrases])
        kind = torch.tensor([KINDS.index(words[-1]) for words in things])
        same = F.one_hot(rivals.gather(1, kind[:, None])[:, 0], len(texts)).float()
        there = [x.to(images.device) for x in (self._ids(texts), same, rivals, kind)]
        return Pairs(images, *there), self._scenes(rng, max(count // 4, 1))

    def _scenes(self, rng: np.random.Generator, count: int) -> Pairs:
        rows = rng.integers(0, len(self.drawn), count)
        scenes = [coloured(*divmod(int(i), self.plan.colourings)) for i in rows]
        captions = [room.describe(scene, rng, float(rng.choice(DROPS))) for scene in scenes]
        return self._texted(
            _resized(self.drawn.images(rows)), [room.written(w for w, _ in words) for words in captions]
        )

    def _crops(self, rng: np.random.Generator, count: int) -> tuple[Tensor, list[list[str]]]:
        """Squares around one thing each, a little loose and shifted, and its words or some of them, the kind last."""
        rows, crops, things = rng.integers(0, len(self.drawn), count), [], []
        images = self.drawn.images(rows)
        for image, i in zip(images, rows.tolist(), strict=True):
            scene, boxes = coloured(*divmod(i, self.plan.colourings)), self.boxes[i // self.plan.colourings]
            chosen = int(rng.integers(len(scene.things)))
            *words, kind = scene.things[chosen].words
            things.append([*(word for word in words if rng.random() > 0.15), kind])
            top, left, bottom, right = square(boxes[chosen], image.shape[-1], rng)
            crops.append(_resized(image[None, :, top:bottom, left:right]))
        return torch.cat(crops), things

    def _paired(self, images: Tensor, things: list[list[str]]) -> Pairs:
        return self._texted(images, [room.phrase(words) for words in things])

    def _texted(self, images: Tensor, texts: list[str]) -> Pairs:
        same = torch.tensor([[float(a == b) for b in texts] for a in texts])
        return Pairs(images, self._ids(texts).to(images.device), same.to(images.device))

    def _ids(self, texts: Sequence[str]) -> Int[Tensor, "texts tokens"]:
        """Tokens, as long as the longest text."""
        words = [text.replace(",", " ,").split() for text in texts]
        longest = min(max(map(len, words)) + 2, 77)
        return torch.tensor([self.vocabulary.ids(some)[:longest] for some in words])


def square(box: Float[np.ndarray, " 4"], side: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Top, left, bottom, right in pixels of a square around a box of 0 to 1, as large as its longer side and up to
    half as large again, moved by up to a tenth, within the picture."""
    top, left, bottom, right = box.tolist()
    wide = min(max(bottom - top, right - left, 8 / side) * rng.uniform(1.0, 1.5), 1.0)
    y, x = np.array([top + bottom, left + right]) / 2 + rng.uniform(-0.1, 0.1, 2) * wide
    y, x = (min(max(float(v), wide / 2), 1 - wide / 2) for v in (y, x))
    first = [round((v - wide / 2) * side) for v in (y, x)]
    last = [round((v + wide / 2) * side) for v in (y, x)]
    return first[0], first[1], last[0], last[1]


def _resized(images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 side side"]:
    """As PIL's bicubic does, but for rounding to bytes."""
    return F.interpolate(images, (SIDE, SIDE), mode="bicubic", antialias=True).clamp(-1, 1).contiguous()


def _logits(model: CLIPModel, pairs: Pairs) -> Float[Tensor, "n texts"]:
    with torch.autocast(device().type, torch.bfloat16, enabled=device().type == "cuda"):
        output = model(pixel_values=pairs.images, input_ids=pairs.ids)
    return output.logits_per_image.float()


def _contrast(model: CLIPModel, pairs: Pairs) -> tuple[Tensor, Tensor]:
    """CLIP's symmetric loss, in which equal texts are equally right, and the share of pictures that find their text."""
    logits, same = _logits(model, pairs), pairs.same
    target = same / same.sum(1, keepdim=True)
    loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    return loss, same.gather(1, logits.argmax(1, keepdim=True)).mean()


def _hard(model: CLIPModel, crops: Pairs, whole: Pairs) -> tuple[Tensor, dict[str, Tensor]]:
    """Each crop against the phrases of all crops with all kinds, and once more against its own phrase's kinds."""
    assert crops.rivals is not None
    assert crops.kind is not None
    logits = _logits(model, crops)
    among = logits.gather(1, crops.rivals)
    scene_loss, scene_hits = _contrast(model, whole)
    loss = F.cross_entropy(logits, crops.same) + F.cross_entropy(among, crops.kind) + scene_loss / 2
    return loss, {"scenes": scene_hits, "kinds": (among.argmax(1) == crops.kind).float().mean()}
