"""Checks of notebook 10."""

import magedit_lab as mag

from .verdict import Verdict, number, right, wrong


def check_memory(answer: object, net: mag.Backbone) -> Verdict:
    """Gigabytes of all weights in float32."""
    counts = {name: _count(getattr(net, name)) for name in ("denoiser", "vae", "text_encoder")}
    expected = 4 * sum(counts.values()) / 1e9
    return number(
        answer, expected, "gigabytes", 0.02 * expected,
        f"{expected:.3g} GB for weights alone; maps and gradients come on top",
        "four bytes for each parameter of the three parts, in billions",
        {expected / 4: "that is the number of parameters; float32 takes four bytes for each",
         expected / 2: "that is float16; the library computes in float32",
         4 * counts["denoiser"] / 1e9: "that is the U-Net alone; autoencoder and text encoder are on the GPU too",
         expected * 1e9: "those are bytes; divide by 1e9"},
    )  # fmt: skip


def _count(part: object) -> int:
    return sum(p.numel() for p in part.parameters())  # type: ignore[attr-defined]


def check_settings(inversion: object, method: object) -> Verdict:
    """The paper's numbers, section 4.1, in the library's words."""
    if inversion is None or method is None:
        return wrong("inversion and method are still None; take mag.NullText(…) and mag.MagEdit(…)")
    if not isinstance(inversion, mag.NullText):
        return wrong(f"the paper inverts by null-text, not {type(inversion).__name__}")
    if not isinstance(method, mag.MagEdit):
        return wrong(f"method should be a MagEdit, not {type(method).__name__}")
    stop = inversion.steps // 2 if method.stop_step is None else method.stop_step
    wanted = {
        "steps": (inversion.steps, 50), "guidance_scale": (inversion.guidance_scale, 7.5),
        "inner": (inversion.inner, 10), "iterations (MAX_IT)": (method.iterations, 15),
        "stop_step (tau = 25)": (stop, 25), "loss": (method.loss, "token_ratio"), "lam": (method.lam, 3.0),
    }  # fmt: skip
    for name, (got, paper) in wanted.items():
        if got != paper:
            return wrong(f"{name} is {got!r}, and the paper (or null-text's published code) has {paper!r}")
    return right("50 steps at scale 7.5, 10 null-text updates, 15 nudges in each of the first 25 steps")
