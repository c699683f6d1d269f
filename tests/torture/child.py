"""A process that loads the model once and forks a writer for each order that it reads; each writer may kill itself.

An order is a line of JSON: folder, resume (else a new run), kill: before which file operation (0: not at all).
"""

import json
import os
import signal
import sys
from pathlib import Path

import world

import magedit_lab as mag
from magedit_lab import files


def counted(kill: int) -> None:
    """From here on, the process is killed before its `kill`-th file operation: opening, forcing, renaming, removing."""
    count = 0

    def before(operation):
        def call(*arguments, **more):
            nonlocal count
            count += 1
            if count == kill:
                os.kill(os.getpid(), signal.SIGKILL)
            return operation(*arguments, **more)

        return call

    for name in ("replace", "fsync", "open", "unlink", "mkdir"):
        setattr(os, name, before(getattr(os, name)))
    files.open = before(open)
    Path.unlink, Path.mkdir = before(Path.unlink), before(Path.mkdir)


def work(net, order: dict) -> None:
    counted(order["kill"])
    if order.get("saves"):
        mag.load(order["saves"]).save(order["folder"])
    elif order["resume"]:
        mag.resume(order["folder"], net)
    else:
        mag.run(net, world.task(), world.INVERSION, world.METHOD, out=order["folder"], force=order.get("force", False))


def main() -> None:
    net = world.model()
    mag.trace.describe.weights(net)
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                work(net, json.loads(line))
                os._exit(0)
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
