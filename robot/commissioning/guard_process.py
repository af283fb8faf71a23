"""A small process beside a set-up, which brings the robot to rest where the set-up is killed while the robot moves.

It is in a session of its own, where no terminal's signal reaches it, and listens on its standard input: the input's end without the
last word is the set-up's death.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sim.with_parent import command_line

READY = b"ready\n"
END_S = 5.0


@contextmanager
def guarded_by(module: str, *arguments: str, last_word: bytes) -> Iterator[Callable[[bytes], None]]:
    """While the block runs, `python -m module ARGUMENTS` listens to what is said by what this gives; last_word: that the robot is at rest.

    Raises OSError where it cannot be started.
    """
    guard = subprocess.Popen(command_line(module, *arguments, patience_s=float("inf")), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, start_new_session=True)  # fmt: skip
    assert guard.stdin is not None and guard.stdout is not None
    words = guard.stdin.fileno()

    def say(word: bytes) -> None:
        with suppress(BrokenPipeError):  # it has acted already, and ended
            os.write(words, word)

    try:
        if guard.stdout.readline() != READY:
            raise OSError(f"the process that stops the robot if this one is killed ended with {guard.wait()}")
        yield say
    finally:
        say(last_word)
        guard.stdin.close()
        try:
            guard.wait(END_S)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()
        guard.stdout.close()


def become_guard() -> None:
    """In that process: say that it listens. Only its set-up's end, or death, is what ends it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.write(1, READY)
