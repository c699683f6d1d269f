"""Whether a method fits a task and a model, before the inversion is paid for."""

import torch

from .attention import guided
from .backbone import Backbone
from .ddim import timesteps
from .edit import Method
from .inversion import DDIM, NullText, Path
from .task import Task


def rehearse(net: Backbone, task: Task, inversion: DDIM | NullText, method: Method) -> None:
    """Bind the method to a path of zeros, so that whatever does not fit raises its ValueError now."""
    times = tuple(timesteps(inversion.steps, len(net.alphas)))
    side, channels = net.size // net.factor, net.unet.config.in_channels
    z, cond = torch.zeros(len(times) + 1, channels, side, side, device=net.device), net.embed(task.source)
    blank = Path(z, z[-1:], times, cond.expand(len(times), -1, -1), cond, True, inversion.guidance_scale)
    net.embed(task.target)
    guided(net.sites(z))
    method.bind(net, task, blank)
