"""Cases, metrics and judges; the benchmark, its report, and what the paper claims."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
