"""The map of the course, with the present notebook lit; it stands near the top of each."""

from itertools import pairwise

from .canvas import Canvas

PARTS = (
    ("00", "First edit", 20, 60), ("01", "Noise", 205, 60), ("02", "Attention", 390, 60), ("03", "Inversion", 575, 60),
    ("04", "Prompt-to-Prompt", 760, 60), ("05", "MAG-Edit", 760, 140), ("06", "Live lab", 575, 140),
    ("07", "Settings", 390, 140), ("08", "Other methods", 205, 140), ("09", "Measuring", 20, 140),
    ("10", "Stable Diffusion", 20, 220), ("11", "Your own loss", 260, 220), ("12", "Reproduced?", 500, 220),
    ("13", "Architectures", 740, 220),
)  # fmt: skip
WRITTEN = {"01": "ddim_step", "02": "read_maps", "03": "invert", "04": "inject", "05": "loss, nudge, loop"}


def course(lit: str) -> Canvas:
    """All notebooks in their order; `lit` is the number of the present one, "" for none."""
    here = next((name for number, name, _, _ in PARTS if number == lit), "")
    pieces = "; ".join(f"{number} adds {piece}" for number, piece in WRITTEN.items())
    present = f" You are at {lit}, {here}." if here else ""
    c = Canvas("Map of the course", f"Fourteen notebooks in order.{present} Your own MAG-Edit: {pieces}.", 288)
    c.text(20, 34, "The course: your own MAG-Edit grows in the orange parts", 16, "ink", "start", bold=True)
    for (_, _, x, y), (_, _, x2, y2) in pairwise(PARTS):
        wide = 180 if y < 200 else 200
        if y == y2:
            c.arrow(*(((x + wide, y + 26), (x2 - 3, y + 26)) if x2 > x else ((x, y + 26), (x2 + wide + 3, y + 26))))
        else:
            c.arrow((x + 90, y + 52), (x + 90, y2 - 3))
    for number, name, x, y in PARTS:
        kind = "lit" if number == lit else "warm" if number in WRITTEN else "box"
        more = (f"+ {WRITTEN[number]}",) if number in WRITTEN else ()
        c.box(x, y, 180 if y < 200 else 200, 52, kind, f"{number} {name}", *more, size=14)
    return c
