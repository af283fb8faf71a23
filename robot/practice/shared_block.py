"""A named block of memory that several processes map: the ground under the ring and the mailbox."""

import mmap
import os
from multiprocessing import resource_tracker
from pathlib import Path

SHARED_FOLDER = Path("/dev/shm")


class SharedBlock:
    """POSIX shared memory, mapped. `multiprocessing.shared_memory` is not used because its attaching side registers
    the block with the resource tracker too, so that the death of any process that ever looked at it unlinks it.

    Here only the owner is registered: if it is killed, the tracker removes the name; the others' maps stay valid.
    """

    def __init__(self, name: str, memory: mmap.mmap, owner: bool) -> None:
        self.name = name
        self.memory = memory
        self.words = memoryview(memory).cast("Q")  # aligned 8-byte items: each is stored by one instruction
        self.bytes = memoryview(memory)
        self.owner = owner

    @classmethod
    def create(cls, name: str, size: int) -> "SharedBlock":
        """Make a zeroed block of `size` bytes, a multiple of 8. Raises FileExistsError, or OSError: no memory."""
        descriptor = os.open(SHARED_FOLDER / name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)  # fails here, where ftruncate would leave a bus error for later
            memory = mmap.mmap(descriptor, size)
        except OSError:
            os.unlink(SHARED_FOLDER / name)
            raise
        finally:
            os.close(descriptor)
        resource_tracker.register("/" + name, "shared_memory")
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
            os.unlink(SHARED_FOLDER / self.name)
            resource_tracker.unregister("/" + self.name, "shared_memory")
