"""What survives of a step: small arrays on the CPU."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .backbone import Backbone, Latent
from .edit import Maps, Step
from .masks import to_cells


@dataclass(frozen=True)
class Keep:
    """What survives of each step. Losses and gradient sizes always do.

    attention: the target's and source's maps, mean over heads and guided sites, and the sum of the padding's.
    nudges: the same after injection at a step's first and last nudge, and the edit words' at every nudge.
    gradients: a map of the gradient's size for each nudge, and for each term where a nudge has them apart.
    previews: decoded x0.
    heads: where attention is kept, also the edit words' maps of the target by site and head.
    reconstruction: the source branch's picture, decoded at the last step.
    """

    attention: bool = True
    nudges: bool = True
    gradients: bool = True
    previews: bool = True
    heads: bool = True
    reconstruction: bool = True


SCORED = Keep(False, False, False, False, False, False)  # for runs of which the result alone is judged


@dataclass(frozen=True)
class Columns:
    """How many tokens the prompts have, start and end included, and where the edit words' are in the target."""

    target: int
    source: int
    edited: tuple[int, ...]


def row(net: Backbone, step: Step, keep: Keep, columns: Columns, cells: tuple[int, int]) -> dict[str, np.ndarray]:
    """All that is kept of one step, by name; `cells` are height and width of the guided sites."""
    found = _sizes(step)
    if keep.attention:
        found["target_attention"] = heat(step.target_maps, columns.target, cells)
        if step.source_maps:
            found["source_attention"] = heat(step.source_maps, columns.source, cells)
        if keep.heads:
            found |= {f"heads.{i}": _heads(m, columns.edited, cells) for i, m in enumerate(step.target_maps.values())}
    if keep.nudges and step.nudges:
        ends = (step.nudges[0], step.nudges[-1])
        found["nudge_attention"] = np.stack([heat(n.maps, columns.target, cells) for n in ends])
        found["inner_attention"] = np.stack([_mean(n.maps, columns.edited, cells) for n in step.nudges])
    if keep.gradients and step.nudges:
        found["gradient_maps"] = _maps([_size(n.gradient) for n in step.nudges])
        if step.nudges[0].parts:
            terms = [torch.stack([_size(part) for part in n.parts.values()]) for n in step.nudges]
            found["term_maps"] = _maps(terms)
    if keep.previews:
        found["preview"] = np.asarray(net.decode(step.x0))
    return found


def _sizes(step: Step) -> dict[str, np.ndarray]:
    mask = to_cells(step.now.task.region, *step.target.shape[-2:]).to(step.target.device)
    sizes = [n.size(mask) for n in step.nudges]
    terms = [[n.size(mask, term) for term in n.parts] for n in step.nudges]
    parts = {"term_sizes": np.array(terms)} if any(terms) else {}
    return {
        "loss": np.array([n.loss for n in step.nudges]),
        "inside": np.array([s[0] for s in sizes]),
        "outside": np.array([s[1] for s in sizes]),
        "step_size": np.array([n.step_size for n in step.nudges]),
        "moved": np.array([n.update.norm().item() for n in step.nudges]),
        **parts,
    }


def _size(gradient: Latent) -> Float[Tensor, "h w"]:
    """Root mean square over the latent's channels, at each cell."""
    return gradient[0].square().mean(0).sqrt()


def _maps(sizes: Sequence[Tensor]) -> Float[np.ndarray, "nudges *terms h w"]:
    return torch.stack(list(sizes)).cpu().numpy().astype(np.float32)


def heat(maps: Maps, tokens: int, cells: tuple[int, int]) -> Float[np.ndarray, "planes h w"]:
    """A map for each token, mean over heads and sites; one more for the padding behind the end token, summed."""
    mean = torch.stack([m[0].float().mean(0) for m in maps.values()]).mean(0)
    planes = torch.cat([mean[:, :tokens], mean[:, tokens:].sum(-1, keepdim=True)], 1)
    return _planes(planes.T, cells)


def _mean(maps: Maps, columns: Sequence[int], cells: tuple[int, int]) -> Float[np.ndarray, "columns h w"]:
    return _planes(torch.stack([m[0, ..., list(columns)].float().mean(0) for m in maps.values()]).mean(0).T, cells)


def _heads(probs: Tensor, columns: Sequence[int], cells: tuple[int, int]) -> Float[np.ndarray, "columns heads h w"]:
    return _planes(probs[0, ..., list(columns)].float().permute(2, 0, 1), cells)


def _planes(maps: Float[Tensor, "*planes pixels"], cells: tuple[int, int]) -> Float[np.ndarray, "*planes h w"]:
    """Half precision is finer than a map's 256 colours."""
    return maps.unflatten(-1, cells).cpu().numpy().astype(np.float16)
