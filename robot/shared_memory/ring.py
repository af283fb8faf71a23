"""A ring of records in shared memory: one process writes, some read, nobody waits for anybody, anyone may die.

    header (3 cache lines)        who we are | write cursor, dropped | finished
    reader, `READERS` times       a cache line: read cursor, damaged, missed
    slot, `capacity` times        sequence | CRC-32 | payload, padded to 8 bytes | sequence

Record n (from 0) lies in slot n % capacity and carries the sequence number n + 1 before and after its payload, and a
CRC-32 over payload and sequence number. A reader takes a record only if all three agree, and still do when it has copied
it: so it is right on machines that reorder stores, and after a writer was killed in the middle of a record.

Every reader has a cursor of its own. One of them is the ring's keeper: what it has not released is not overwritten, a
record that finds no room is dropped and counted. The others follow: who falls a whole ring behind misses the oldest
records, which is counted for it alone. So a reader that hangs, died or was never there costs no other one a record.
"""

import time
import zlib

import numpy as np

from robot.shared_memory.shared_block import SharedBlock

MAGIC = int.from_bytes(b"robring2", "little")
READERS = 4
CACHE_LINE = 8  # words
HEADER_WORDS = (3 + READERS) * CACHE_LINE
W_MAGIC, W_LAYOUT, W_CAPACITY, W_KEEPER = 0, 1, 2, 3  # the last: which word is the keeper's cursor
W_WRITTEN, W_DROPPED = 8, 9  # the writer's cache line
W_FINISHED = 16
W_READERS = 24
DAMAGED, MISSED = 1, 2  # within a reader's cache line, behind its cursor
SETTLE_S = 0.01  # how long a published record may take to show up before it counts as damaged


def layout_of(dtype: np.dtype) -> int:
    """CRC-32 of a dtype's description: both sides must mean the same record."""
    return zlib.crc32(f"{dtype.descr} {dtype.itemsize}".encode())


def seal(payload: bytes, sequence: int) -> int:
    """CRC-32 of a record. The sequence number comes last: as the checksum's start it would cancel a payload's first number
    that counts with it, such as a tick, and half an old record before half a new one would pass."""
    return zlib.crc32(sequence.to_bytes(8, "little"), zlib.crc32(payload))


def cursor_of(reader: int) -> int:
    """The word that counts what a reader has released. Raises ValueError for a number that no reader has."""
    if not 0 <= reader < READERS:
        raise ValueError(f"ring: reader is {reader}, allowed: 0 to {READERS - 1}")
    return W_READERS + reader * CACHE_LINE


class Ring:
    """Ring of records of one NumPy structured dtype, with one writer and up to READERS readers, by number.

    All cursors live in the block: a restarted writer or reader goes on where the dead one stopped. Reading is in two
    steps, `read` and `release`: what was read but not yet released (say, not yet on disk) is read again by a successor.
    """

    def __init__(self, block: SharedBlock, dtype: np.dtype, reader: int | None) -> None:
        self.block = block
        self.dtype = dtype
        self.capacity = block.words[W_CAPACITY]
        self._payload_words = -(-dtype.itemsize // 8)
        self._slot_words = self._payload_words + 3
        self._kept = block.words[W_KEEPER]
        self._mine = self._kept if reader is None else cursor_of(reader)
        self._read = block.words[self._mine]  # this reader's own place, ahead of what it has released

    @classmethod
    def create(cls, name: str, dtype: np.dtype, capacity: int, keeper: int = 0, reader: int | None = None) -> "Ring":
        """Make an empty ring of `capacity` records; the creator owns the name.

        keeper: the reader whom slots wait for. reader: whose cursor the creator itself reads with; None: the keeper's.
        """
        if capacity < 1:
            raise ValueError(f"ring {name}: capacity is {capacity}, it must be at least 1")
        kept, slot_words = cursor_of(keeper), -(-dtype.itemsize // 8) + 3
        block = SharedBlock.create(name, 8 * (HEADER_WORDS + capacity * slot_words))
        block.words[W_LAYOUT] = layout_of(dtype)
        block.words[W_CAPACITY] = capacity
        block.words[W_KEEPER] = kept
        block.words[W_MAGIC] = MAGIC
        return cls(block, dtype, reader)

    @classmethod
    def attach(cls, name: str, dtype: np.dtype, reader: int | None = None) -> "Ring":
        """Open an existing ring, as its writer or as one of its readers; None: the keeper.

        Raises FileNotFoundError if there is none, ValueError if it holds other records.
        """
        block = SharedBlock.attach(name)
        found = (block.words[W_MAGIC], block.words[W_LAYOUT])
        if found != (MAGIC, layout_of(dtype)):
            block.close()
            raise ValueError(f"ring {name}: layout is {found[1]:#x}, this program's records need {layout_of(dtype):#x}")
        return cls(block, dtype, reader)

    # The writer's side

    def write(self, record: np.ndarray | np.void) -> bool:
        """Append one record, or drop and count it if the keeper left no room. Never waits. True if it was written."""
        words = self.block.words
        n = words[W_WRITTEN]
        if self._intact(n) is not None:  # a writer died between sealing this record and counting it
            n += 1
            words[W_WRITTEN] = n
        if n - words[self._kept] >= self.capacity:
            words[W_DROPPED] += 1
            return False
        start = self._slot(n)
        payload = record.tobytes()
        words[start] = n + 1
        self._payload(start)[:] = payload
        words[start + 1] = seal(payload, n + 1)
        words[start + self._slot_words - 1] = n + 1
        words[W_WRITTEN] = n + 1
        return True

    @property
    def free_slots(self) -> int:
        """How many records can be written before one would be dropped. In lockstep the writer waits for this."""
        return self.capacity - (self.block.words[W_WRITTEN] - self.block.words[self._kept])

    @property
    def written(self) -> int:
        """Records ever written."""
        return self.block.words[W_WRITTEN]

    def released_by(self, reader: int) -> int:
        """Records that a reader is done with."""
        return self.block.words[cursor_of(reader)]

    @property
    def dropped(self) -> int:
        """Records lost because the ring was full."""
        return self.block.words[W_DROPPED]

    def finish(self) -> None:
        """Say that nothing more will be written, so that readers may leave once they have drained the ring."""
        self.block.words[W_FINISHED] = 1

    # The reader's side

    def read(self, most: int = 1 << 30) -> np.ndarray:
        """Copy up to `most` new records, oldest first: (k,) of the ring's dtype, k may be 0. Never waits for a writer.

        A record that is published but whose checks do not agree within SETTLE_S is skipped and counted as damaged, one
        that was overwritten before this reader came to it as missed.
        """
        words = self.block.words
        payloads: list[bytes] = []
        while len(payloads) < most and self._read < words[W_WRITTEN]:
            if words[W_WRITTEN] - self._read > self.capacity:
                self._skip_overwritten()
            payload = self._settled(self._read)
            if payload is not None:
                payloads.append(payload)
            else:  # overwritten meanwhile, or just now, if the writer has come round to its slot
                came_round = self._mine != self._kept and words[W_WRITTEN] - self._read >= self.capacity
                words[self._mine + (MISSED if came_round else DAMAGED)] += 1
            self._read += 1
        return np.frombuffer(b"".join(payloads), dtype=self.dtype)

    def _skip_overwritten(self) -> None:
        """Go on with the oldest record that is left; what was read and not released before it is gone as well."""
        words = self.block.words
        oldest = words[W_WRITTEN] - self.capacity
        words[self._mine + MISSED] += oldest - self._read
        self._read = words[self._mine] = oldest

    def release(self) -> None:
        """Be done with everything read so far: a successor begins after it, and the keeper's slots are the writer's."""
        self.block.words[self._mine] = self._read

    @property
    def waiting(self) -> int:
        """Records written and not yet read by this reader."""
        return self.block.words[W_WRITTEN] - self._read

    @property
    def damaged(self) -> int:
        """Published records that this reader skipped because their checks did not agree."""
        return self.block.words[self._mine + DAMAGED]

    @property
    def missed(self) -> int:
        """Records that were overwritten before this reader, which follows, came to them."""
        return self.block.words[self._mine + MISSED]

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
        if words[start + self._slot_words - 1] != n + 1:
            return None
        payload = bytes(self._payload(start))
        return payload if words[start] == n + 1 and words[start + 1] == seal(payload, n + 1) else None

    def _settled(self, n: int) -> bytes | None:
        payload = self._intact(n)
        if payload is None:
            give_up = time.monotonic() + SETTLE_S
            while payload is None and time.monotonic() < give_up:
                payload = self._intact(n)
        return payload
