"""Checks of notebook 03."""

from collections.abc import Mapping

from .verdict import Verdict, right, wrong


def check_drift(answer: object, psnr: Mapping[str, float]) -> Verdict:
    """The inversion with the lowest PSNR."""
    if answer is None:
        return wrong("worst is still None; it should be one of the names in psnr")
    if not isinstance(answer, str) or answer not in psnr:
        return wrong(f"{answer!r} is none of: {', '.join(psnr)}")
    lowest, highest = (pick(psnr, key=lambda name: psnr[name]) for pick in (min, max))
    if answer == lowest:
        return right(f"{answer} reaches {psnr[answer]:.1f} dB only: its way back leaves the inverted route")
    if answer == highest:
        return wrong(f"{answer} has {psnr[answer]:.1f} dB, the most of all; more decibels are less error")
    return wrong(f"{answer} has {psnr[answer]:.1f} dB, and there is a lower one")


def check_exact(answer: object) -> Verdict:
    """Only direct inversion ends at the latent itself."""
    if answer is None:
        return wrong("exact is still None; compare paths[name].latents[-1:] with net.encode(lab.fit(task).image)")
    if isinstance(answer, str):
        return wrong("exact should be a list of names, also where there is one only")
    if answer == ["direct"]:
        return right("direct inversion replays the recorded latents; null-text comes near, and records that")
    if isinstance(answer, list) and any(str(name).startswith("DDIM") for name in answer):
        return wrong(
            f"{answer}: the latents of DDIM begin with the picture's own, but its path does not replay them (path.pin)"
        )
    return wrong(f"{answer}: the path must replay its latents, and the last must equal the picture's own")
