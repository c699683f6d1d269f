"""A process that loads the model once and forks a writer for each order that it reads; each writer may kill itself.

An order is a line of JSON: folder, resume (else a new run), kill: before which file operation (0: not at all), full:
from which on the disk is full, limit: bytes that a file may have.
"""

import errno
import json
import os
import resource
import signal
import sys
from pathlib import Path

import world

import magedit_lab as mag
from magedit_lab import files


def counted(kill: int, full: int = 0) -> None:
    """From here on, the process is killed before its `kill`-th file operation: opening, forcing, renaming, removing.
    From its `full`-th on, nothing can be forced to the disk."""
    count = 0

    def before(operation):
        def call(*arguments, **more):
            nonlocal count
            count += 1
            if count == kill:
                os.kill(os.getpid(), signal.SIGKILL)
            if full and count >= full and operation.__name__ in ("fsync", "mkdir"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return operation(*arguments, **more)

        return call

    for name in ("replace", "fsync", "open", "unlink", "mkdir"):
        setattr(os, name, before(getattr(os, name)))
    files.open = before(open)
    Path.unlink, Path.mkdir = before(Path.unlink), before(Path.mkdir)


def work(net, order: dict) -> None:
    counted(order["kill"], order.get("full", 0))
    if limit := order.get("limit"):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
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
                os._exit(2 if isinstance(error, OSError) and "\n" not in str(error) else 1)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
