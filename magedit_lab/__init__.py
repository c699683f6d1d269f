"""magedit_lab: attention-guided image editing, one inspectable step at a time (MAG-Edit, ACM MM 2024)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
