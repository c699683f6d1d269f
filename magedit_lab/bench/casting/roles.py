"""What a scene must show to be chosen: each role's edits, its criterion in words, and the same as a number."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ...methods.base import Method
from ...methods.prompt_to_prompt import PromptToPrompt
from ...methods.table import METHODS
from ..demo import Demo
from .take import Take

VISIBLE = 0.05  # root mean square difference inside the mask, of 1, that an eye sees at once
Takes = Mapping[str, Take]


@dataclass(frozen=True)
class Role:
    """criterion: what must hold, in words. margin: how far it holds; above 0 it does, and the largest is chosen.

    change, complex_scene: the kind of edit among which to choose.
    """

    criterion: str
    methods: Mapping[str, Method]
    margin: Callable[[Takes], float]
    change: str = "colour"
    complex_scene: bool = True


def apart(takes: Takes, names: Sequence[str]) -> float:
    """The smallest difference between neighbours, above what is visible."""
    return min(takes[a].difference(takes[b]) for a, b in pairwise(names)) - VISIBLE


def leak(takes: Takes) -> float:
    """By how much MAG-Edit is nearer to the ideal than both others, if it alone succeeds and keeps the shape."""
    mag, others = takes["MAG-Edit"], [takes["P2P"], takes["P2P+Mask"]]
    lead = min(other.scores["ideal"] for other in others) - mag.scores["ideal"] - VISIBLE
    alone = mag.scores["success"] and not any(other.scores["success"] for other in others)
    return lead if alone else -1.0 + lead


def steady(takes: Takes) -> float:
    """Visible difference of two losses, and the token ratio's structure nearer to the source."""
    token, spatial = takes["token ratio"], takes["spatial ratio"]
    gain = spatial.scores["structure"] - token.scores["structure"]
    seen = token.difference(spatial) - VISIBLE
    return min(seen, gain) if seen > 0 and gain > 0 else min(seen, gain, 0.0)


GUIDED = Demo().guided
COUNTS = (0, 1, 3, 9, 15)
NUDGES = {f"{n} nudges": replace(GUIDED, iterations=n) for n in COUNTS}
STOPS = {"20 %": 0.2, "50 %": 0.5, "100 %": 1.0}
KEPT = {"never": 0.0, "published": 0.8, "always": 1.0}


def stops(steps: int) -> dict[str, Method]:
    """Guided in the first fifth of the steps, in half, and in all."""
    return {name: replace(GUIDED, stop_step=round(share * steps)) for name, share in STOPS.items()}


def injected(cross: float) -> PromptToPrompt:
    return PromptToPrompt(cross_replace=cross, self_replace={0.8: 0.5}.get(cross, cross), blend=None)


def roles(steps: int = 10) -> dict[str, Role]:
    """The roles of the course, for runs of so many steps."""
    return {
        "leak": Role(
            "MAG-Edit succeeds, P2P and P2P with a mask do not; the largest lead in error to the ideal edit",
            {"P2P": PromptToPrompt(), "P2P+Mask": METHODS["p2p+mask"], "MAG-Edit": GUIDED},
            leak,
        ),
        "nudges": Role(
            f"{', '.join(map(str, COUNTS))} nudges give neighbours that differ visibly",
            NUDGES,
            lambda takes: apart(takes, list(NUDGES)),
        ),
        "late": Role(
            "guidance in the first fifth, in half and in all steps differ visibly",
            stops(steps),
            lambda takes: apart(takes, list(STOPS)),
            change="texture",
        ),
        "loss": Role(
            "token and spatial ratio differ visibly, and the spatial ratio moves the structure further",
            {"token ratio": GUIDED, "spatial ratio": replace(GUIDED, loss="spatial_ratio", by_sigma=True)},
            steady,
            change="texture",
        ),
        "keep": Role(
            "attention injected never, as published and always differ visibly",
            {name: injected(share) for name, share in KEPT.items()},
            lambda takes: apart(takes, list(KEPT)),
            change="object",
            complex_scene=False,
        ),
    }


ROLES = roles()
