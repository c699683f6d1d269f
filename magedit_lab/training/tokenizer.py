"""The tokenizer that knows where a word begins, by the name that it has in transformers 4 and 5."""

from typing import TYPE_CHECKING

import transformers
from packaging.version import Version

__all__ = ["NEW", "CLIPTokenizer"]

NEW = Version(transformers.__version__) >= Version("5")

if TYPE_CHECKING or NEW:
    from transformers import CLIPTokenizer
else:
    from transformers import CLIPTokenizerFast as CLIPTokenizer
