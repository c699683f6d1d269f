"""One setting at a time: the paper's Fig. 6 to 8, and what else can be turned."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .benchmark import Setting
from .blend import MaskBlend
from .edit import Method
from .inversion import DDIM, Direct, Inversion, NegativePrompt, NullText
from .methods.mag_edit import MagEdit
from .methods.masactrl import MasaCtrl
from .methods.plug_and_play import PlugAndPlay
from .methods.prompt_to_prompt import PromptToPrompt

ITERATIONS = (0, 1, 5, 10, 15, 20, 30)  # Fig. 6
SHARES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)  # Fig. 7: tau 50 ... 0 of 50 steps, here the share of guided steps
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
LAMBDAS = (0.0, 1.0, 3.0, 5.0)


def settings(method: MagEdit, inversion: DDIM | NullText) -> dict[str, list[Setting]]:
    """Each group turns one setting of `method`, or takes another base or inversion; names are `group=value`."""
    steps, scale = inversion.steps, inversion.guidance_scale
    spatial = replace(method, loss="spatial_ratio", step_size=_spatial_step(method))
    blend = MaskBlend(start=0.7, grow=1)
    bases: dict[str, Method] = {"p2p": PromptToPrompt(blend=blend), "pnp": PlugAndPlay(), "masactrl": MasaCtrl()}
    inversions: dict[str, Inversion] = {
        "null-text": inversion, "ddim": DDIM(steps, scale), "negative-prompt": NegativePrompt(steps, scale),
        "direct": Direct(steps, scale),
    }  # fmt: skip

    def group(name: str, values: Any, change: Callable[[Any], MagEdit]) -> list[Setting]:
        return [Setting(f"{name}={value}", change(value), inversion) for value in values]

    return {
        "iterations": group("iterations", ITERATIONS, lambda v: replace(method, iterations=v)),
        "guided": group("guided", SHARES, lambda v: replace(method, stop_step=round(v * steps))),
        "loss": group("loss", ("token_ratio", "spatial_ratio"), lambda v: method if v == "token_ratio" else spatial),
        "step": group("step", FACTORS, lambda v: replace(method, step_size=v * method.step_size)),
        "lambda": group("lambda", LAMBDAS, lambda v: replace(spatial, lam=v)),
        "base": group("base", bases, lambda v: replace(method, base=bases[v])),
        "inversion": [Setting(f"inversion={name}", method, way) for name, way in inversions.items()],
    }


def _spatial_step(method: MagEdit) -> float:
    """The spatial ratio's step is flat, without sigma_t, so the token ratio's cannot serve; the dev code's 2.5 scaled
    by how far `method` is from the token ratio's published 2.5."""
    return 2.5 * method.step_size / MagEdit().step_size
