"""The keys of a terminal, one at a time."""

import os
import select
import termios
import tty
from types import TracebackType

from typing_extensions import Self


class KeyTerminal:
    """A terminal that hands on each key at once. Use it as a context: it gives the terminal back as it was. Ctrl-C works as ever.

    fd: file descriptor of the terminal.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._saved: list | None = None

    def __enter__(self) -> Self:
        """Raises ValueError if `fd` is no terminal."""
        if not os.isatty(self.fd):
            raise ValueError("keyboard: found no terminal on the standard input, allowed: one, whose keys are pressed")
        self._saved = termios.tcgetattr(self.fd)
        tty.setcbreak(self.fd)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._saved is not None and os.isatty(self.fd):  # else it has hung up: there is nothing to give back
            termios.tcsetattr(self.fd, termios.TCSADRAIN, self._saved)


class Keys(KeyTerminal):
    """Waits for keys."""

    def read(self, within_s: float | None) -> str | None:
        """The next key, a character; None without one in that time (None: however long it takes); empty when the terminal has hung up."""
        if not select.select([self.fd], [], [], within_s)[0]:
            return None
        try:
            return os.read(self.fd, 1).decode("latin-1")
        except OSError:
            return ""
