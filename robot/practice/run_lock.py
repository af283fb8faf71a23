"""One run, one owner: a lock on a run's folder that lasts until the last process of its session has ended."""

import fcntl
import os
import time
from pathlib import Path

from robot.runtime.left_behind import is_alive

LOCK_FILE = "lock"  # holds the owner's process id
ORPHANS_S = 20.0  # how long the processes of a session that was killed may take to end


class RunLock:
    """Held from construction on, by this process and by all that inherit its descriptor.

    Raises BlockingIOError, naming the other process, if the run has an owner.
    """

    def __init__(self, folder: Path) -> None:
        self.descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        patience_s = time.monotonic() + ORPHANS_S
        while not self._taken():
            owner = int(os.pread(self.descriptor, 20, 0).decode() or 0)
            if is_alive(owner):
                self.release()
                raise BlockingIOError(
                    f"{folder}: another session, process {owner}, is at work on this run; end it first"
                )
            if time.monotonic() > patience_s:
                self.release()
                raise BlockingIOError(
                    f"{folder}: processes of a session that was killed (process {owner}) are still at work on this run"
                )
            time.sleep(0.1)
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, str(os.getpid()).encode(), 0)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Let go. The file stays: who waits for it has it open. Safe to call twice."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
