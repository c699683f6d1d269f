"""The stages of a run, and a strip of pictures: the picture dissolving into noise, then coming out of it."""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from ..shared import images
from .watched import Watched

FRAMES = 8  # of each half of the strip
SIDE = 112  # pixels of a frame
INVERTING, NUDGING, DENOISING = "inverting", "nudging", "denoising"


class Progress:
    """What `LiveRun` has come through. stage: inverting, nudging, denoising, or "" where nothing runs.

    inverted: done and of, in the inversion's own count. nudges: how many each step has, as planned. step, nudge: those
    under way. film: frames of stage, text and a small JPEG, at most twice FRAMES.
    """

    def __init__(self, nudges: Sequence[int] = ()) -> None:
        self.stage, self.inverted, self.nudges = "", (0, 1), list(nudges)
        self.step = self.nudge = 0
        self.film: list[dict[str, Any]] = []

    def line(self) -> dict[str, Any]:
        """What the browser draws as a time line."""
        return {
            "stage": self.stage, "inverted": list(self.inverted), "nudges": self.nudges,
            "step": self.step, "nudge": self.nudge,
        }  # fmt: skip

    def inverting(self, net: Watched, done: int, of: int) -> Image.Image | None:
        """A picture of the latent under way, where it is time for one."""
        self.stage, self.inverted = INVERTING, (done, of)
        if not net.latest or not self._due(INVERTING, done, of):
            return None
        with torch.no_grad():
            picture = net.decode(net.latest[0][-1:])
        self._add(INVERTING, f"inversion, {done} of {of}", picture)
        return picture

    def nudged(self, step: int) -> None:
        """One more nudge of a step."""
        again = self.stage == NUDGING and self.step == step
        self.nudge = self.nudge + 1 if again else 1
        self.stage, self.step = NUDGING, step

    def stepped(self, step: int, picture: Image.Image | None) -> None:
        """A step was made; `picture` is what it foresees."""
        self.stage, self.step, self.nudge = DENOISING, step, 0
        if picture and self._due(DENOISING, step + 1, len(self.nudges)):
            self._add(DENOISING, f"step {step}", picture)

    def ended(self) -> None:
        """Nothing runs."""
        self.stage = ""

    def _due(self, stage: str, done: int, of: int) -> bool:
        """Whether the next of FRAMES equal parts has begun."""
        have = sum(frame["stage"] == stage for frame in self.film)
        return have < FRAMES and done * FRAMES >= of * (have + 1)

    def _add(self, stage: str, text: str, picture: Image.Image) -> None:
        frame = {"stage": stage, "text": text, "picture": images.jpeg(picture, SIDE)}
        self.film = [*self.film, frame]
