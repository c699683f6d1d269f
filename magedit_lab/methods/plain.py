"""No method: the target prompt alone, from the source's noise."""

from dataclasses import dataclass

from ..runs import Run
from .base import Method, Plan


@dataclass(frozen=True)
class Plain(Method):
    """Denoise under the target prompt, from the inverted latent: what every other method improves on."""

    def bind(self, run: Run) -> Plan:
        return Plan()
