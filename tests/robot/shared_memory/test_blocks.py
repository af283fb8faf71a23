"""A shared record is read whole, also while it is written, also after its writer died in the middle."""

import os
import threading
from collections.abc import Iterator

import pytest

from robot.shared_memory.blocks import CONTROL_STATUS, SharedRecord


@pytest.fixture
def record() -> Iterator[SharedRecord]:
    record = SharedRecord.create(f"test-blocks-{os.getpid()}", CONTROL_STATUS)
    yield record
    record.close()


def test_another_process_sees_what_was_written(record: SharedRecord) -> None:
    other = SharedRecord.attach(f"test-blocks-{os.getpid()}", CONTROL_STATUS)
    record.write(tick=3, weights_age_s=1.5)
    seen = other.read()
    assert (seen["tick"], seen["weights_age_s"]) == (3, 1.5)
    other.close()


def test_a_reader_never_sees_half_of_a_write(record: SharedRecord) -> None:
    done = threading.Event()

    def write() -> None:
        for number in range(3000):
            record.write(tick=number, late_p50_us=float(number), period_p999_us=float(number))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        seen = record.read()
        assert seen["tick"] == seen["late_p50_us"] == seen["period_p999_us"]
    writer.join()


def test_a_writer_that_died_in_the_middle_does_not_hang_the_reader(record: SharedRecord) -> None:
    record.write(tick=9)
    record._sequence[0] += 1
    assert record.read()["tick"] == 9
