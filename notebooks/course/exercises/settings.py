"""Checks of notebook 07."""

import torch

import magedit_lab as mag

from .verdict import Verdict, called, number


def check_stop_step(answer: object, steps: int) -> Verdict:
    """The paper's tau = 40 of 50, on a path of `steps` steps."""
    expected = round(0.2 * steps)
    return number(
        answer, expected, "stop", 0,
        f"the first 10 of 50 steps are a fifth, here {expected} of {steps}: enough for a colour, the paper says",
        "tau counts down from 50: guided are the steps from 50 to 40, a fifth of all",
        {steps - expected: "those are the steps that are not guided; tau counts down from T",
         40: "that is tau of 50 steps, counted from the picture's end; stop_step counts from the noise, on our path",
         10: "so many of 50 steps; our path has fewer"},
    )  # fmt: skip


def check_total(answer: object) -> Verdict:
    """Eq. 5 inside Eq. 3: weighted words, less the negative."""
    terms, weights = [torch.tensor(0.8), torch.tensor(0.5)], [0.75, 0.25]
    negative, much = torch.tensor(0.4), 0.5
    result, failed = called(answer, terms, weights, negative, much)
    if failed:
        return failed
    words = mag.methods.losses.weighted(terms, weights)
    expected = mag.methods.losses.with_negative(words, negative, 1.0, much).item()
    return number(
        result, expected, "the total", 1e-5, f"{expected:.3f}, as losses.weighted and losses.with_negative say",
        f"on the test's terms the total is {expected:.3f}",
        {(words + much * negative).item(): "the negative's term is subtracted: the way down drives its word out",
         words.item(): "the negative's term is missing",
         (words - negative).item(): "the negative's weight lambda_ng is missing",
         1.3 - 0.2: "the words' weights are missing",
         (words / 2 - much * negative).item(): "the weights sum to 1 already; no mean on top"},
    )  # fmt: skip
