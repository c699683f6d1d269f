"""One setting at a time: the paper's Fig. 6 to 8, and what else can be turned."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..inversion.base import Inversion, Path
from ..inversion.table import INVERSIONS
from ..methods.base import Method
from ..methods.mag_edit import MagEdit
from ..methods.masactrl import MasaCtrl
from ..methods.plug_and_play import PlugAndPlay
from ..methods.prompt_to_prompt import PromptToPrompt
from ..methods.shared.blend import LATE
from ..methods.shared.losses import LOSSES
from ..model.backbone import Backbone
from ..settings import change
from ..task import Task
from ..trace.record import Keep
from ..trace.runner import run
from ..trace.trace import Trace
from .run import Setting

ITERATIONS = (0, 1, 5, 10, 15, 20, 30)  # Fig. 6
SHARES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)  # Fig. 7: tau 50 ... 0 of 50 steps, here the share of guided steps
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
LAMBDAS = (0.0, 1.0, 3.0, 5.0)
AGAINST = (0.0, 0.5, 1.0, 2.0)  # lambda_ng to lambda_p; the development code has 1 and 2.2


def settings(method: MagEdit, inversion: Inversion) -> dict[str, list[Setting]]:
    """Each group turns one setting of `method`, or takes another base or inversion; names are `group=value`."""
    steps, scale = inversion.steps, inversion.guidance_scale
    spatial = replace(method, loss="spatial_ratio")  # whose step is flat: by_sigma is for the token ratio
    bases: dict[str, Method] = {
        "p2p": PromptToPrompt(blend=LATE), "pnp": PlugAndPlay(blend=LATE), "masactrl": MasaCtrl(blend=LATE),
    }  # fmt: skip
    inversions = {
        name: inversion if type(inversion) is type(other) else replace(other, steps=steps, guidance_scale=scale)
        for name, other in INVERSIONS.items()
        if name != "proximal"
    }

    def group(name: str, values: Any, change: Callable[[Any], MagEdit]) -> list[Setting]:
        return [Setting(f"{name}={value}", change(value), inversion) for value in values]

    return {
        "iterations": group("iterations", ITERATIONS, lambda v: replace(method, iterations=v)),
        "guided": group("guided", SHARES, lambda v: replace(method, stop_step=round(v * steps))),
        "loss": group("loss", ("token_ratio", "spatial_ratio"), lambda v: method if v == "token_ratio" else spatial),
        "step": group("step", FACTORS, lambda v: replace(method, step_size=v * method.step_size)),
        "lambda": group("lambda", LAMBDAS, lambda v: replace(spatial, lam=v)),
        "negative": [
            replace(s, negative=True) for s in group("negative", AGAINST, lambda v: replace(method, lambda_ng=v))
        ],
        "base": group("base", bases, lambda v: replace(method, base=bases[v])),
        "inversion": [Setting(f"inversion={name}", method, inverter) for name, inverter in inversions.items()],
    }


def own(method: MagEdit, setting: str, steps: int) -> Any:
    """The method's value of a setting in a run of so many steps, in which no stop step means half of them."""
    return method.stop(steps) if setting == "stop_step" else getattr(method, setting)


def around(method: MagEdit, setting: str, steps: int) -> list[Any]:
    """Values worth comparing of one setting in a run of so many steps, the method's own among them."""
    value = own(method, setting, steps)
    ranges: dict[str, Sequence[Any]] = {
        "iterations": (0, 1, 5, 15), "stop_step": [round(share * steps) for share in (0.0, 0.25, 0.5, 0.75, 1.0)],
        "step_size": [factor * method.step_size for factor in FACTORS], "loss": tuple(LOSSES), "lam": LAMBDAS,
    }  # fmt: skip
    if setting not in ranges:
        raise ValueError(f"expected a setting of {', '.join(ranges)}, got {setting!r}")
    return list(ranges[setting]) if isinstance(value, str) else sorted({*ranges[setting], value})


def varied(method: Method, setting: str, values: Sequence[Any]) -> dict[Any, Method]:
    """The method with one of its settings (a name of `settings.table`) at each value.

    ValueError for no values, a value twice, one that the setting can't have, and `lam` where the loss doesn't read it.
    """
    if not values or len(set(values)) < len(values):
        raise ValueError(f"expected values of {setting}, each once, got {list(values)}")
    if setting == "lam" and getattr(method, "loss", "") == "token_ratio":
        raise ValueError("expected loss='spatial_ratio' to move lam, got 'token_ratio'; Eq. 1 has no lambda")
    return {value: change(method, {setting: value}) for value in values}


def sweep(
    net: Backbone, task: Task, path: Path, method: Method, setting: str, values: Sequence[Any],
    keep: Keep | None = None,
) -> Iterator[tuple[Any, Trace]]:  # fmt: skip
    """Each value with the run that it makes, all from one inversion; `plots.sweep(dict(...), setting)` shows them."""
    for value, variant in varied(method, setting, values).items():
        yield value, run(net, task, path, variant, keep)
