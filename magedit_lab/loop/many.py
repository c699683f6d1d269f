"""Several edits at once: one batch through the denoiser, which a GPU takes little longer for than for one."""

from collections.abc import Iterator, Sequence
from contextvars import copy_context
from queue import SimpleQueue
from threading import Thread

from ..inversion.base import Path
from ..methods.base import Method
from ..methods.table import ALL_METHODS
from ..model.backbone import Backbone
from ..model.meeting import Ended, Meeting
from ..settings import named
from ..steps import Step
from ..task import Task
from .single import edit

Found = Step | BaseException | None


def edit_many(
    net: Backbone, tasks: Sequence[Task], paths: Sequence[Path], methods: Sequence[Method | str] | Method | str
) -> Iterator[tuple[Step, ...]]:
    """Yield the Steps of several edits, those of one timestep together.

    methods: one for all, or one each. Each edit runs its own code; where all of them wait for the denoiser, or for a
    gradient, their rows go through it together. So they are equal to edits by themselves but for what a matrix product
    of more rows rounds in another way. Ones with more nudges than others run those alone.

    ValueError for paths of different timesteps or sizes; an error of one edit ends all and is raised here.
    """
    several = [methods] * len(tasks) if isinstance(methods, str | Method) else list(methods)
    chosen = [named(ALL_METHODS, method, "method") for method in several]
    _require_alike(tasks, paths, chosen)
    meeting = Meeting(len(tasks), net.output)
    queues: list[SimpleQueue[Found]] = [SimpleQueue() for _ in tasks]
    threads = [
        Thread(target=copy_context().run, args=(_member, net.joining(meeting), *one, meeting, queue), daemon=True)
        for *one, queue in zip(tasks, paths, chosen, queues, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        while True:
            steps = [queue.get() for queue in queues]
            for item in steps:
                if isinstance(item, BaseException):
                    raise item
            if None in steps:
                return
            yield tuple(step for step in steps if isinstance(step, Step))
    finally:
        meeting.close()
        for thread in threads:
            thread.join()


def _member(
    net: Backbone, task: Task, path: Path, method: Method, meeting: Meeting, queue: "SimpleQueue[Found]"
) -> None:  # fmt: skip
    """One edit, on its own thread: its steps, then None, or the error that ended it."""
    try:
        for step in edit(net, task, path, method):
            queue.put(step)
            meeting.step()
        queue.put(None)
    except Ended:
        queue.put(None)  # whoever reads waits for all
    except BaseException as error:
        queue.put(error)
        meeting.close()
    finally:
        meeting.leave()


def _require_alike(tasks: Sequence[Task], paths: Sequence[Path], methods: Sequence[Method]) -> None:
    if not len(tasks) == len(paths) == len(methods) or not tasks:
        counts = f"{len(tasks)} tasks, {len(paths)} paths and {len(methods)} methods"
        raise ValueError(f"expected as many tasks as paths and methods, and at least one, got {counts}")
    kinds = {(p.times, p.latents.shape[1:], m.first_step(p.steps)) for p, m in zip(paths, methods, strict=True)}
    if len(kinds) > 1:
        raise ValueError(
            "expected edits of the same timesteps, first step and picture size, got several; group them by these"
        )
