"""`magedit-lab export web`: a model as graphs for a page that needs no server."""

import argparse
from pathlib import Path
from typing import Any

from .common import command, load


def add(commands: Any, name: str) -> None:
    parser = command(commands, name, export)
    parser.add_argument("what", choices=["web"], help="graphs, weights, tokenizer and scenes for the web page")
    parser.add_argument("folder", type=Path, help="where to write them")
    parser.add_argument(
        "--model", default="tabletop", help="shipped model, folder or hub name, of Stable Diffusion's shape"
    )
    parser.add_argument(
        "--dtype",
        default="float16",
        choices=["float32", "float16"],
        help="how weights are stored; all is computed in float32",
    )
    parser.add_argument("--scenes", type=int, default=3, help="how many scenes with recorded paths, 0 to 3")


def export(arguments: argparse.Namespace) -> None:
    """Write what the web page needs of a model, each graph checked against torch."""
    from ..export import web

    if not 0 <= arguments.scenes <= len(web.SEEDS):
        raise ValueError(f"expected 0 to {len(web.SEEDS)} scenes, got {arguments.scenes}; take fewer")
    manifest = web.write(load(arguments.model), arguments.folder, arguments.dtype, web.SEEDS[: arguments.scenes])
    print(f"{arguments.folder}: {len(manifest['files'])} files, {web.size(manifest) / 1e6:.1f} MB")
