"""The command line; each command is a file of its own."""

import argparse
import sys

import torch

from . import applications, bench, demo, doctor, edit, methods, study, train


def main(argv: list[str] | None = None) -> int:
    """Run a command; 0 when done, 2 for bad input, 130 when interrupted."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"magedit-lab: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except torch.OutOfMemoryError as error:
        reason = str(error).split(".")[0]
        print(f"magedit-lab: error: {reason}; take --device cpu or a smaller model", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print(f"magedit-lab: interrupted; {stop or 'every file that is there is whole'}", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="magedit-lab", description="Attention-guided image editing.")
    commands = parser.add_subparsers(dest="command", required=True)
    for module in (demo, edit, methods, applications, bench, study, train, doctor):
        module.add(commands)
    return parser
