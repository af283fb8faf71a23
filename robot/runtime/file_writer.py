"""Files of a run, written beside a loop that must not wait: a memory card may need longer for one than a guardian waits for a sign of life."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from policies.array_file import write_bytes_atomically


class FileWriter:
    """Of one folder, in order. waits: each is on disk before control goes on, as in lockstep, where the learner is to find it."""

    def __init__(self, folder: Path, waits: bool) -> None:
        self._folder, self._waits = folder, waits
        self._beside = ThreadPoolExecutor(1, "files")
        self._writes: list[Future[None]] = []

    def write(self, name: str, contents: bytes) -> None:
        """Have a file written, the old one or the new one at any moment."""
        write = self._beside.submit(write_bytes_atomically, self._folder / name, [contents])
        self._writes.append(write)
        if self._waits:
            write.exception()

    @property
    def failed(self) -> bool:
        """Whether one could not be written: `close` says why."""
        return any(write.done() and write.exception() is not None for write in self._writes)

    def close(self) -> None:
        """Wait for all. Raises OSError, which names the file, for the first that could not be written."""
        self._beside.shutdown()
        for write in self._writes:
            write.result()
