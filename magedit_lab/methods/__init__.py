"""Editing methods by name; each is a file of its own."""

from ..edit import Method
from .mag_edit import MagEdit
from .prompt_to_prompt import PromptToPrompt

METHODS: dict[str, Method] = {
    "p2p": PromptToPrompt(),
    "p2p+mask": PromptToPrompt(blend="mask"),
    "p2p+mag-edit": MagEdit(),
}
