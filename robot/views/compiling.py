"""Says that kernels are being compiled, where a program would otherwise be silent for a minute."""

from collections.abc import Iterator
from contextlib import contextmanager

from numba.core import event

from robot.views.say import say


class _Once(event.Listener):  # type: ignore[misc]
    def __init__(self) -> None:
        self.told = False

    def on_start(self, event: event.Event) -> None:
        if not self.told:
            self.told = True
            say("compiling the kernels, once on this machine: a minute, or a few on a busy one")

    def on_end(self, event: event.Event) -> None:
        pass


@contextmanager
def telling_of_compiling() -> Iterator[None]:
    """While this lasts, say once that a kernel is compiled, if one is; those that are kept on disk are not."""
    listener = _Once()
    event.register("numba:compile", listener)
    try:
        yield
    finally:
        event.unregister("numba:compile", listener)
