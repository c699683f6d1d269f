"""The command line; each command is a file of its own, imported when it is asked for."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Any

from .commands import COMMANDS
from .messages import steady


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 when done, 2 for bad input, 130 when interrupted. No message that can't be written stops it."""
    with steady():
        return _main(list(sys.argv[1:] if argv is None else argv))


def _main(argv: list[str]) -> int:
    arguments = _parser(argv).parse_args(argv)
    try:
        arguments.run(arguments)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"magedit-lab: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's own, named so that this file needs no torch
            raise
        reason = str(error).split(".")[0]
        print(
            f"magedit-lab: error: {reason}; take --dtype bfloat16, a smaller picture or model, or --device cpu",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt as stop:
        print(f"magedit-lab: interrupted; {stop or 'every file that is there is whole'}", file=sys.stderr)
        return 130
    return 0


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """All commands with their line of help; of the one that is asked for, the options too."""
    parser = argparse.ArgumentParser(prog="magedit-lab", description="Attention-guided image editing.")
    parser.add_argument("--version", action=_Version, nargs=0, help="show the installed version and exit")
    commands = parser.add_subparsers(dest="command", required=True)
    command_name = next((word for word in argv if not word.startswith("-")), None)
    for name, (module, words) in COMMANDS.items():
        if name == command_name:
            importlib.import_module(f".{module}", __name__).add(commands, name)
        else:
            commands.add_parser(name, help=words)
    return parser


class _Version(argparse.Action):
    """Looks the version up when it is asked for; argparse's own wants it before."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib import metadata

        print(f"magedit-lab {metadata.version('magedit-lab')}")
        parser.exit()
