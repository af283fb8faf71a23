"""A record is read whole or not at all, also after its writer died in the middle of one."""

import os
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from robot.shared_memory.sealed_record import SealedRecord, slot_bytes

DTYPE = np.dtype([("time_s", "f8"), ("numbers", "f4", (3,))])
NAME = f"test-sealed-record-{os.getpid()}"


def record(number: float) -> np.ndarray:
    made = np.zeros((), DTYPE)
    made["time_s"], made["numbers"] = number, number
    return made


@pytest.fixture
def shown() -> Iterator[SealedRecord]:
    shown = SealedRecord.create(NAME, DTYPE)
    yield shown
    shown.close()


def test_the_newest_is_read_elsewhere(shown: SealedRecord) -> None:
    other = SealedRecord.attach(NAME, DTYPE)
    assert other.read() is None
    for number in range(1, 6):
        shown.write(record(number))
        assert other.read() == record(number)
    other.close()


@pytest.mark.parametrize("byte", [0, 8, 16, 16 + DTYPE.itemsize - 1])
def test_one_that_is_half_written_leaves_the_one_before(shown: SealedRecord, byte: int) -> None:
    shown.write(record(1))
    shown.write(record(2))
    shown._block.bytes[byte] ^= 1  # the second one's slot
    assert shown.read() == record(1)


def test_a_writer_that_is_started_again_is_newer_than_what_was_left(shown: SealedRecord) -> None:
    for number in range(1, 4):
        shown.write(record(number))
    successor = SealedRecord.attach(NAME, DTYPE)
    successor.write(record(4))
    assert shown.read() == record(4)
    successor.close()


def test_beside_a_writer_in_a_hurry_there_is_always_a_whole_one(shown: SealedRecord) -> None:
    shown.write(record(0))
    ended = threading.Event()

    def hurry() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            shown.write(record(number))

    writer = threading.Thread(target=hurry)
    writer.start()
    newest = 0.0
    for _ in range(3000):
        found = shown.read()
        assert found is not None and (found["numbers"] == found["time_s"]).all() and found["time_s"] >= newest
        newest = float(found["time_s"])
    ended.set()
    writer.join()
    assert newest > 0.0


def test_records_of_another_size_are_refused(shown: SealedRecord) -> None:
    with pytest.raises(ValueError, match=f"found {2 * slot_bytes(DTYPE)} bytes"):
        SealedRecord.attach(NAME, np.dtype([("time_s", "f8")]))
