"""A named block of memory that several processes map: the ground under the ring and the mailbox."""

import mmap
import os
from contextlib import suppress
from pathlib import Path

SHARED_FOLDER = Path("/dev/shm")


class SharedBlock:
    """POSIX shared memory, mapped. `multiprocessing.shared_memory` is not used because its attaching side registers
    the block with the resource tracker too, so that the death of any process that ever looked at it unlinks it; and
    the tracker dies of the terminal's signals.

    If the owner is killed, the others' maps stay valid; who is left removes the name (`robot.runtime.left_behind`).
    """

    def __init__(self, name: str, memory: mmap.mmap, owner: bool) -> None:
        self.name = name
        self.memory = memory
        self.words = memoryview(memory).cast("Q")  # aligned 8-byte items: each is stored by one instruction
        self.bytes = memoryview(memory)
        self.owner = owner

    @classmethod
    def create(cls, name: str, size: int) -> "SharedBlock":
        """Make a zeroed block of `size` bytes, a multiple of 8. Raises FileExistsError, or OSError with its path."""
        descriptor = os.open(SHARED_FOLDER / name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)  # fails here, where ftruncate would leave a bus error for later
            memory = mmap.mmap(descriptor, size)
        except OSError as error:
            os.unlink(SHARED_FOLDER / name)
            raise OSError(error.errno, error.strerror, str(SHARED_FOLDER / name)) from error
        finally:
            os.close(descriptor)
        return cls(name, memory, owner=True)

    @classmethod
    def attach(cls, name: str) -> "SharedBlock":
        """Map a block that another process made. Raises FileNotFoundError."""
        descriptor = os.open(SHARED_FOLDER / name, os.O_RDWR)
        try:
            return cls(name, mmap.mmap(descriptor, 0), owner=False)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Unmap; the owner also removes the name. Safe to call twice."""
        if self.memory.closed:
            return
        self.words.release()
        self.bytes.release()
        self.memory.close()
        if self.owner:
            with suppress(FileNotFoundError):  # somebody tidied up
                os.unlink(SHARED_FOLDER / self.name)
