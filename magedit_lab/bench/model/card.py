"""The shipped models' cards: what they were trained on, what they score, and 32 pictures that nobody chose."""

import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from ... import files
from ...model.backbone import Backbone
from .. import demo
from .measures import full_caption, generate, held_out
from .targets import Score

SHEET = 32
PARTS = ("vae", "vae-decoder", "decoder", "diffusion", "clip", "clip-hard")  # that were trained for some steps


def write_sheet(net: Backbone, out: Path) -> None:
    """`contact-sheet.png`: 32 uncurated generations with their captions."""
    captions = [full_caption(seed) for seed in held_out(net, SHEET)]
    sheet = contact_sheet(generate(net, captions, demo.Demo().guidance_scale), captions)
    files.write(out / "contact-sheet.png", lambda p: sheet.save(p, format="PNG", optimize=True))


CARD = """# tabletop

A Stable Diffusion in miniature for teaching: coloured objects on a table, {size}x{size}. The classes are those of
Stable Diffusion 1 (`AutoencoderKL`, `CLIPTextModel`, `CLIPTokenizer`, `UNet2DConditionModel`, `DDIMScheduler`), so
`diffusers.StableDiffusionPipeline.from_pretrained` loads this folder unchanged. Apache-2.0, weights in float16.

- **Data**: {pictures:,} scenes of `magedit_lab.scenes`, seeds from 0, rendered by us, each with a counterpart in which
  one attribute of one object is another; captions drawn anew at each step. Seeds from 10,000,000 on are held out.
- **Autoencoder**: 4 channels at 32x32. Three are taught to be the mean brightness, red-green and blue-yellow of a
  patch, the fourth is free for detail. {vae}, then the decoder
  alone, {vae-decoder}, and {decoder} on latents with noise, as a sampler's are
  (`magedit-lab train decoder --preset tabletop`).
- **U-Net and text encoder** (text layers: {text_layers}), trained together: {crop_steps:,} steps of {crop_batch} crops
  around an object, then whole scenes, {scene_batch} at a time, and crops again at one step in {crop_every}. AdamW,
  v-prediction, Stable Diffusion's noise schedule, bfloat16, running average of the weights, 10 % empty captions.
  {diffusion}.
- **Words enter at five sites of 16x16**, as many as Stable Diffusion 1 has of that size, and nowhere else: what a map
  shows is all that a word can do.

## Attention was taught

Stable Diffusion's never was. What works here may need another step size there.

- **Where words belong**: the exact masks are known, so a small loss (weight {grounding}) ties each word's attention to
  its own object, until {share:.0%} of it lies there.
- **That words count**: {contrary:.0%} of the captions are about the counterpart of what the noise shows, so that a word
  can overrule the picture while the noise leaves it in doubt. That is how an edit begins.
- **That attention causes**: in {boosted:.0%} of these, and in {told_twice:.0%} of the others, the attention of one word
  is multiplied inside its object, by a factor between {factors[0]:g} and {factors[1]:g}, as Prompt-to-Prompt
  re-weights. With look-alikes that the caption doesn't tell apart, nothing else says which of them is meant.

Machine: {machine}. Made by `magedit-lab train`{note}
{compared}
## Scores

By the measures of `magedit-lab bench model`, on as many held-out scenes as a row says, judged by `tabletop-clip`.

{scores}

![32 generations with their captions, not selected](contact-sheet.png)
"""
CLIP_CARD = """# tabletop-clip

A small `CLIPModel` for table-top pictures, 128x128, so that CLIP scores run offline by the same code as with a real
CLIP. Trained contrastively on whole scenes with their captions and on crops of single objects with their phrases,
equal texts counting as equally right: {clip}, {clip_batch} scenes and {clip_batch} crops a step. Then crops against
the same phrase with every other kind of object, since colours alone tell most objects of a batch apart: {clip-hard}.
{machine}. Apache-2.0, weights in float16{note} It judges this
little world only, and its numbers do not compare with those of another CLIP.

## Scores

{scores}
"""


def write_card(model: Path, clip: Path, scores: Sequence[Score]) -> None:
    """README.md of both models, from their `training.json` and the scores."""
    facts = json.loads((model / "training.json").read_text(encoding="utf-8"))
    ran = {part: f"{v['steps']:,} steps in {_time(float(v['seconds']))}" for part, v in facts.items() if part in PARTS}
    note = f"; {facts['note']}" if "note" in facts else "."
    compared = f"\n## Compared on a small budget\n\n{facts['compared']}\n" if "compared" in facts else ""
    values = {**facts["plan"], "vae-decoder": "0 steps", "decoder": "0 steps", **ran, "machine": facts["machine"]}
    own = [s for s in scores if s.name.startswith(("image-to-caption", "single objects"))]
    for folder, text, some in ((model, CARD, scores), (clip, CLIP_CARD, own)):
        page = text.format(scores=table(some), note=note, compared=compared, **values)
        files.write_text(folder / "README.md", page)


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"


def table(scores: Sequence[Score]) -> str:
    """The bars as a Markdown table."""
    lines = ["| measure | value | least | aim | reached |", "|---|---|---|---|---|"]
    lines += [f"| {s.name} ({s.note}) | {s.value:.3g} | {s.least:g} | {s.aim:g} | {s.reached} |" for s in scores]
    return "\n".join(lines)


def contact_sheet(pictures: Sequence[Image.Image], captions: Sequence[str], columns: int = 8) -> Image.Image:
    """Pictures in rows, each above its caption."""
    cell, text = 136, 60
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * cell, rows * (cell + text)), "white")
    pen = ImageDraw.Draw(sheet)
    for i, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        x, y = i % columns * cell, i // columns * (cell + text)
        sheet.paste(picture.resize((128, 128), Image.Resampling.LANCZOS), (x + 4, y + 4))
        pen.multiline_text((x + 4, y + 134), _wrapped(caption, pen, 128), fill="black", font_size=9, spacing=1)
    return sheet.quantize(256, dither=Image.Dither.NONE)


def _wrapped(text: str, pen: ImageDraw.ImageDraw, width: int) -> str:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if pen.textlength(longer, font_size=9) <= width else [*lines, word]
    return "\n".join(lines)
