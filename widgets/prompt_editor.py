"""Two prompts side by side: their tokens, what they have in common, and which words are to come true."""

from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets
from PIL import Image
from transformers import PreTrainedTokenizerBase

import magedit_lab as mag
from magedit_lab.plots import prompt_pair
from magedit_lab.prompts import checks

from .shared.base import Still, Validated
from .shared.esm import CSS, esm

LONGEST = 2000  # letters; no model reads as many tokens


class PromptEditor(Validated, Still, anywidget.AnyWidget):
    """Source and target as the model reads them, with the edit words, and the negative prompt's (Eq. 3), to click.

    source, target, negative: prompts; an empty negative is none. words: the edit words, of the target; negative_words.
    warnings: what any run would refuse, a line each, in the library's own words; else what MAG-Edit would.
    folded: only the target's words are shown; tokens, alignment and the negative prompt are one click away.
    prompts: what Task takes, for Task(image, mask, **editor.prompts).
    """

    _esm = esm("prompt_editor.js")
    _css = CSS

    source = traitlets.Unicode().tag(sync=True)
    target = traitlets.Unicode().tag(sync=True)
    negative = traitlets.Unicode().tag(sync=True)
    words: traitlets.List[Any] = traitlets.List(traitlets.Unicode()).tag(sync=True)
    negative_words: traitlets.List[Any] = traitlets.List(traitlets.Unicode()).tag(sync=True)
    warnings: traitlets.List[Any] = traitlets.List().tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    folded = traitlets.Bool(False).tag(sync=True)
    _tokens: "traitlets.Dict[str, Any]" = traitlets.Dict().tag(sync=True)
    _pairs: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, source: str = "", target: str = "", words: Sequence[str] = (),
        negative: str = "", negative_words: Sequence[str] = (), folded: bool = False,
    ) -> None:  # fmt: skip
        self.tokenizer = tokenizer
        self._refusals: list[str] = []
        super().__init__(
            source=source, target=target, words=list(words), negative=negative, negative_words=list(negative_words),
            folded=folded,
        )  # fmt: skip
        self._read(None)

    @traitlets.validate("source", "target", "negative")
    def _short_enough(self, proposal: Any) -> str:
        if len(proposal.value) > LONGEST:
            raise traitlets.TraitError(f"expected a prompt of {LONGEST} letters at most, got {len(proposal.value)}")
        return proposal.value

    @traitlets.observe("source", "target", "negative", "words", "negative_words")
    def _read(self, _: Any) -> None:
        """Everything that follows from the prompts, in one message."""
        prompts = {"source": self.source, "target": self.target, "negative": self.negative}
        with self.hold_sync():
            self._refusals = checks.refusals(self.tokenizer, **self._texts)
            self.warnings = self._refusals or checks.unguided(self.tokenizer, **self._texts)
            try:
                self._tokens = {name: self._row(prompt) for name, prompt in prompts.items()}
                self._pairs = [list(p) for p in checks.pairs(self.tokenizer, self.source, self.target)]
            except ValueError:  # one that is too long to be read; it is among the warnings, and no row would be whole
                self._tokens, self._pairs = {name: [] for name in prompts}, []
            self.status = self._summary()

    def _summary(self) -> str:
        if not self.warnings:
            return self.sentence
        reasons = f"{len(self.warnings)} {'reason' if len(self.warnings) == 1 else 'reasons'} above"
        if self._refusals:
            return f"A run would be refused: {reasons}"
        return f"MAG-Edit would be refused: {reasons}; other methods take these words"

    def _row(self, prompt: str) -> list[dict[str, str]]:
        return [{"text": t.text, "word": t.word} for t in checks.tokens(self.tokenizer, prompt)] if prompt else []

    @property
    def _texts(self) -> dict[str, Any]:
        return {
            "source": self.source, "target": self.target, "edit_words": self.words,
            "negative": self.negative or None, "negative_words": self.negative_words,
        }  # fmt: skip

    @property
    def prompts(self) -> dict[str, Any]:
        """source, target, words, negative and negative_words; ValueError with the first that any run would refuse."""
        if self._refusals:
            raise ValueError(self._refusals[0])
        texts = self._texts
        return {"words": texts.pop("edit_words"), **texts}

    @property
    def sentence(self) -> str:
        """What there is to see."""
        to = ", ".join(f"“{word}”" for word in self.words) or "no word yet"
        away = f", away from {', '.join(self.negative_words)}" if self.negative_words else ""
        return f"From “{self.source}” to “{self.target}”; {to} is to come true{away}"

    def still(self) -> bytes:
        if not self._tokens["target"] or not self._tokens["source"]:
            return mag.plots.pictures({"no prompt to read": Image.new("RGB", (64, 16), "gray")}, self.sentence).png()
        drawn = prompt_pair.figure(self.tokenizer, self.source, self.target, self.words, self.sentence)
        return drawn.png()
