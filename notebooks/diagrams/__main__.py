"""python -m notebooks.diagrams: draw all into notebooks/pictures."""

from pathlib import Path

from .course_map import PARTS, course
from .drawings import DRAWINGS

if __name__ == "__main__":
    folder = Path(__file__).parents[1] / "pictures"
    for name, draw in DRAWINGS.items():
        draw().save(folder / f"{name}.svg")
    for number, *_ in PARTS:
        course(number).save(folder / f"course-{number}.svg")
