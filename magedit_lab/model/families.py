"""Which family a pipeline is of, and which pipelines can be loaded."""

from collections.abc import Mapping

from diffusers import DiffusionPipeline

from .family import Family
from .flux import Flux
from .sd3 import SD3
from .sdxl import XL
from .unet import UNet

FAMILIES: Mapping[str, type[Family]] = {
    "StableDiffusionPipeline": UNet,
    "StableDiffusionXLPipeline": XL,
    "StableDiffusion3Pipeline": SD3,
    "FluxPipeline": Flux,
}
KINDS = "Stable Diffusion 1, 2, XL, 3 and 3.5, and FLUX.1"


def family_of(pipe: DiffusionPipeline) -> Family:
    """The family by the denoiser's class; ValueError in one line for a pipeline that is of none, and for one that wants
    more than a prompt (ControlNet, an adapter)."""
    for more in ("controlnet", "adapter", "motion_adapter"):
        if getattr(pipe, more, None) is not None:
            raise ValueError(
                f"expected a pipeline that takes a prompt alone, got {type(pipe).__name__}, whose {more} wants more; "
                "take the text-to-image pipeline of the same weights"
            )
    if getattr(pipe, "transformer", None) is not None:
        kind = type(pipe.transformer).__name__
        adapter = {"SD3Transformer2DModel": SD3, "FluxTransformer2DModel": Flux}.get(kind)
    else:
        denoiser = getattr(pipe, "unet", None)
        unet = getattr(denoiser, "_orig_mod", denoiser)
        kind = type(unet).__name__
        has_two = getattr(pipe, "text_encoder_2", None) is not None
        adapter = {"UNet2DConditionModel": XL if has_two else UNet}.get(kind)
    if adapter is None:
        raise ValueError(f"expected one of {KINDS}, got {type(pipe).__name__} with {kind}; take one of these")
    return adapter(pipe)
