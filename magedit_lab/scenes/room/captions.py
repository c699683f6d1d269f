"""Captions as people type them, each word with the things that it describes."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from .kinds import KINDS
from .things import COLOURS, FINISHES, GROUNDS, WALLS, Room, Thing

Owner = tuple[int, ...]  # indices of the things that a word describes; () for none
Words = list[tuple[str, Owner]]
NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
PLURALS = {kind: {"box": "boxes"}.get(kind, f"{kind}s") for kind in KINDS}
OPENINGS = (("a", "photo", "of"), ("a", "picture", "of"), ("an", "image", "of"), ("a", "room", "with"),
            ("a", "living", "room", "with"))  # fmt: skip
COLOURED_PART = {"lamp": ("with", "shade"), "plant": ("in", "pot")}  # what of a thing has its colour, where not all
VOCABULARY = frozenset(
    {*KINDS, *PLURALS.values(), *COLOURS, *FINISHES, *WALLS, *GROUNDS, *NUMBERS.values()}
    | {word for opening in OPENINGS for word in opening}
    | {part.name for kind in KINDS.values() for part in kind.parts}
    | {"a", "an", "and", ",", "on", "in", "with", "floor", "table", "wall"}
)


def article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def phrase(words: Sequence[str]) -> str:
    """`["orange", "ball"]` to `an orange ball`."""
    return " ".join([article(words[0]), *words])


def sentence(scene: Room, phrases: Iterable[str]) -> str:
    """Join the things' phrases, in the order given, with the scene's ground and wall."""
    *first, last = phrases
    things = f"{', '.join(first)} and {last}" if first else last
    return f"{things} on {phrase([scene.ground, scene.surface])} with {phrase([scene.wall, 'wall'])}"


def written(words: Iterable[str]) -> str:
    """Words to a line of text."""
    return " ".join(words).replace(" ,", ",")


def unknown_words(prompt: str) -> list[str]:
    """The words of a prompt that no caption holds, in its order, each once."""
    words = re.findall(r"\w+(?:['-]\w+)*", prompt.lower())
    return list(dict.fromkeys(word for word in words if word not in VOCABULARY))


def describe(scene: Room, rng: np.random.Generator, drop: float = 0.2, keep: tuple[int, str] | None = None) -> Words:
    """The words of a caption, each with the indices of the things that it describes (() where it describes none).

    With probability `drop` each, an adjective, the ground's material or the wall is left out; with half of that a
    thing. At drop = 0 every thing is named with all its words, one by one. keep: a thing and a word of it that is
    never left out.
    """
    free = drop > 0
    order = [int(i) for i in rng.permutation(len(scene.things))]
    left = [i for i in order if rng.random() >= drop / 2 or (keep and keep[0] == i)] or order[:1]
    spoken = {i: _adjectives(scene.things[i], i, rng, drop, keep) for i in left}
    words: Words = []
    if free and rng.random() < 0.3:
        words += [(w, ()) for w in OPENINGS[int(rng.integers(len(OPENINGS)))]]
    clauses = _clauses(scene, left, spoken, rng, free, keep)
    for place, clause in enumerate(clauses):
        if place:
            words.append(("and" if place == len(clauses) - 1 else ",", ()))
        words += clause
    return words + _surroundings(scene, rng, drop)


def _adjectives(
    thing: Thing, index: int, rng: np.random.Generator, drop: float, keep: tuple[int, str] | None
) -> tuple[str, ...]:
    """The adjectives that are said of a thing; a plain one is called so one time in four."""
    *adjectives, _ = thing.words
    if keep == (index, "plain") or (drop and thing.finish == "plain" and rng.random() < 0.25):
        adjectives.append("plain")
    return tuple(w for w in adjectives if keep == (index, w) or rng.random() >= drop)


def _clauses(
    scene: Room, left: Sequence[int], spoken: dict[int, tuple[str, ...]], rng: np.random.Generator, free: bool,
    keep: tuple[int, str] | None,
) -> list[Words]:  # fmt: skip
    """A clause for each thing, or for several that are called the same, or with what they stand on."""
    groups: list[list[int]] = []
    for i in left:
        key = (scene.things[i].kind, spoken[i], scene.things[i].on)
        same = [g for g in groups if (scene.things[g[0]].kind, spoken[g[0]], scene.things[g[0]].on) == key]
        whole = all(scene.things[j].part_colours == () for j in (i, *(same[0] if same else ())))
        if free and same and whole and len(same[0]) < 6:
            same[0].append(i)
        else:
            groups.append([i])
    clauses: list[Words] = []
    under = {scene.things[g[0]].on for g in groups}
    stated: set[int] = set()
    for group in groups:
        base = scene.things[group[0]].on
        if len(group) == 1 and group[0] in under and group[0] in stated:
            continue
        clause = _clause(scene, group, spoken[group[0]], rng, free, keep)
        unsaid = base is not None and [base] in groups and base not in stated and not _said(clauses, base)
        if free and base is not None and unsaid and rng.random() < 0.5:
            stated.add(base)
            clause = [*clause, ("on", ()), *_clause(scene, [base], spoken[base], rng, False, keep)]
        clauses.append(clause)
    return clauses


def _said(clauses: Sequence[Words], index: int) -> bool:
    return any(index in owner for clause in clauses for _, owner in clause)


def _clause(
    scene: Room, group: Sequence[int], adjectives: tuple[str, ...], rng: np.random.Generator, free: bool,
    keep: tuple[int, str] | None,
) -> Words:  # fmt: skip
    """`a red pillow`, `two red pillows`, `a lamp with a red shade`, `a sofa with a blue seat`."""
    thing, owner = scene.things[group[0]], tuple(sorted(group))
    if len(group) > 1:
        return [(NUMBERS[len(group)], owner), *((w, owner) for w in adjectives), (PLURALS[thing.kind], owner)]
    if free and adjectives and thing.kind in COLOURED_PART and rng.random() < 0.4:
        link, part = COLOURED_PART[thing.kind]
        tail = [(link, ()), (article(adjectives[0]), ()), *((w, owner) for w in (*adjectives, part))]
        return [(article(thing.kind), ()), (thing.kind, owner), *tail, *_own_parts(thing, owner, "and")]
    own = (*adjectives, thing.kind)
    return [(article(own[0]), ()), *((w, owner) for w in own), *_own_parts(thing, owner, "with")]


def _own_parts(thing: Thing, owner: Owner, link: str) -> Words:
    """`with a blue seat`, for each part that has a colour of its own."""
    words: Words = []
    for part, colour in thing.part_colours:
        plural = part in ("doors", "legs", "feet", "leaves", "pages")
        start: Words = [(link, ())] if plural else [(link, ()), (article(colour), ())]
        words += [*start, (colour, owner), (part, owner)]
        link = "and"
    return words


def _surroundings(scene: Room, rng: np.random.Generator, drop: float) -> Words:
    words: Words = []
    if rng.random() >= drop / 2:
        ground = ([scene.ground] if rng.random() >= drop else []) + [scene.surface]
        words += [(w, ()) for w in ("on", article(ground[0]), *ground)]
    if rng.random() >= drop:
        words += [(w, ()) for w in ("with", article(scene.wall), scene.wall, "wall")]
    return words
