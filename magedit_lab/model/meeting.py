"""Passes of several edits in one batch: each edit asks on a thread of its own, and equal requests become one call."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .hooks import Hook, Hooks, Replace
from .text import Text

Outputs = Callable[[Tensor, Tensor, Text, Hooks, str | None], Tensor | None]


class Ended(Exception):
    """The meeting was closed, so that who still waits in it stops; never leaves `edit_many`."""


@dataclass(eq=False)
class _Asked:
    """What one edit waits for. rank: lower ones are served first, so that edits with more nudges than others catch up.
    key: requests of one key make one call."""

    rank: int
    key: tuple[Any, ...]
    what: tuple[Any, ...]
    answer: list[Any] = field(default_factory=list)
    error: BaseException | None = None


class Meeting:
    """Where so many members ask. The last to ask serves all, on its own thread, while the others wait."""

    def __init__(self, members: int, outputs: Outputs) -> None:
        self._members, self._outputs = members, outputs
        self._waiting: list[_Asked] = []
        self._changed = threading.Condition()
        self._closed = False

    def output(self, z: Tensor, t: Tensor, text: Text, hooks: Hooks, until: str | None) -> Tensor | None:
        """`Backbone.output` of one member."""
        grad = torch.is_grad_enabled()
        key = ("output", grad, id(t), until, z.shape[1:], text.embedding.shape[1:], text.pooled is None)
        return self._ask(_Asked(1 if grad else 2, key, (z, t, text, hooks, until, grad)))

    def gradient(self, loss: Tensor, z: Tensor) -> Tensor:
        """The gradient of one member's loss; those of all are one backward pass."""
        return self._ask(_Asked(0, ("gradient",), (loss, z)))

    def step(self) -> None:
        """Wait until every member has done its step."""
        self._ask(_Asked(3, ("step",), ()))

    def leave(self) -> None:
        """A member has no more to ask."""
        with self._changed:
            self._members -= 1
            self._serve()

    def close(self) -> None:
        """Everybody who waits, or asks from now on, gets `Ended`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _ask(self, asked: _Asked) -> Any:
        with self._changed:
            self._waiting.append(asked)
            self._serve()
            while not (asked.answer or asked.error or self._closed):
                self._changed.wait()
        if asked.error:
            raise asked.error
        if not asked.answer:
            raise Ended
        return asked.answer[0]

    def _serve(self) -> None:
        """Answer the requests of the lowest rank, once everybody has asked."""
        if not self._waiting or len(self._waiting) < self._members or self._closed:
            return
        least = min(asked.rank for asked in self._waiting)
        now = [asked for asked in self._waiting if asked.rank == least]
        self._waiting = [asked for asked in self._waiting if asked.rank != least]
        for key in dict.fromkeys(asked.key for asked in now):
            self._answer([asked for asked in now if asked.key == key])
        self._changed.notify_all()

    def _answer(self, group: Sequence[_Asked]) -> None:
        kinds = {"output": self._passes, "gradient": _gradients, "step": lambda several: [None] * len(several)}
        try:
            answers = kinds[group[0].key[0]]([asked.what for asked in group])
            for asked, answer in zip(group, answers, strict=True):
                asked.answer.append(answer)
        except BaseException as error:  # each of them raises it on its own thread
            for asked in group:
                asked.error = error

    def _passes(self, several: Sequence[tuple[Any, ...]]) -> Sequence[Tensor | None]:
        """One call for all: their latents and texts in rows, each row with its own hooks."""
        zs, ts, texts, hooks, untils, grads = zip(*several, strict=True)
        rows = [len(z) for z in zs]
        with torch.set_grad_enabled(grads[0]):  # theirs, as another thread has a mode of its own
            out = self._outputs(torch.cat(zs), ts[0], Text.cat(texts), joined(hooks, rows), untils[0])
        return [None] * len(rows) if out is None else list(out.split(rows))


def _gradients(several: Sequence[tuple[Any, ...]]) -> Sequence[Tensor]:
    losses, zs = zip(*several, strict=True)
    return torch.autograd.grad(losses, zs, retain_graph=True)  # each latent is in its own loss alone


def joined(several: Sequence[Hooks], rows: Sequence[int]) -> Mapping[str, Hook]:
    """Hooks of a batch, made of those of its members, which have so many rows each."""
    names = list(dict.fromkeys(name for hooks in several for name in hooks))
    return {name: _join([hooks.get(name) for hooks in several], rows) for name in names}


def _join(hooks: Sequence[Hook | None], rows: Sequence[int]) -> Hook:
    replaced = [hook.value for hook in hooks if isinstance(hook, Replace)]
    if len(replaced) == len(hooks):
        return Replace(torch.cat(replaced))

    def each(output: Tensor) -> Tensor | None:
        parts = output.split(list(rows))
        own = [hook(part) if hook else None for hook, part in zip(hooks, parts, strict=True)]
        if all(part is None for part in own):
            return None
        return torch.cat([part if new is None else new for part, new in zip(parts, own, strict=True)])

    return each
