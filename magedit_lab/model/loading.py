"""Diffusers pipelines from shipped models, folders and the model hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from diffusers import DiffusionPipeline

from ..files import reason

SHIPPED = Path(__file__).parents[1] / "models"


def shipped() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(p.name for p in SHIPPED.glob("*") if (p / "model_index.json").exists())


def load_pipeline(name: str, device: str | None, dtype: torch.dtype) -> DiffusionPipeline:
    """A text-to-image pipeline on its device, silently; ValueError in one line where there is none of that name."""
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_flush_denormal(True)  # softmax and SiLU make numbers near 1e-40, 30 times slower on a CPU
    folder = SHIPPED / name if name in shipped() else name
    try:
        with silence():
            from diffusers import StableDiffusionPipeline  # here, since its import prints notices

            pipe = StableDiffusionPipeline.from_pretrained(
                folder, dtype=dtype, use_safetensors=True, safety_checker=None, requires_safety_checker=False
            )
    except Exception as error:  # the libraries raise all kinds for broken folders
        raise ValueError(
            f"cannot load model {name!r}: {reason(error)}; expected a shipped model ({', '.join(shipped())}), a folder "
            "in diffusers' layout with safetensors, or a hub name"
        ) from None
    try:
        return pipe.to(device)
    except (RuntimeError, AssertionError) as error:  # what torch raises for a device that is not there
        raise ValueError(f"cannot use device {device!r}: {reason(error)}; expected cpu or cuda") from None


@contextmanager
def silence() -> Iterator[None]:
    """Inside, diffusers and transformers print neither notices nor progress bars."""
    import diffusers
    import transformers

    libraries = [library.utils.logging for library in (diffusers, transformers)]
    before = [(log, log.get_verbosity(), log.is_progress_bar_enabled()) for log in libraries]
    try:
        for log in libraries:
            log.set_verbosity_error()
            log.disable_progress_bar()
        yield
    finally:
        for log, verbosity, bar in before:
            log.set_verbosity(verbosity)
            if bar:
                log.enable_progress_bar()
