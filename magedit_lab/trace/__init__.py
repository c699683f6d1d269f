"""What an edit did, kept small and on the CPU: all that plots, widgets and the benchmark read."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
