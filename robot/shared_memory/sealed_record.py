"""The newest record of one writer in shared memory, whole or not at all: many readers, and nobody ever waits.

    slot, twice      CRC-32 | number | the record

The slots take turns: if the writer dies in the middle of a record, the one before is whole, and read.
"""

import zlib

import numpy as np

from robot.shared_memory.shared_block import SharedBlock

HEAD_BYTES = 16  # of a slot, before its record
ATTEMPTS = 3  # a reader that was interrupted for as long as two records take finds both slots changed under its hands


class SealedRecord:
    """Of a structured dtype. A writer that is started again goes on behind what its predecessor left."""

    def __init__(self, block: SharedBlock, dtype: np.dtype) -> None:
        self.dtype = dtype
        self._block = block
        self._slot_bytes = slot_bytes(dtype)
        self._number = max((number for number, _ in self._whole()), default=0)

    @classmethod
    def create(cls, name: str, dtype: np.dtype) -> "SealedRecord":
        """Make an empty one; the creator owns the name."""
        return cls(SharedBlock.create(name, 2 * slot_bytes(dtype)), dtype)

    @classmethod
    def attach(cls, name: str, dtype: np.dtype) -> "SealedRecord":
        """Open an existing one. Raises FileNotFoundError, or ValueError if it holds records of another size."""
        block = SharedBlock.attach(name)
        if len(block.bytes) != 2 * slot_bytes(dtype):
            found = len(block.bytes)
            block.close()
            raise ValueError(f"record {name}: found {found} bytes, allowed: {2 * slot_bytes(dtype)}")
        return cls(block, dtype)

    def write(self, record: np.ndarray) -> None:
        """Leave a record, () of the dtype."""
        self._number += 1
        start, data = self._number % 2 * self._slot_bytes, record.tobytes()
        self._block.words[start // 8] = 0
        self._block.words[start // 8 + 1] = self._number
        self._block.bytes[start + HEAD_BYTES : start + HEAD_BYTES + len(data)] = data
        self._block.words[start // 8] = seal(self._number, data)

    def read(self) -> np.ndarray | None:
        """The newest whole record, () of the dtype; None before the first."""
        for _ in range(ATTEMPTS):
            newest = max(self._whole(), key=lambda one: one[0], default=None)
            if newest is not None:
                return np.frombuffer(newest[1], self.dtype)[0]
        return None

    def _whole(self) -> list[tuple[int, bytes]]:
        """Numbers and bytes of the slots that are whole."""
        found = []
        for start in (0, self._slot_bytes):
            sealed, number = self._block.words[start // 8], self._block.words[start // 8 + 1]
            data = bytes(self._block.bytes[start + HEAD_BYTES : start + HEAD_BYTES + self.dtype.itemsize])
            if sealed == seal(number, data):
                found.append((number, data))
        return found

    def close(self) -> None:
        """Unmap; the creator also removes the name."""
        self._block.close()


def slot_bytes(dtype: np.dtype) -> int:
    return HEAD_BYTES + -(-dtype.itemsize // 8) * 8


def seal(number: int, data: bytes) -> int:
    """Checksum of a slot; never 0, which an empty slot has."""
    return zlib.crc32(data, zlib.crc32(number.to_bytes(8, "little"))) | 1 << 32
