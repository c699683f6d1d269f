"""How a colour lies on a surface: stripes, dots, checks, wood, quilting. Edges are a pixel wide: none flickers."""

import torch
from torch import Tensor

from .world import Surface

STRIPED, DOTTED, CHECKERED, WOODEN, METALLIC, QUILTED, PLANKS, GRAINY = 1, 2, 3, 4, 5, 6, 7, 8
STAIN = (0.42, 0.20, 0.08)  # of wood, mixed a little into its colour
PLANK, BOARD = 0.17, 0.30  # metres: width of a floor's plank and of a table's board


def painted(colour: Tensor, tone: Tensor, finish: Tensor, surface: Surface) -> tuple[Tensor, Tensor]:
    """Albedo [n, 3] and how much its relief brightens or darkens each sample [n]."""
    share, bump = torch.zeros_like(finish), torch.ones_like(finish)
    patterned = ((finish > 0) & (finish != METALLIC)).nonzero()[:, 0]
    kind, u, w = finish[patterned], surface.u[patterned], surface.w[patterned]
    wide = surface.span[patterned].clamp_min(1e-5)
    ink = torch.where(kind == STRIPED, _stripes(u, wide), torch.zeros_like(u))
    ink = torch.where(kind == DOTTED, _dots(u, w, wide), ink)
    ink = torch.where(kind == CHECKERED, _checks(u, w, wide), ink)
    relief = torch.where(kind == QUILTED, 0.60 + 0.52 * _quilt(u, w), torch.ones_like(u))
    relief = torch.where(kind == WOODEN, 1.12 * _boards(u, w, wide), relief)
    planks, grain = _planks(u, w, wide, PLANK), _planks(u, w, wide, BOARD)
    relief = torch.where(kind == PLANKS, planks, torch.where(kind == GRAINY, grain, relief))
    share[patterned], bump[patterned] = ink, relief
    slant = surface.u + 0.8 * surface.w
    brushed = 1 + 0.38 * torch.sin(3.1 * slant) + 0.18 * torch.sin(6.7 * slant + 1)
    bump = torch.where(finish == METALLIC, brushed, bump)
    oak = torch.tensor(STAIN, device=colour.device) * (finish == WOODEN)[:, None]
    return colour + (tone - colour) * share[:, None] + (oak - colour) * (0.14 * (finish == WOODEN))[:, None], bump


def _wave(x: Tensor) -> Tensor:
    """A triangle of period 1: distance to the nearest whole number, 0 to 0.5."""
    return (x - torch.floor(x + 0.5)).abs()


def _edge(distance: Tensor, wide: Tensor) -> Tensor:
    """Coverage of a pixel `wide` by the side where distance is positive."""
    return (0.5 + distance / wide).clamp(0, 1)


def _stripes(u: Tensor, wide: Tensor) -> Tensor:
    return _edge(_wave(u) - 0.29, wide)


def _dots(u: Tensor, w: Tensor, wide: Tensor) -> Tensor:
    x, y = _wave(u + 0.5) - 0.0, _wave(w + 0.5) - 0.0
    return _edge(0.29 - (x * x + y * y).clamp_min(1e-12).sqrt(), wide)


def _checks(u: Tensor, w: Tensor, wide: Tensor) -> Tensor:
    """Squares half a period wide."""
    a = ((_wave(u) - 0.25) * 2 / wide).clamp(-1, 1)
    b = ((_wave(w) - 0.25) * 2 / wide).clamp(-1, 1)
    return 0.5 + 0.5 * a * b


def _boards(u: Tensor, w: Tensor, wide: Tensor) -> Tensor:
    """Boards a period wide that run along w, each lighter or darker, with wavy grain and dark joints."""
    shift = _noise(torch.floor(u))
    across = u - torch.floor(u) - 0.5
    bend = 0.16 * torch.sin(0.9 * w + 40 * shift) + 0.05 * torch.sin(2.3 * w + 17 * shift)
    rings = 0.5 + 0.5 * torch.sin(2 * torch.pi * (2.6 * (across + bend).abs() + 0.12 * torch.sin(1.7 * w)))
    joint = _edge(_wave(u) - 0.035, wide)
    return (0.74 + 0.34 * shift) * (1 - 0.42 * rings * rings) * (0.45 + 0.55 * joint)


def _noise(number: Tensor) -> Tensor:
    """A number in 0-1 for each whole number, without order."""
    value = torch.sin(number * 12.9898 + 4.1) * 43.7585
    return value - torch.floor(value)


def _quilt(u: Tensor, w: Tensor) -> Tensor:
    """Puffs between diagonal seams, 0 at a seam to 1."""
    a, b = _wave((u + w) * 0.62), _wave((u - w) * 0.62)
    return 1 - (1 - 2 * torch.minimum(a, b)).clamp(0, 1) ** 5


def _planks(u: Tensor, w: Tensor, wide: Tensor, width: float) -> Tensor:
    """Planks along z, each lighter or darker, with grain and dark joints."""
    number = torch.floor(u / width)
    shift = _noise(number)
    bend = 1.3 * torch.sin(4.5 * w + 40 * shift) + 0.5 * torch.sin(11 * w + 17 * shift)
    grain = torch.sin(u * (12 / width) + bend) * 0.06
    joint = _edge(_wave(u / width) * width - 0.004, wide)
    return (0.84 + 0.34 * shift + grain) * (0.62 + 0.38 * joint)
