"""The ring: every record arrives once at each reader, whole and in order, whoever dies."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.shared_memory.ring import HEADER_WORDS, READERS, W_WRITTEN, Ring, seal
from robot.shared_memory.shared_block import SHARED_FOLDER

RECORD = np.dtype([("number", "<u8"), ("values", "<f4", (33,)), ("flag", "u1")])  # 141 bytes: not a multiple of 8


def record(number: int) -> np.ndarray:
    """A record whose every byte follows from its number."""
    out = np.zeros((), RECORD)
    out["number"], out["values"], out["flag"] = number, np.arange(33) * (number % 1000), number % 2
    return out


def is_whole(records: np.ndarray) -> bool:
    return all(row == record(int(row["number"])) for row in records)


def new_name() -> str:
    return f"test-ring-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def ring() -> Iterator[Ring]:
    ring = Ring.create(new_name(), RECORD, 8)
    yield ring
    ring.close()


def test_records_arrive_in_order_and_whole(ring: Ring) -> None:
    for number in range(5):
        assert ring.write(record(number))
    records = ring.read()
    assert list(records["number"]) == [0, 1, 2, 3, 4]
    assert is_whole(records)
    assert len(ring.read()) == 0


def test_a_full_ring_drops_the_newest_and_counts(ring: Ring) -> None:
    written = [ring.write(record(number)) for number in range(11)]
    assert written == [True] * 8 + [False] * 3
    assert (ring.dropped, ring.free_slots) == (3, 0)
    assert list(ring.read()["number"]) == list(range(8))
    ring.release()
    assert ring.free_slots == 8


def test_what_was_read_but_not_released_is_read_again_by_the_next_reader(ring: Ring) -> None:
    for number in range(6):
        ring.write(record(number))
    reader = Ring.attach(ring.block.name, RECORD)
    reader.read(2)
    reader.release()
    reader.read(3)
    reader.close()
    successor = Ring.attach(ring.block.name, RECORD)
    assert list(successor.read()["number"]) == [2, 3, 4, 5]
    successor.close()


def test_a_restarted_writer_goes_on_where_the_dead_one_stopped(ring: Ring) -> None:
    ring.write(record(0))
    successor = Ring.attach(ring.block.name, RECORD)
    successor.write(record(1))
    successor.close()
    assert list(ring.read()["number"]) == [0, 1]


def test_a_record_sealed_but_not_counted_by_a_killed_writer_is_kept(ring: Ring) -> None:
    ring.write(record(0))
    ring.write(record(1))
    ring.block.words[W_WRITTEN] = 1  # as if killed just before counting the second
    Ring.attach(ring.block.name, RECORD).write(record(2))
    assert list(ring.read()["number"]) == [0, 1, 2]


@settings(max_examples=200, deadline=None)
@given(cut=st.integers(0, 8 * 21), turns=st.integers(0, 20))
def test_a_torn_record_is_never_read(cut: int, turns: int) -> None:
    """Only the first `cut` bytes of a slot reach memory, over whatever lay there before; the count says it is there."""
    ring = Ring.create(new_name(), RECORD, 4)
    try:
        for number in range(turns):
            ring.write(record(number))
            ring.read()
            ring.release()
        start, size = 8 * ring._slot(turns), 8 * ring._slot_words
        before = bytes(ring.block.bytes[start : start + size])
        ring.write(record(turns))
        after = bytes(ring.block.bytes[start : start + size])
        ring.block.bytes[start + cut : start + size] = before[cut:]
        torn = bytes(ring.block.bytes[start : start + size]) != after
        records = ring.read()
        assert len(records) == (0 if torn else 1)
        assert ring.damaged == int(torn)
        assert is_whole(records)
    finally:
        ring.close()


@settings(max_examples=100, deadline=None)
@given(position=st.integers(0, 8 * 21 - 1), flip=st.integers(1, 255))
def test_a_flipped_byte_is_never_read(position: int, flip: int) -> None:
    ring = Ring.create(new_name(), RECORD, 2)
    try:
        ring.write(record(77))
        ring.write(record(78))
        ring.block.bytes[8 * HEADER_WORDS + position] ^= flip
        records = ring.read()
        assert is_whole(records)
        assert 78 in records["number"]
    finally:
        ring.close()


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from(["write", "read", "release", "writer dies", "reader dies"]),
                                st.integers(1, 5)), max_size=40))  # fmt: skip
def test_under_any_interleaving_nothing_is_lost_but_what_was_dropped(steps: list[tuple[str, int]]) -> None:
    owner = Ring.create(new_name(), RECORD, 4)
    writer, reader = Ring.attach(owner.block.name, RECORD), Ring.attach(owner.block.name, RECORD)
    sent: list[int] = []
    kept: list[int] = []
    pending: list[int] = []
    number = 0
    try:
        for step, times in steps:
            if step == "write":
                for _ in range(times):
                    number += 1
                    if writer.write(record(number)):
                        sent.append(number)
            elif step == "read":
                pending += list(reader.read(times)["number"])
            elif step == "release":
                kept, pending = kept + pending, []
                reader.release()
            elif step == "writer dies":
                writer = Ring.attach(owner.block.name, RECORD)
            else:
                reader, pending = Ring.attach(owner.block.name, RECORD), []
        assert kept + pending + list(reader.read()["number"]) == sent
        assert owner.dropped == number - len(sent)
        assert owner.damaged == 0
    finally:
        owner.close()


class Following:
    """A reader of a ring, which dies and returns, and what its lives saw: `kept`, what they were done with."""

    def __init__(self, name: str, number: int) -> None:
        self.name, self.number = name, number
        self.ring = Ring.attach(name, RECORD, number)
        self.kept: list[int] = []
        self.pending: list[int] = []

    def read(self, most: int) -> None:
        missed = self.ring.missed
        records = self.ring.read(most)
        assert is_whole(records)
        if self.ring.missed != missed:  # what it had not released is overwritten too: no successor can read it
            self.release_pending()
        self.pending += list(records["number"])

    def release(self) -> None:
        self.ring.release()
        self.release_pending()

    def release_pending(self) -> None:
        self.kept, self.pending = self.kept + self.pending, []

    def dies_and_returns(self) -> None:
        self.ring.close()
        self.ring, self.pending = Ring.attach(self.name, RECORD, self.number), []


@settings(max_examples=300, deadline=None)
@given(keeper=st.integers(0, READERS - 1),
       steps=st.lists(st.tuples(st.sampled_from(["write", "read", "release", "dies"]), st.integers(0, 2),
                                st.integers(1, 6)), max_size=60))  # fmt: skip
def test_no_reader_costs_another_one_a_record(keeper: int, steps: list[tuple[str, int, int]]) -> None:
    """The keeper gets all that was written; followers too, but for what was overwritten while they were away."""
    owner = Ring.create(new_name(), RECORD, 4, keeper)
    writer = Ring.attach(owner.block.name, RECORD)
    readers = [Following(owner.block.name, (keeper + k) % READERS) for k in range(3)]
    sent: list[int] = []
    try:
        for step, who, times in steps:
            if step == "write":
                for _ in range(times):
                    number = len(sent) + owner.dropped
                    held = len(sent) - len(readers[0].kept)  # by the keeper alone
                    assert writer.write(record(number)) is (held < 4)
                    sent += [number] if held < 4 else []
            elif step == "read":
                readers[who].read(times)
            elif step == "release":
                readers[who].release()
            else:
                readers[who].dies_and_returns()
        for reader in readers:
            reader.read(100)
            reader.release()
        assert readers[0].kept == sent and readers[0].ring.missed == 0
        for reader in readers[1:]:
            assert reader.kept == sorted(set(reader.kept) & set(sent))
            assert len(reader.kept) + reader.ring.missed == len(sent)
            assert reader.kept[-4:] == sent[-4:]
        assert all(reader.ring.damaged == 0 and reader.ring.waiting == 0 for reader in readers)
    finally:
        for reader in readers:
            reader.ring.close()
        writer.close()
        owner.close()


def test_a_follower_that_was_never_there_blocks_nobody_and_begins_with_the_oldest_that_is_left(ring: Ring) -> None:
    for number in range(20):
        assert ring.write(record(number))
        ring.read()
        ring.release()
    follower = Ring.attach(ring.block.name, RECORD, 1)
    assert list(follower.read()["number"]) == list(range(12, 20))
    assert follower.missed == 12
    assert (ring.released_by(0), ring.released_by(1), ring.free_slots) == (20, 12, 8)
    follower.release()
    assert ring.released_by(1) == 20
    follower.close()


def test_a_follower_does_not_take_a_slot_that_is_being_written_for_a_damaged_record(ring: Ring) -> None:
    for number in range(8):
        ring.write(record(number))
    ring.read()
    ring.release()
    follower = Ring.attach(ring.block.name, RECORD, 1)
    ring.block.words[ring._slot(8)] = 9  # the writer has come round to record 0's slot, and was killed there
    assert list(follower.read()["number"]) == list(range(1, 8))
    assert (follower.missed, follower.damaged) == (1, 0)
    follower.close()


@given(st.integers(0, 1 << 40), st.integers(0, RECORD.itemsize))
def test_half_an_old_record_before_half_a_new_one_is_none_though_its_first_number_counts_with_the_records(
    number: int, copied: int
) -> None:
    ring = Ring.create(new_name(), RECORD, 8)
    try:
        ring.block.words[W_WRITTEN] = ring.block.words[ring._mine] = number
        old, new = record(number).tobytes(), record(number + 8).tobytes()
        ring.write(record(number))
        start = ring._slot(number)
        ring.block.words[start + 1] = seal(new, number + 9)  # the writer has come round while a reader copied
        ring._payload(start)[:] = old[:copied] + new[copied:]
        assert ring._intact(number) is None
    finally:
        ring.close()


@pytest.mark.parametrize("reader", [-1, READERS])
def test_a_reader_without_a_cursor_is_refused(ring: Ring, reader: int) -> None:
    with pytest.raises(ValueError, match=f"reader is {reader}, allowed: 0 to 3"):
        Ring.attach(ring.block.name, RECORD, reader)
    with pytest.raises(ValueError, match=f"reader is {reader}, allowed: 0 to 3"):
        Ring.create(new_name(), RECORD, 4, keeper=reader)


def write_forever(name: str) -> None:
    ring = Ring.attach(name, RECORD)
    number = ring.written + (
        ring._intact(ring.written) is not None
    )  # the one before may have died before it counted its last
    while True:
        number += ring.write(record(number))


def test_a_writer_killed_at_any_moment_leaves_only_whole_records() -> None:
    ring = Ring.create(new_name(), RECORD, 64)
    context = multiprocessing.get_context("fork")
    expected = 0
    try:
        for life in range(8):
            writer = context.Process(target=write_forever, args=(ring.block.name,))
            writer.start()
            end = time.monotonic() + 0.03 + 0.005 * life
            while time.monotonic() < end:
                records = ring.read()
                assert list(records["number"]) == list(range(expected, expected + len(records)))
                assert is_whole(records)
                expected += len(records)
                ring.release()
            os.kill(writer.pid or 0, signal.SIGKILL)
            writer.join()
        assert expected > 8
        assert ring.damaged == 0
    finally:
        writer.kill()
        ring.close()


def follow_for_ever(name: str) -> None:
    ring = Ring.attach(name, RECORD, 1)
    while True:
        assert is_whole(ring.read(3))
        ring.release()


def test_a_follower_killed_at_any_moment_takes_up_its_own_place(ring: Ring) -> None:
    context = multiprocessing.get_context("fork")
    number = 0
    for life in range(6):
        follower = context.Process(target=follow_for_ever, args=(ring.block.name,))
        follower.start()
        end = time.monotonic() + 0.03 + 0.004 * life
        try:
            while time.monotonic() < end:
                number += ring.write(record(number))
                assert is_whole(ring.read())
                ring.release()
        finally:
            os.kill(follower.pid or 0, signal.SIGKILL)
            follower.join()
        assert follower.exitcode == -signal.SIGKILL  # and not of a record that was not whole
    assert ring.released_by(0) == number == ring.written
    successor = Ring.attach(ring.block.name, RECORD, 1)
    left = successor.read()["number"]
    assert list(left) == list(range(number - len(left), number))
    assert ring.dropped == ring.damaged == successor.damaged == 0
    successor.close()


def test_the_death_of_a_process_that_only_attached_leaves_the_ring_there(ring: Ring) -> None:
    program = f"from robot.shared_memory.shared_block import SharedBlock; SharedBlock.attach({ring.block.name!r})"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stderr == ""
    Ring.attach(ring.block.name, RECORD).close()


def test_the_creator_removes_the_name() -> None:
    ring = Ring.create(new_name(), RECORD, 2)
    path = SHARED_FOLDER / ring.block.name
    assert path.exists()
    ring.close()
    assert not path.exists()


def test_a_ring_of_other_records_is_refused(ring: Ring) -> None:
    with pytest.raises(ValueError, match="layout"):
        Ring.attach(ring.block.name, np.dtype([("number", "<u8")]))


def test_finish_lets_the_reader_leave(ring: Ring) -> None:
    reader = Ring.attach(ring.block.name, RECORD)
    ring.write(record(0))
    assert not reader.finished
    ring.finish()
    assert reader.finished
    assert reader.waiting == 1
    reader.close()
