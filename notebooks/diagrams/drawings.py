"""The five drawings: where words enter, one map, the two branches, Algorithm 1, inversion."""

from .canvas import Canvas


def unet() -> Canvas:
    """Where words enter the U-Net."""
    c = Canvas(
        "Where words enter the U-Net",
        "A noisy latent goes down from 32 by 32 to 16 by 16 and 8 by 8 cells and up again to the predicted noise. At each "
        "level, cross attention reads the prompt's tokens. The five 16 by 16 sites are marked: MAG-Edit reads those.",
        430,
    )
    c.text(480, 34, "Each level asks the prompt: cross attention", 20, bold=True)
    for x, y, words, kind in (
        (150, 70, "32 x 32", "box"), (270, 150, "16 x 16", "lit"), (420, 230, "8 x 8", "box"),
        (570, 150, "16 x 16", "lit"), (690, 70, "32 x 32", "box"),
    ):  # fmt: skip
        c.box(x, y, 120, 56, kind, words, "self + cross", size=15)
        c.arrow((x + 60, 340), (x + 60, y + 60), kind="source")
    c.box(20, 74, 100, 48, "cool", "latent z", "noisy", size=14)
    c.box(840, 74, 104, 48, "cool", "noise", "predicted", size=14)
    c.arrow((120, 98), (147, 98))
    c.arrow((810, 98), (837, 98))
    c.arrow((250, 126), (285, 148))
    c.arrow((380, 206), (432, 228))
    c.arrow((528, 228), (580, 206))
    c.arrow((675, 148), (710, 126))
    c.arrow((270, 88), (686, 88), dashed=True)
    c.arrow((390, 168), (566, 168), dashed=True)
    c.box(130, 342, 700, 50, "warm", "the prompt as tokens:  start · a · red · mug · and · a · box · end", size=17)
    c.text(480, 418, "blue: the sites whose maps MAG-Edit reads; dashed: shortcuts past the lower levels", 14, "faint")
    return c


def maps() -> Canvas:
    """Cells x tokens: a row sums to one, a column is a word's map."""
    c = Canvas(
        "A map is a column",
        "A table of attention: one row for each cell of the picture, one column for each token. Each row sums to 1. The "
        "column of the word red, put back into the picture's shape, is that word's map, with the mask as a dashed outline.",
        400,
    )
    tokens = ("start", "a", "red", "mug", "box", "end")
    rows = (
        (8, 10, 5, 20, 52, 5),
        (9, 8, 38, 35, 6, 4),
        (7, 10, 55, 20, 5, 3),
        (30, 25, 10, 15, 12, 8),
        (12, 70, 4, 6, 4, 4),
    )
    c.text(250, 34, "attention: cells x tokens", 20, bold=True)
    for k, token in enumerate(tokens):
        c.text(112 + 52 * k, 72, token, 15, bold=token == "red")
    for r, row in enumerate(rows):
        c.text(76, 110 + 48 * r, f"cell {r + 1}", 14, "faint", "end")
        for k, value in enumerate(row):
            c.cell(88 + 52 * k, 82 + 48 * r, 46, value / 100)
            c.text(111 + 52 * k, 110 + 48 * r, f"{value / 100:.2f}"[1:], 13)
        c.text(420, 110 + 48 * r, "= 1", 15, "faint", "start")
    c.frame(188, 78, 54, 246, "target")
    c.text(250, 352, "a row sums to 1: a word gains only what others lose", 15)
    c.text(250, 376, "token ratio (Eq. 1) looks along rows", 14, "faint")
    c.arrow((470, 200), (590, 200), kind="target")
    c.text(530, 188, "reshape", 14)
    heat = ("00111100", "01233210", "01344310", "02455420", "01344310", "00233200", "00011000", "10000001")
    c.text(760, 34, "the map of “red”", 20, bold=True)
    for y, line in enumerate(heat):
        for x, value in enumerate(line):
            c.cell(620 + 34 * x, 60 + 34 * y, 33, 0.06 + int(value) / 6)
    c.frame(688, 94, 136, 170, "source", dashed=True)
    c.text(756, 358, "dashed: the mask", 15)
    c.text(756, 382, "spatial ratio (Eq. 2) looks at this column", 14, "faint")
    return c


def branches() -> Canvas:
    """The two branches, and what goes from one to the other."""
    c = Canvas(
        "Two branches and what is injected",
        "Source and target branch start from the same noise. At each step the source's cross attention of common words "
        "and early self attention are put into the target. MAG-Edit also nudges the target's latent. In the last steps "
        "the source's latent is put back outside the mask.",
        420,
    )
    c.text(480, 34, "Two branches from one noise", 20, bold=True)
    c.box(24, 176, 110, 60, "cool", "noise", "of the path", size=15)
    for y, kind, name, result in (
        (90, "source", "source prompt", "the picture"),
        (270, "target", "target prompt", "the edit"),
    ):
        c.text(150, y - 12 if kind == "source" else y + 82, name, 16, "ink", "start", bold=True)
        for x, words in ((190, "early step"), (400, "middle step"), (610, "late step")):
            c.box(x, y, 130, 54, "warm" if kind == "source" else "cool", words, size=15)
        c.box(830, y, 118, 54, "box", result, size=15)
        c.arrow((320, y + 27), (396, y + 27), kind=kind)
        c.arrow((530, y + 27), (606, y + 27), kind=kind)
        c.arrow((740, y + 27), (826, y + 27), kind=kind)
        c.arrow((134, 206), (186, y + 27), kind=kind)
    c.arrow((235, 146), (235, 266), kind="source", dashed=True)
    c.text(245, 190, "cross attention of", 14, "ink", "start")
    c.text(245, 208, "common words,", 14, "ink", "start")
    c.text(245, 226, "self attention", 14, "ink", "start")
    c.arrow((450, 146), (450, 266), kind="source", dashed=True)
    c.text(460, 208, "cross attention", 14, "ink", "start")
    c.arrow((675, 146), (675, 266), kind="source", dashed=True)
    c.text(685, 200, "the latent outside", 14, "ink", "start")
    c.text(685, 218, "the mask (blend)", 14, "ink", "start")
    c.box(170, 358, 170, 40, "lit", "MAG-Edit: nudges", size=15)
    c.arrow((300, 356), (300, 328), kind="target")
    c.text(360, 384, "move the target's latent until the mask looks at the new word", 15, "ink", "start")
    return c


def algorithm() -> Canvas:
    """Algorithm 1 as two loops."""
    c = Canvas(
        "Algorithm 1",
        "For each step: read the target's maps after injection; compute the loss inside the mask; take its gradient by the "
        "latent; move the latent against it inside the mask; repeat up to MAX_IT times in the early steps; then denoise "
        "one step, and go on to the next.",
        400,
    )
    c.text(480, 34, "Algorithm 1: nudge a few times, then denoise", 20, bold=True)
    c.frame(236, 62, 540, 194, "target", dashed=True)
    c.text(250, 86, "inner loop: MAX_IT nudges, in steps before tau", 14, "ink", "start", bold=True)
    for x, y, kind, words in (
        (24, 130, "box", ("latent z", "at timestep t")), (256, 120, "cool", ("maps", "half a U-Net")),
        (436, 120, "cool", ("loss L", "Eq. 1 or 2")), (616, 120, "cool", ("gradient", "of L by z")),
        (416, 196, "lit", ("z := z - mask · delta · gradient",)), (256, 300, "warm", ("denoise one step", "P2P, two prompts")),
        (616, 300, "warm", ("blend", "in the last steps")),
    ):  # fmt: skip
        wide = 340 if kind == "lit" else 190 if kind == "warm" else 140
        c.box(x, y, wide, 44 if kind == "lit" else 56, kind, *words, size=15)
    c.arrow((164, 150), (252, 150))
    c.arrow((396, 148), (432, 148), kind="target")
    c.arrow((576, 148), (612, 148), kind="target")
    c.arrow((686, 176), (686, 193), kind="target")
    c.arrow((416, 218), (326, 218), (326, 180), kind="target")
    c.arrow((94, 186), (94, 328), (252, 328))
    c.arrow((446, 328), (612, 328))
    c.arrow((806, 328), (930, 328), (930, 52), (60, 52), (60, 126))
    c.text(180, 318, "then", 14, "faint")
    c.text(868, 318, "next t", 14, "faint")
    c.text(480, 386, "blue: Eq. 4, the nudge", 14, "faint")
    return c


def inversion() -> Canvas:
    """The way up to noise and the way down again."""
    c = Canvas(
        "Inversion",
        "From the picture's latent each DDIM step goes up to a noisier latent. On the way down guidance multiplies small "
        "errors, so the plain way drifts off. Null-text inversion tunes the empty prompt so that each step lands on the "
        "recorded latent; direct inversion puts the recorded latent back.",
        390,
    )
    c.text(480, 34, "Up to noise, and down again", 20, bold=True)
    xs = (60, 250, 440, 630, 820)
    for i, x in enumerate(xs):
        kind = "cool" if i else "box"
        c.box(x, 86, 92, 56, kind, ("picture", "", "", "", "noise")[i] or f"z, t = {250 * i}", size=15)
        if i < 4:
            c.arrow((x + 92, 114), (xs[i + 1] - 4, 114))
    c.text(480, 76, "up: one U-Net call a step, scale 1 (the recorded path)", 15)
    points = [(866, 146), (700, 208), (500, 262), (300, 312), (120, 340)]
    c.arrow(*points, kind="source")
    c.text(940, 300, "down with guidance: errors grow, the picture drifts", 15, "ink", "end")
    for x, y in points[1:4]:
        c.arrow((x, y - 6), (x - 14, 148), kind="target", dashed=True)
    c.text(940, 230, "null-text: tune the empty prompt", 15, "ink", "end")
    c.text(940, 250, "direct: put the recorded latent back", 15, "ink", "end")
    c.box(30, 318, 88, 46, "warm", "drifted", size=14)
    c.text(480, 376, "dashed blue: back onto the recorded path at every step", 14, "faint")
    return c


DRAWINGS = {"unet": unet, "maps": maps, "branches": branches, "algorithm": algorithm, "inversion": inversion}
