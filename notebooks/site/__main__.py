"""`python -m notebooks.site` writes the site to out/site; with `slides`, the slides to out/slides."""

import argparse
import sys
from pathlib import Path

import magedit_lab as mag

from . import pages


def demo_run(steps: int) -> mag.Trace:
    """The demo's MAG-Edit, in so many steps."""
    demo = mag.bench.demo.Demo(steps=steps)
    net, task = mag.Backbone.load("tabletop"), mag.bench.demo.complex_task(demo.seed)
    path = mag.invert(net, task, demo.inversion)
    return mag.run(net, task, path, demo.guided, mag.Keep(nudges=False, gradients=False))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m notebooks.site", description="The notebooks as static pages.")
    parser.add_argument("what", nargs="?", choices=("site", "slides"), default="site")
    parser.add_argument("--out", type=Path, help="a folder; by default out/site or out/slides")
    parser.add_argument("--trace", type=Path, help="a saved run to scrub through; by default the demo is run")
    parser.add_argument("--steps", type=int, default=20, help="of the demo's run")
    given = parser.parse_args()
    out = given.out or Path("out") / given.what
    try:
        if given.what == "slides":
            paths = pages.decks(out)
        else:
            paths = pages.site(out, mag.Trace.load(given.trace) if given.trace else demo_run(given.steps))
    except ValueError as error:
        sys.exit(f"{error}")
    size = sum(path.stat().st_size for path in paths) / 2**20
    print(f"{len(paths)} pages, {size:.1f} MB; open {paths[0]}")


if __name__ == "__main__":
    main()
