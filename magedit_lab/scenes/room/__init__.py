"""A living room: scenes by sphere tracing, with exact masks, captions and ideal edits."""

from .captions import VOCABULARY, Owner, article, describe, phrase, sentence, unknown_words, written
from .edits import edited, part_edited, removed
from .kinds import KINDS, REPLACEMENTS
from .layouts import LAYOUTS, sample
from .scene import Scene
from .shading import render, shade, shade_many
from .things import CHOICES, COLOURS, FINISHES, GROUNDS, HELD_OUT, SIZE, WALLS, Camera, Thing, own_parts
from .tracing import Geometry, trace, trace_many

__all__ = [
    "CHOICES", "COLOURS", "FINISHES", "GROUNDS", "HELD_OUT", "KINDS", "LAYOUTS", "REPLACEMENTS", "SIZE", "VOCABULARY",
    "WALLS", "Camera", "Geometry", "Owner", "Scene", "Thing", "article", "describe", "edited", "own_parts",
    "part_edited", "phrase", "removed", "render", "sample", "sentence", "shade", "shade_many", "trace", "trace_many",
    "unknown_words", "written",
]  # fmt: skip
