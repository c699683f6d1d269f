"""The frozen parts of a diffusion model, its hooks and its noise schedule."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
