"""The first thing that the site shows: an edit happening, step by step, with no script."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

import magedit_lab as mag

SIDE, FRAMES = 320, 16


@dataclass(frozen=True)
class Hero:
    """source: the picture with its mask outlined; strip: `count` frames one below the other, from noise to result. Both
    are addresses that hold the picture."""

    source: str
    strip: str
    count: int
    task: mag.Task
    words: str


def hero(trace: mag.Trace) -> Hero:
    """An edit as frames that each step foresees; ValueError for a trace without previews or without a result."""
    if not trace.previews or trace.result is None:
        raise ValueError("expected a finished trace with previews, got one without; run it with Keep(previews=True)")
    places = np.linspace(0, len(trace.times) - 1, min(FRAMES, len(trace.times))).round().astype(int)
    frames = [*(trace.preview(int(i)) for i in places), trace.result]
    strip = Image.new("RGB", (SIDE, SIDE * len(frames)))
    for i, frame in enumerate(frames):
        strip.paste(frame.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS), (0, i * SIDE))
    task, words = trace.task, " and ".join(f"“{word}”" for word in trace.task.words)
    return Hero(address(outlined(task)), address(strip, 78), len(frames), task, words)


def outlined(task: mag.Task) -> Image.Image:
    """The task's picture with a white line, edged dark, around its mask."""
    picture = task.image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    mask = Image.fromarray((task.region.numpy() >= 0.5).astype(np.uint8) * 255).resize((SIDE, SIDE))
    wide, line = (np.asarray(mask.filter(ImageFilter.MaxFilter(size))) for size in (9, 5))
    pixels, inside = np.array(picture), np.asarray(mask)
    pixels[(wide > 127) & (inside <= 127)] = 32
    pixels[(line > 127) & (inside <= 127)] = 255
    return Image.fromarray(pixels)


def address(picture: Image.Image, quality: int = 88) -> str:
    """A picture as an address that holds it, as a JPEG."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
