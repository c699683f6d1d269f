"""What survives of a step: small arrays on the CPU."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..model.backbone import Latent
from ..runs import Run
from ..steps import Maps, Nudge, Step


@dataclass(frozen=True)
class Keep:
    """What survives of each step. Losses and gradient sizes always do.

    attention: the target's and source's maps, mean over heads and guided sites, and the sum of the padding's.
    nudges: the same after injection at a step's first and last nudge, and the edit words' at every nudge.
    gradients: a map of the gradient's size for each nudge, and for each term where a nudge has them apart.
    previews: x0, the finished latent as each step foresees it, decoded when it is looked at.
    heads: where attention is kept, also the edit words' maps of the target by site and head.
    reconstruction: the source branch's picture, decoded at the last step.
    sites: further modules by name, such as "mid_block.resnets.0": what they put out in the target's conditional pass.
    """

    attention: bool = True
    nudges: bool = True
    gradients: bool = True
    previews: bool = True
    heads: bool = True
    reconstruction: bool = True
    sites: tuple[str, ...] = ()


SCORED = Keep(False, False, False, False, False, False)  # for runs of which the result alone is judged


def row(run: Run, step: Step, keep: Keep, tokens: Mapping[str, int], edited: Sequence[int]) -> dict[str, np.ndarray]:
    """All that is kept of one step, by name. tokens: how many the `target` and the `source` prompt have, start and end
    included. edited: the columns of the edit words."""
    site = run.guided[0]
    cells = (site.height, site.width)
    arrays = _sizes(run, step.nudges)
    if keep.attention:
        arrays["target_attention"] = heat(step.target_maps, tokens["target"], cells)
        if step.source_maps:
            arrays["source_attention"] = heat(step.source_maps, tokens["source"], cells)
        if keep.heads:
            arrays |= {f"heads.{i}": _heads(m, edited, cells) for i, m in enumerate(step.target_maps.values())}
    if keep.nudges and step.nudges:
        ends = (step.nudges[0], step.nudges[-1])
        arrays["nudge_attention"] = np.stack([heat(n.maps, tokens["target"], cells) for n in ends])
        arrays["inner_attention"] = np.stack([_mean(n.maps, edited, cells) for n in step.nudges])
    if keep.gradients and step.nudges:
        arrays["gradient_maps"] = _maps([_size(n.gradient) for n in step.nudges])
        if step.nudges[0].parts:
            terms = [torch.stack([_size(part) for part in n.parts.values()]) for n in step.nudges]
            arrays["term_maps"] = _maps(terms)
    if keep.previews:
        arrays["x0"] = step.x0[0].cpu().numpy()
    return arrays


def _sizes(run: Run, nudges: Sequence[Nudge]) -> dict[str, np.ndarray]:
    """Losses, step sizes, and how large gradient and update were; brought from the device together."""
    sizes = {
        "loss": np.array([n.loss for n in nudges]),
        "inside": np.zeros(len(nudges)), "outside": np.zeros(len(nudges)),
        "step_size": np.array([n.step_size for n in nudges]),
        "moved": np.zeros(len(nudges)),
    }  # fmt: skip
    if nudges:
        mask = run.latent_mask
        rows = torch.stack([torch.cat([n.size(mask), n.update.norm()[None]]) for n in nudges]).double().cpu().numpy()
        sizes |= dict(zip(("inside", "outside", "moved"), rows.T, strict=True))
        if nudges[0].parts:
            terms = torch.stack([torch.stack([n.size(mask, term) for term in n.parts]) for n in nudges])
            sizes["term_sizes"] = terms.double().cpu().numpy()
    return sizes


def _size(gradient: Latent) -> Float[Tensor, "h w"]:
    """Root mean square over the latent's channels, at each cell."""
    return gradient[0].square().mean(0).sqrt()


def _maps(sizes: Sequence[Tensor]) -> Float[np.ndarray, "nudges *terms h w"]:
    return torch.stack(list(sizes)).cpu().numpy().astype(np.float32)


def heat(maps: Maps, tokens: int, cells: tuple[int, int]) -> Float[np.ndarray, "planes h w"]:
    """A map for each token, mean over heads and sites; one more for the padding behind the end token, summed."""
    mean = _site_mean([m[0].float().mean(0) for m in maps.values()], cells)
    planes = torch.cat([mean[:, :tokens], mean[:, tokens:].sum(-1, keepdim=True)], 1)
    return _planes(planes.T, cells)


def _mean(maps: Maps, columns: Sequence[int], cells: tuple[int, int]) -> Float[np.ndarray, "columns h w"]:
    return _planes(_site_mean([m[0, ..., list(columns)].float().mean(0) for m in maps.values()], cells).T, cells)


def _site_mean(maps: Sequence[Float[Tensor, "_ columns"]], cells: tuple[int, int]) -> Float[Tensor, "pixels columns"]:
    """The mean of several sites' maps; those of another resolution (layout guidance's) are brought to these cells."""
    return torch.stack([_resized(m, cells) for m in maps]).mean(0)


def _resized(maps: Float[Tensor, "_ columns"], cells: tuple[int, int]) -> Float[Tensor, "pixels columns"]:
    height, width = cells
    if len(maps) == height * width:
        return maps
    own_height = round((len(maps) * height / width) ** 0.5)
    planes = maps.T.unflatten(1, (own_height, len(maps) // own_height))[None]
    return F.interpolate(planes, cells, mode="bilinear", antialias=True)[0].flatten(1).T


def _heads(probs: Tensor, columns: Sequence[int], cells: tuple[int, int]) -> Float[np.ndarray, "columns heads h w"]:
    return _planes(probs[0, ..., list(columns)].float().permute(2, 0, 1), cells)


def _planes(maps: Float[Tensor, "*planes pixels"], cells: tuple[int, int]) -> Float[np.ndarray, "*planes h w"]:
    """Half precision is finer than a map's 256 colours."""
    return maps.unflatten(-1, cells).cpu().numpy().astype(np.float16)
