"""Checks of notebook 05."""

import torch

import magedit_lab as mag

from .verdict import Verdict, called, number, right, wrong


def check_token_ratio(answer: object) -> Verdict:
    """Eq. 1 for one head, against the library's."""
    probs = (
        torch.rand(6, 4, generator=torch.Generator().manual_seed(0)).softmax(1) * torch.linspace(0.5, 1.5, 6)[:, None]
    )
    mask = torch.tensor([1.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    result, failed = called(answer, probs, mask, 2)
    if failed:
        return failed
    expected = mag.methods.losses.token_ratio(probs[None], mask, [2]).item()
    column, inside = probs[:, 2] / probs.sum(1), mask > 0
    return number(
        result, expected, "the loss", 1e-5, f"{expected:.4f}, as losses.token_ratio says",
        f"on the test's map the loss is {expected:.4f}",
        {1 - expected**0.5: "that is the mean ratio; the loss is the square of what is missing to 1",
         expected**0.5: "that is what is missing to 1; the loss is its square",
         ((1 - column.mean()) ** 2).item(): "that is the mean over all cells; only those of the mask count",
         ((1 - column[inside]) ** 2).mean().item(): "each cell was squared; Eq. 1 averages first and squares then",
         ((1 - probs[inside, 2].mean()) ** 2).item(): "divide by the sum over tokens: after injection it need not be 1",
         ((1 - (column * mask).mean()) ** 2).item(): "divide by the number of cells in the mask, not of all"},
    )  # fmt: skip


def check_nudge(answer: object) -> Verdict:
    """Eq. 4: the latent after one masked gradient step."""
    generator = torch.Generator().manual_seed(0)
    z, gradient = (torch.randn(1, 4, 3, 3, generator=generator) for _ in range(2))
    mask = torch.tensor([[0.0, 1.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    result, failed = called(answer, z, gradient, mask, 2.0)
    if failed:
        return failed
    if not isinstance(result, torch.Tensor) or result.shape != z.shape:
        return wrong(f"nudged should return a latent of shape {tuple(z.shape)}")
    slips = {
        "the latent goes up the gradient, so the loss would grow; subtract": z + mask * 2.0 * gradient,
        "the update reaches outside the mask; multiply it by the mask": z - 2.0 * gradient,
        "the whole latent was masked, so the outside is lost; mask the update alone": mask * (z - 2.0 * gradient),
        "the step size delta is missing": z - mask * gradient,
        "that is the update alone; subtract it from z": mask * 2.0 * gradient,
    }
    if torch.allclose(result, z - mask * 2.0 * gradient, atol=1e-6):
        return right("inside the mask the latent moves, outside not by a bit: Eq. 4")
    for why, slip in slips.items():
        if torch.allclose(result, slip, atol=1e-6):
            return wrong(why)
    return wrong("not equal to z - mask * delta * gradient on the test's latent")
