"""magedit_lab: attention-guided image editing, one inspectable step at a time (MAG-Edit, ACM MM 2024)."""

from . import (
    ablations,
    applications,
    attention,
    backbone,
    curves,
    ddim,
    demo,
    grow,
    leaderboard,
    losses,
    masks,
    metrics,
    plots,
    prompts,
    regions,
    scenes,
    scores,
    settings,
    strokes,
    taps,
    words,
)  # fmt: skip
from .backbone import Backbone
from .blend import LocalBlend, MaskBlend
from .edit import Hooks, Method, Now, Nudge, Step, edit
from .inversion import DDIM, INVERSIONS, Direct, Inversion, NegativePrompt, NullText, Path, Proximal, invert
from .methods import METHODS
from .methods.mag_edit import MagEdit
from .methods.prompt_to_prompt import PromptToPrompt
from .rehearsal import rehearse
from .task import Goal, Task
from .trace import Keep, Trace, run

__all__ = [
    "DDIM", "INVERSIONS", "METHODS", "Backbone", "Direct", "Goal", "Hooks", "Inversion", "Keep", "LocalBlend",
    "MagEdit", "MaskBlend", "Method", "NegativePrompt", "Now", "Nudge", "NullText", "Path", "PromptToPrompt",
    "Proximal", "Step", "Task", "Trace", "ablations", "applications", "attention", "backbone", "curves", "ddim",
    "demo", "edit", "grow", "invert", "leaderboard", "losses", "masks", "metrics", "plots", "prompts", "regions",
    "rehearse", "run", "scenes", "scores", "settings", "strokes", "taps", "words",
]  # fmt: skip
