"""CLIP's tokenizer as the page reads it."""

import json
from collections.abc import Iterator
from typing import Any


def as_json(tokenizer: Any) -> dict[str, Any]:
    """vocab, merges, the pattern that cuts a text into pieces, special tokens by their text, and the ids that begin,
    end and pad a prompt. ValueError for a tokenizer of another kind than CLIP's byte-pair encoding."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    whole = json.loads(backend.to_str()) if backend else {}
    model, patterns = whole.get("model", {}), list(_patterns(whole.get("pre_tokenizer")))
    if model.get("type") != "BPE" or model.get("end_of_word_suffix") != "</w>" or len(patterns) != 1:
        kind = model.get("type", type(tokenizer).__name__)
        raise ValueError(f"expected CLIP's byte-pair tokenizer, got {kind}; take a model of Stable Diffusion 1's kind")
    if hasattr(tokenizer, "more_vectors"):
        raise ValueError("expected a tokenizer of plain words, got concepts of several vectors; load the model without")
    merges = [m if isinstance(m, list) else m.split(" ") for m in model["merges"]]
    return {
        "vocab": model["vocab"], "merges": merges, "pattern": patterns[0],
        "specials": {t["content"]: t["id"] for t in whole["added_tokens"]},
        "start": tokenizer.bos_token_id, "end": tokenizer.eos_token_id, "pad": tokenizer.pad_token_id,
        "length": tokenizer.model_max_length,
    }  # fmt: skip


def _patterns(part: Any) -> Iterator[str]:
    """The regular expressions of all `Split` in a pre-tokenizer."""
    if isinstance(part, dict):
        if part.get("type") == "Split":
            yield part["pattern"]["Regex"]
        for inner in part.get("pretokenizers", ()):
            yield from _patterns(inner)
