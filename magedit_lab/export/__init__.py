"""A model as graphs for the web page: functions of tensors, ONNX, their check against torch, the folder."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
