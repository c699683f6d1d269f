"""The ledger's entries, and every departure from them by its name and reason."""

import json
from functools import cache
from pathlib import Path

from transformers import CLIPTokenizer

HERE = Path(__file__).parent
LEDGER = json.loads((HERE / "ledger.json").read_text(encoding="utf-8"))


@cache
def clip_tokenizer():
    """CLIP's tokenizer with the part of its vocabulary and merges that the ledger's prompts need."""
    parts = json.loads((HERE / "clip_bpe.json").read_text(encoding="utf-8"))
    merges = [tuple(pair.split()) for pair in parts["merges"]]
    return CLIPTokenizer(vocab=parts["vocab"], merges=merges, model_max_length=77)


# Where even the published form (`MagEdit.released()`, split="spaces", padding="start") gives another value.
DEPARTURES = {
    "a word that is none": (
        "Prompt-to-Prompt gives no column for a word that does not stand between spaces, and its losses a NaN; here "
        "that is a ValueError that names the words."
    ),
}
WORDS = {
    ("a champagne-coloured sofa", "champagne"): "a word that is none",
    ("a cat's toy", "cat"): "a word that is none",
}

# Where our own form (`MagEdit()`, `PromptToPrompt()`) gives another value than the published one, on purpose.
OURS = {
    "words end at marks": "pillow, is the word pillow and a comma, champagne-coloured two words, and 's none of cat's",
    "letters are counted once": (
        "Prompt-to-Prompt counts three letters for a letter of three tokens, so that the word after it gets columns of "
        "that letter; here words are found by the tokenizer's offsets"
    ),
    "words keep their columns": (
        "after a word with another number of tokens each word still takes the map of its own word, where the published "
        "code goes on by number"
    ),
}
OWN_COLUMNS = {
    ("a red pillow, a green lamp", "pillow,"): [3],
    ("a champagne-coloured sofa", "champagne"): [2],
    ("a cat's toy", "cat"): [2],
    ("a 貓 mat", "mat"): [5],
}
