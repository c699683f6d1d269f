"""Masks in 0-1: read, drawn from strokes, in regions, and brought to a model's cells."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
