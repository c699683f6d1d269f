"""LaTeX formulas as MathML, which screen readers speak."""

import html
import re
import unicodedata

from latex2mathml.converter import convert


def mathml(formula: str, display: str = "inline") -> str:
    """The formula as a `math` element; ValueError for a command that isn't known."""
    element = convert(formula, display=display)
    unknown = re.search(r"\\[a-zA-Z]+", html.unescape(element))
    if unknown:
        raise ValueError(f"expected LaTeX that latex2mathml knows, got {unknown[0]} in {formula!r}; write it otherwise")
    return re.sub(r'<mi mathvariant="script">([A-Z])</mi>', lambda m: f"<mi>{_script(m[1])}</mi>", element)


def _script(letter: str) -> str:
    """A script capital as a character of its own: browsers ignore `mathvariant`."""
    for name in (f"SCRIPT CAPITAL {letter}", f"MATHEMATICAL SCRIPT CAPITAL {letter}"):
        try:
            return unicodedata.lookup(name)
        except KeyError:
            continue
    raise ValueError(f"expected a capital letter from A to Z, got {letter!r}; \\mathcal has no other")
