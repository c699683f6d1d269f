"""Methods of flow models: FlowEdit, and the way back that RF-Inversion edits with."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
