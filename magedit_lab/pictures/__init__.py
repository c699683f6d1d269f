"""One door for every picture: paths, bytes, arrays and PIL images, with one meaning."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
