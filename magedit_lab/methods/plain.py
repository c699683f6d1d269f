"""No method: the target prompt alone, from the source's noise."""

from dataclasses import dataclass

from ..backbone import Backbone
from ..edit import Hooks
from ..inversion import Path
from ..task import Task


@dataclass(frozen=True)
class Plain:
    """Denoise under the target prompt, from the inverted latent: what every other method improves on."""

    def bind(self, net: Backbone, task: Task, path: Path) -> Hooks:
        return Hooks()
