"""Whether a method fits a task and a model, before the inversion is paid for."""

import torch

from ..inversion.base import Inversion, Path
from ..inversion.table import ALL_INVERSIONS
from ..model.backbone import Backbone
from ..runs import Run
from ..settings import named
from ..task import Task
from .base import Method
from .table import ALL_METHODS


@torch.no_grad()
def validate(net: Backbone, task: Task, inversion: Inversion | str, method: Method | str) -> None:
    """Raise now, in one line, what `edit` would raise when it binds the method: a word with no token of its own,
    prompts that can't be swapped, a stop step beyond the last."""
    inversion, method = named(ALL_INVERSIONS, inversion, "inversion"), named(ALL_METHODS, method, "method")
    cells = net.size // net.factor
    times = tuple(net.timesteps(inversion.steps, torch.zeros(1, net.channels, cells, cells)))
    z = torch.zeros(len(times) + 1, net.channels, cells, cells, device=net.device, dtype=net.precision)
    cond = net.embed(task.source)
    path = Path(z, z[-1:], times, cond.expand(len(times)), cond, True, inversion.guidance_scale)
    method.bind(Run(net, task, path))
