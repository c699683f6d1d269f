"""Diffusers pipelines from shipped models, folders, single files and the model hub."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import DiffusionPipeline
from packaging.version import Version
from safetensors import safe_open
from torch import nn

from ..files import reason
from .families import FAMILIES, KINDS

SHIPPED = Path(__file__).parents[1] / "models"
WEIGHED = ("unet", "transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3")  # parts with weights
HUB = ("revision", "token", "cache_dir", "local_files_only")
DTYPE = "dtype" if Version(diffusers.__version__) >= Version("0.40") else "torch_dtype"  # diffusers' name for it
SINGLE = {  # by the name of a weight that the file must hold
    "double_blocks.": "FluxPipeline",
    "joint_blocks.": "StableDiffusion3Pipeline",
    "conditioner.embedders.1.": "StableDiffusionXLPipeline",
    "model.diffusion_model.": "StableDiffusionPipeline",
}


def shipped() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(p.name for p in SHIPPED.glob("*") if (p / "model_index.json").exists())


def usual_device() -> str:
    """CUDA or Apple's GPU where there is one."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def load_pipeline(
    name: str, device: str | None, dtype: torch.dtype, variant: str | None = None, config: str | None = None,
    **hub: Any,
) -> DiffusionPipeline:  # fmt: skip
    """A text-to-image pipeline on its device, silently; ValueError in one line where there is none of that name, or
    where its weights are not whole. config: for a single file, the folder or hub name of its configuration."""
    if strange := set(hub) - set(HUB):
        raise TypeError(f"expected {', '.join(HUB)}, got {min(strange)!r}")
    torch.set_flush_denormal(True)  # softmax and SiLU make numbers near 1e-40, 30 times slower on a CPU
    place = SHIPPED / name if name in shipped() else Path(name).expanduser()
    if config is not None and place.suffix != ".safetensors":
        raise ValueError(f"expected config with one .safetensors file, got it with {name!r}; leave it out")
    try:
        with silence():
            if place.suffix == ".safetensors":
                pipe = _from_file(place, dtype, config, hub)
            else:
                pipe = _from_folder(place if place.is_dir() else name, dtype, variant, hub)
        _require_whole(pipe)
    except Exception as error:  # the libraries raise all kinds for broken folders
        why = str(error) if type(error) is ValueError and "; " in str(error) else reason(error)
        raise ValueError(
            f"cannot load model {name!r}: {' '.join(why.split())[:300]}; expected a shipped model "
            f"({', '.join(shipped())}), a folder in diffusers' layout with safetensors, one .safetensors file, or a "
            "hub name"
        ) from None
    device = device or usual_device()
    try:
        return pipe.to(device)
    except (RuntimeError, AssertionError) as error:  # what torch raises for a device that is not there
        raise ValueError(f"cannot use device {device!r}: {reason(error)}; expected cpu, cuda or mps") from None


def _from_folder(place: Path | str, dtype: torch.dtype, variant: str | None, hub: Mapping[str, Any]) -> Any:
    """A pipeline of diffusers' layout. Parts with weights are loaded one by one, since only so do the libraries say
    which weights were missing: they fill them with random numbers."""
    index = DiffusionPipeline.load_config(place, **hub)
    if index["_class_name"] not in FAMILIES:
        raise ValueError(f"expected one of {KINDS}, got {index['_class_name']}; take a text-to-image model")
    parts = {
        name: _part(place, name, _kind(*index[name]), dtype, variant, hub)
        for name in WEIGHED if name in index and index[name][1]
    }  # fmt: skip
    tokenizers = _tokenizers(place, index, hub)
    more: dict[str, Any] = dict.fromkeys(tokenizers)  # diffusers takes no other class than the index names
    if "safety_checker" in index:
        more |= {"safety_checker": None, "requires_safety_checker": False}
    pipe = DiffusionPipeline.from_pretrained(place, use_safetensors=True, **{DTYPE: dtype}, **parts, **more, **hub)
    pipe.register_modules(**tokenizers)
    return pipe


def _kind(library: str, name: str) -> Any:
    if library not in ("diffusers", "transformers"):
        raise ValueError(f"expected parts of diffusers and transformers, got {library}.{name}; take another model")
    return getattr(import_module(library), name)


def _part(
    place: Path | str, name: str, kind: Any, dtype: torch.dtype, variant: str | None, hub: Mapping[str, Any]
) -> nn.Module:
    """A part with all its weights; ValueError where the files lack some or have them in another shape."""
    variant = variant or (_only_variant(place / name) if isinstance(place, Path) else None)
    own = DTYPE if kind.__module__.startswith("diffusers") else "dtype"
    how: dict[str, Any] = {own: dtype, "variant": variant, "use_safetensors": True, **hub}
    part, loading_info = kind.from_pretrained(place, subfolder=name, output_loading_info=True, **how)
    lacking = sorted(map(str, [*loading_info["missing_keys"], *loading_info["mismatched_keys"]]))
    if lacking:
        raise ValueError(
            f"expected all weights of {name}, got {len(lacking)} missing or of another shape, such as {lacking[0]}; "
            "download the model anew"
        )
    return part


def _tokenizers(place: Path | str, index: Mapping[str, Any], hub: Mapping[str, Any]) -> dict[str, Any]:
    """Before transformers 5 the tokenizers that know where a word begins had names of their own."""
    if Version(transformers.__version__) >= Version("5"):
        return {}
    names = [name for name in index if name.startswith("tokenizer") and index[name][1]]
    return {
        name: getattr(transformers, f"{index[name][1].removesuffix('Fast')}Fast").from_pretrained(
            place, subfolder=name, **hub
        )
        for name in names
    }


def _only_variant(folder: Path) -> str | None:
    """The variant of a folder's weights where it holds one alone ("fp16" of model.fp16.safetensors)."""
    kinds = {file.name.removesuffix(".safetensors").partition("-0")[0] for file in folder.glob("*.safetensors")}
    variants = {kind.partition(".")[2] for kind in kinds}
    return variants.pop() or None if len(variants) == 1 else None


def _from_file(place: Path, dtype: torch.dtype, config: str | None, hub: Mapping[str, Any]) -> Any:
    """A pipeline of one file in the first releases' layout. The file has no configuration and no tokenizer: diffusers
    takes them from `config`, or fetches those of a model of its kind from the hub."""
    with safe_open(place, "pt") as file:
        names = list(file.keys())
    kind = next((SINGLE[part] for part in SINGLE if any(part in name for name in names)), None)
    if kind is None:
        raise ValueError("expected a whole model in the file, got other weights (a LoRA, a VAE?); take its pipeline")
    more = {} if config is None else {"config": str(Path(config).expanduser())}
    try:
        return getattr(diffusers, kind).from_single_file(str(place), **{DTYPE: dtype}, **more, **hub)
    except NotImplementedError as error:  # what torch raises over a weight that was left without values
        raise ValueError("expected all weights in the file, got some missing; download the model anew") from error


def _require_whole(pipe: DiffusionPipeline) -> None:
    """ValueError for a weight that was not loaded or is not finite."""
    for name in WEIGHED:
        part = getattr(pipe, name, None)
        for weight, values in part.named_parameters() if part is not None else ():
            if values.is_meta:
                raise ValueError(f"expected all weights of {name}, got none for {weight}; download the model anew")
            if not values.isfinite().all():
                raise ValueError(
                    f"expected finite weights, got NaN or infinity in {name}, {weight}; download the model anew, or "
                    "take another dtype"
                )


@contextmanager
def silence() -> Iterator[None]:
    """Inside, diffusers and transformers print neither notices nor progress bars."""
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
