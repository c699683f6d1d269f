"""Editing methods, each a file of its own, and what they share: guidance, injection, blending, losses, settings."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
