"""What the published code gave when it was run (`ledger.json`), and CLIP's own tokenizer for its prompts."""

import json
from pathlib import Path

import pytest
from transformers import CLIPTokenizer

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def clip_tokens():
    """CLIP's tokenizer with the part of its vocabulary and merges that the ledger's prompts need."""
    parts = json.loads((HERE / "clip_bpe.json").read_text(encoding="utf-8"))
    merges = [tuple(pair.split()) for pair in parts["merges"]]
    return CLIPTokenizer(vocab=parts["vocab"], merges=merges, model_max_length=77)
