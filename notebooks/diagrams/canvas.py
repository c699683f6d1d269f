"""Boxes, arrows and words of one look; a page in the dark gets the dark colours."""

from dataclasses import dataclass, field
from html import escape
from pathlib import Path

WIDE = 960
STYLE = """
.bg{fill:#fbfbf9}.ink{fill:#1d2530}.faint{fill:#5b6673}.on{fill:#fff}
.box{fill:#fff;stroke:#8a94a0}.lit{fill:#0072B2;stroke:#0072B2}.warm{fill:#fde9c3;stroke:#b87700}
.cool{fill:#d8eaf6;stroke:#0072B2}.none{fill:none;stroke:#8a94a0}
.line{fill:none;stroke:#1d2530}.source{fill:none;stroke:#b87700}.target{fill:none;stroke:#0072B2}
.head{fill:#1d2530}.headsource{fill:#b87700}.headtarget{fill:#0072B2}
text{font-family:system-ui,'DejaVu Sans',sans-serif}
@media (prefers-color-scheme:dark){
.bg{fill:#171c22}.ink{fill:#eef1f4}.faint{fill:#a9b4bf}.box{fill:#252c35;stroke:#7c8894}
.warm{fill:#4a3a17;stroke:#e6a93c}.cool{fill:#17374b;stroke:#56b4e9}.none{stroke:#7c8894}
.line{stroke:#eef1f4}.source{stroke:#e6a93c}.target{stroke:#56b4e9}
.head{fill:#eef1f4}.headsource{fill:#e6a93c}.headtarget{fill:#56b4e9}}
""".strip()


@dataclass
class Canvas:
    """An SVG of 960 units across. title: its name; about: what it shows, in words, for who cannot see it."""

    title: str
    about: str
    high: float
    parts: list[str] = field(default_factory=list)

    def box(
        self, x: float, y: float, wide: float, high: float, kind: str = "box", *words: str, size: float = 16
    ) -> None:
        """A rounded box with lines of words in its middle."""
        self.parts.append(
            f'<rect class="{kind}" x="{x}" y="{y}" width="{wide}" height="{high}" rx="8" stroke-width="2"/>'
        )
        middle = y + high / 2 - (len(words) - 1) * size * 0.65
        for i, line in enumerate(words):
            kind_of_text = "on" if kind == "lit" else "ink"
            self.text(x + wide / 2, middle + i * size * 1.3 + size * 0.35, line, size, kind_of_text, bold=i == 0)

    def text(
        self, x: float, y: float, words: str, size: float = 16, kind: str = "ink", anchor: str = "middle",
        bold: bool = False,
    ) -> None:  # fmt: skip
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(
            f'<text class="{kind}" x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}"{weight}>'
            f"{escape(words)}</text>"
        )

    def cell(self, x: float, y: float, side: float, share: float) -> None:
        """One cell of a map, the bluer the more attention."""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{side:g}" height="{side:g}" class="lit" stroke="none" '
            f'style="stroke:none" fill-opacity="{share:.2f}"/>'
        )

    def frame(self, x: float, y: float, wide: float, high: float, kind: str = "line", dashed: bool = False) -> None:
        more = ' stroke-dasharray="7 5"' if dashed else ""
        self.parts.append(
            f'<rect class="{kind}" style="fill:none" x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" '
            f'stroke-width="2.5"{more}/>'
        )

    def arrow(self, *points: tuple[float, float], kind: str = "line", dashed: bool = False) -> None:
        """A line through the points, with a head at the last."""
        path = " ".join(f"{'ML'[i > 0]}{x:g} {y:g}" for i, (x, y) in enumerate(points))
        more = ' stroke-dasharray="7 5"' if dashed else ""
        head = "head" + ("" if kind == "line" else kind)
        self.parts.append(f'<path class="{kind}" d="{path}" stroke-width="2.5"{more} marker-end="url(#{head})"/>')

    def svg(self) -> str:
        heads = "".join(
            f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="6" markerHeight="6" orient="auto">'
            f'<path class="{name}" d="M0 0L10 5L0 10z"/></marker>'
            for name in ("head", "headsource", "headtarget")
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {self.high:g}" role="img" '
            f'aria-labelledby="t d">\n<title id="t">{escape(self.title)}</title>\n'
            f'<desc id="d">{escape(self.about)}</desc>\n'
            f"<style>{STYLE}</style>\n<defs>{heads}</defs>\n"
            f'<rect class="bg" width="{WIDE}" height="{self.high:g}" rx="14"/>\n' + "\n".join(self.parts) + "\n</svg>\n"
        )

    def save(self, path: Path) -> None:
        path.write_text(self.svg(), encoding="utf-8")
