"""A ring of records in shared memory: one process writes, one reads, neither waits for the other, either may die.

    header (4 cache lines)   who we are | write cursor, dropped | read cursor, damaged | finished
    slot, `capacity` times   sequence | CRC-32 | payload, padded to 8 bytes | sequence

Record n (from 0) lies in slot n % capacity and carries the sequence number n + 1 before and after its payload, and a
CRC-32 over payload and sequence number. The reader takes a record only if all three agree: so it is right on machines
that reorder stores, and after a writer was killed in the middle of a record.
"""

import time
import zlib

import numpy as np

from robot.shared_memory.shared_block import SharedBlock

MAGIC = int.from_bytes(b"robring1", "little")
HEADER_WORDS = 32
W_MAGIC, W_LAYOUT, W_CAPACITY = 0, 1, 2
W_WRITTEN, W_DROPPED = 8, 9  # the writer's cache line
W_RELEASED, W_DAMAGED = 16, 17  # the reader's
W_FINISHED = 24
SETTLE_S = 0.01  # how long a published record may take to show up before it counts as damaged


def layout_of(dtype: np.dtype) -> int:
    """CRC-32 of a dtype's description: both sides must mean the same record."""
    return zlib.crc32(f"{dtype.descr} {dtype.itemsize}".encode())


class Ring:
    """Single-producer, single-consumer ring of records of one NumPy structured dtype.

    Both cursors live in the block: a restarted writer or reader goes on where the dead one stopped. Reading is in two
    steps, `read` and `release`: what was read but not yet released (say, not yet on disk) is read again by a successor.
    """

    def __init__(self, block: SharedBlock, dtype: np.dtype) -> None:
        self.block = block
        self.dtype = dtype
        self.capacity = block.words[W_CAPACITY]
        self._payload_words = -(-dtype.itemsize // 8)
        self._slot_words = self._payload_words + 3
        self._read = block.words[W_RELEASED]  # this reader's own place, ahead of what it has released

    @classmethod
    def create(cls, name: str, dtype: np.dtype, capacity: int) -> "Ring":
        """Make an empty ring of `capacity` records; the creator owns the name."""
        if capacity < 1:
            raise ValueError(f"ring {name}: capacity is {capacity}, it must be at least 1")
        slot_words = -(-dtype.itemsize // 8) + 3
        block = SharedBlock.create(name, 8 * (HEADER_WORDS + capacity * slot_words))
        block.words[W_LAYOUT] = layout_of(dtype)
        block.words[W_CAPACITY] = capacity
        block.words[W_MAGIC] = MAGIC
        return cls(block, dtype)

    @classmethod
    def attach(cls, name: str, dtype: np.dtype) -> "Ring":
        """Open an existing ring, as its writer or its reader.

        Raises FileNotFoundError if there is none, ValueError if it holds other records.
        """
        block = SharedBlock.attach(name)
        found = (block.words[W_MAGIC], block.words[W_LAYOUT])
        if found != (MAGIC, layout_of(dtype)):
            block.close()
            raise ValueError(f"ring {name}: layout is {found[1]:#x}, this program's records need {layout_of(dtype):#x}")
        return cls(block, dtype)

    # The writer's side

    def write(self, record: np.ndarray | np.void) -> bool:
        """Append one record, or drop and count it if the ring is full. Never waits. True if it was written."""
        words = self.block.words
        n = words[W_WRITTEN]
        if self._intact(n) is not None:  # a writer died between sealing this record and counting it
            n += 1
            words[W_WRITTEN] = n
        if n - words[W_RELEASED] >= self.capacity:
            words[W_DROPPED] += 1
            return False
        start = self._slot(n)
        payload = record.tobytes()
        words[start] = n + 1
        self._payload(start)[:] = payload
        words[start + 1] = zlib.crc32(payload, n + 1 & 0xFFFFFFFF)
        words[start + self._slot_words - 1] = n + 1
        words[W_WRITTEN] = n + 1
        return True

    @property
    def free_slots(self) -> int:
        """How many records can be written before one would be dropped. In lockstep the writer waits for this."""
        return self.capacity - (self.block.words[W_WRITTEN] - self.block.words[W_RELEASED])

    @property
    def written(self) -> int:
        """Records ever written."""
        return self.block.words[W_WRITTEN]

    @property
    def released(self) -> int:
        """Records that the reader has given back."""
        return self.block.words[W_RELEASED]

    @property
    def dropped(self) -> int:
        """Records lost because the ring was full."""
        return self.block.words[W_DROPPED]

    def finish(self) -> None:
        """Say that nothing more will be written, so that the reader may leave once it has drained the ring."""
        self.block.words[W_FINISHED] = 1

    # The reader's side

    def read(self, most: int = 1 << 30) -> np.ndarray:
        """Copy up to `most` new records, oldest first: (k,) of the ring's dtype, k may be 0. Never waits for a writer.

        A record that is published but whose checks do not agree within SETTLE_S is skipped and counted as damaged.
        """
        words = self.block.words
        payloads: list[bytes] = []
        while len(payloads) < most and self._read < words[W_WRITTEN]:
            payload = self._settled(self._read)
            self._read += 1
            if payload is None:
                words[W_DAMAGED] += 1
            else:
                payloads.append(payload)
        return np.frombuffer(b"".join(payloads), dtype=self.dtype)

    def release(self) -> None:
        """Give the slots of everything read so far back to the writer."""
        self.block.words[W_RELEASED] = self._read

    @property
    def waiting(self) -> int:
        """Records written and not yet read by this reader."""
        return self.block.words[W_WRITTEN] - self._read

    @property
    def damaged(self) -> int:
        """Published records that were skipped because their checks did not agree."""
        return self.block.words[W_DAMAGED]

    @property
    def finished(self) -> bool:
        """True if the writing side said that nothing more will come."""
        return bool(self.block.words[W_FINISHED])

    def close(self) -> None:
        """Unmap; the creator also removes the name."""
        self.block.close()

    # A slot

    def _slot(self, n: int) -> int:
        return HEADER_WORDS + (n % self.capacity) * self._slot_words

    def _payload(self, start: int) -> memoryview:
        first = 8 * (start + 2)
        return self.block.bytes[first : first + self.dtype.itemsize]

    def _intact(self, n: int) -> bytes | None:
        """The payload of record n if its slot holds it whole."""
        words, start = self.block.words, self._slot(n)
        if words[start] != n + 1 or words[start + self._slot_words - 1] != n + 1:
            return None
        payload = bytes(self._payload(start))
        return payload if words[start + 1] == zlib.crc32(payload, n + 1 & 0xFFFFFFFF) else None

    def _settled(self, n: int) -> bytes | None:
        payload = self._intact(n)
        if payload is None:
            give_up = time.monotonic() + SETTLE_S
            while payload is None and time.monotonic() < give_up:
                payload = self._intact(n)
        return payload
