"""magedit_lab: attention-guided image editing, one inspectable step at a time (MAG-Edit, ACM MM 2024)."""

from typing import Any

import lazy_loader

_lazy, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """The public names, imported when they are first used, and `__version__`."""
    return _version() if name == "__version__" else _lazy(name)


def _version() -> str:
    """The installed package's; AttributeError where it is imported without having been installed."""
    from importlib import metadata

    try:
        return metadata.version("magedit-lab")
    except metadata.PackageNotFoundError:
        raise AttributeError("expected magedit-lab to be installed, got its folder alone; pip install -e .") from None
