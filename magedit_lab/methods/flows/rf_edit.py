"""RF-Inversion's way back (Rout et al. 2024): the target is drawn to the picture in the first steps."""

from dataclasses import dataclass
from typing import ClassVar

from ...inversion.rf_inversion import require_flow
from ...model.backbone import Latent
from ...runs import Run
from ...settings import setting
from ...steps import Now, Step
from ..base import Method, Plan


@dataclass(frozen=True)
class RFEdit(Method):
    """dX = [v(X) + eta (v(X | x1) - v(X))] dt, with x1 the picture, for flow models after `RFInversion`.

    With s falling, v = -u and v(X | x1) = (x1 - X) / s, so the Euler step is X + (s' - s) (u + eta ((X - x1) / s - u)),
    u under the target prompt with the path's guidance. `stop` is the paper's tau, .25 of the steps there for its
    strongest edits.
    """

    reference: ClassVar[str] = "RF-Inversion (Rout et al. 2024)"

    eta: float = setting(0.9, "how strongly the target is drawn to the picture", least=0, most=1)
    start: float = setting(0.0, "share of the steps before it is drawn", least=0, most=1)
    stop: float = setting(0.25, "share of the steps after which it is drawn no more", least=0, most=1)

    def bind(self, run: Run) -> Plan:
        require_flow(run.net, "RF-Inversion")

        def blend(now: Now, step: Step) -> Latent:
            if not now.within((self.start, self.stop)):
                return step.target
            s, then = now.level.noise, now.next_level.noise
            to_picture = (step.guided - run.path.image) / s
            return step.guided + (then - s) * (step.eps + self.eta * (to_picture - step.eps))

        return Plan(blend=blend)
