"""The mailbox: the reader gets the newest whole weights, or none; never a mixture."""

import math
import multiprocessing
import os
import signal
import time
import uuid
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.shared_memory.mailbox import HEADER_WORDS, Mailbox, checksum

SIZE = 101


def weights(step: int, size: int = SIZE) -> np.ndarray:
    return np.arange(size, dtype=np.float32) + np.float32(step)


def new_mailbox(size: int = SIZE) -> Mailbox:
    return Mailbox.create(f"test-mailbox-{uuid.uuid4().hex[:12]}", size)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    mailbox = new_mailbox()
    yield mailbox
    mailbox.close()


def test_an_empty_mailbox_gives_nothing(mailbox: Mailbox) -> None:
    assert mailbox.read() is None
    assert mailbox.version == 0


def test_the_newest_version_is_read_once(mailbox: Mailbox) -> None:
    for step in (10, 20, 30):
        mailbox.publish(weights(step), step, now_s=0.1 * step)
    got = mailbox.read()
    assert got is not None
    assert (got.version, got.step, got.published_s) == (3, 30, 3.0)
    np.testing.assert_array_equal(got.vector, weights(30))
    assert got.age_s(now_s=4.5) == 1.5
    assert mailbox.read(newer_than=3) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_not_published(mailbox: Mailbox, bad: float) -> None:
    mailbox.publish(weights(1), 1, 0.0)
    mad = weights(2)
    mad[50] = bad
    with pytest.raises(ValueError, match="step 2 are not finite"):
        mailbox.publish(mad, 2, 0.0)
    got = mailbox.read()
    assert got is not None and got.version == 1


def test_weights_that_are_not_finite_are_not_read_either(mailbox: Mailbox) -> None:
    """Even with a right checksum, as a writer that skips its own check would leave them."""
    mailbox.publish(weights(1), 1, 0.0)
    mailbox.publish(weights(2), 2, 0.0)
    start = mailbox._start(2)
    mad = weights(2)
    mad[3] = np.nan
    mailbox._vector(start)[:] = mad.tobytes()
    mailbox.block.words[start + 3] = checksum(2, 2, 0.0, mad.tobytes())
    got = mailbox.read()
    assert got is not None and got.version == 1
    assert mailbox.rejected == 1


@pytest.mark.parametrize("wrong", [np.zeros(SIZE + 1, np.float32), np.zeros(SIZE), np.zeros((1, SIZE), np.float32)])
def test_a_vector_of_another_shape_or_type_is_refused(mailbox: Mailbox, wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must be float32"):
        mailbox.publish(wrong, 1, 0.0)


def test_a_mailbox_of_another_network_is_refused(mailbox: Mailbox) -> None:
    with pytest.raises(ValueError, match="holds 101 weights, this program's actor has 102"):
        Mailbox.attach(mailbox.block.name, 102)


@settings(max_examples=200, deadline=None)
@given(cut=st.integers(0, 8 * 56), published=st.integers(0, 5))
def test_a_torn_version_is_never_read_and_is_overwritten_by_the_next_writer(cut: int, published: int) -> None:
    """Only the first `cut` bytes of the new buffer reach memory."""
    mailbox = new_mailbox()
    try:
        for step in range(1, published + 1):
            mailbox.publish(weights(step), step, 0.0)
        start, size = 8 * mailbox._start(published + 1), 8 * mailbox._buffer_words
        before = bytes(mailbox.block.bytes[start : start + size])
        mailbox.publish(weights(published + 1), published + 1, 0.0)
        after = bytes(mailbox.block.bytes[start : start + size])
        mailbox.block.bytes[start + cut : start + size] = before[cut:]
        torn = bytes(mailbox.block.bytes[start : start + size]) != after
        newest = published if torn else published + 1
        got = mailbox.read()
        assert (got.version if got else 0) == newest
        if got:
            np.testing.assert_array_equal(got.vector, weights(newest))
        assert mailbox.publish(weights(7), 7, 0.0) == newest + 1
        again = mailbox.read()
        assert again is not None and (again.version, again.step) == (newest + 1, 7)
    finally:
        mailbox.close()


@settings(max_examples=100, deadline=None)
@given(position=st.integers(0, 16 * 56 - 1), flip=st.integers(1, 255))
def test_a_flipped_byte_is_never_read(position: int, flip: int) -> None:
    mailbox = new_mailbox()
    try:
        for step in (1, 2):
            mailbox.publish(weights(step), step, float(step))
        mailbox.block.bytes[8 * HEADER_WORDS + position] ^= flip
        got = mailbox.read()
        assert got is not None
        assert got.published_s == got.step == got.version
        np.testing.assert_array_equal(got.vector, weights(got.step))
    finally:
        mailbox.close()


def publish_forever(name: str) -> None:
    mailbox = Mailbox.attach(name, 8000)
    while True:
        step = mailbox.version + 1
        mailbox.publish(weights(step, 8000), step, float(step))


def test_a_writer_killed_at_any_moment_leaves_a_whole_version_and_its_successor_goes_on() -> None:
    mailbox = new_mailbox(8000)
    context = multiprocessing.get_context("fork")
    seen = 0
    try:
        for life in range(8):
            writer = context.Process(target=publish_forever, args=(mailbox.block.name,))
            writer.start()
            end = time.monotonic() + 0.03 + 0.003 * life
            while time.monotonic() < end:
                got = mailbox.read(newer_than=seen)
                if got is not None:
                    assert got.version > seen
                    seen = got.version
                    np.testing.assert_array_equal(got.vector, weights(got.step, 8000))
            os.kill(writer.pid or 0, signal.SIGKILL)
            writer.join()
            left = mailbox.read()
            assert left is not None and left.version >= seen
        assert seen > 8
    finally:
        writer.kill()
        mailbox.close()


def test_what_is_believed_of_the_robot_travels_beside_the_weights_by_name() -> None:
    mailbox = Mailbox.create(f"test-mailbox-{uuid.uuid4().hex[:12]}", SIZE, ("grip", "mass_kg"))
    try:
        reader = Mailbox.attach(mailbox.block.name, SIZE, ("grip", "mass_kg"))
        mailbox.publish(weights(1), 1, 0.0)
        got = reader.read()
        assert got is not None and dict(got.belief) == {}, "nothing is found yet"
        mailbox.publish(weights(2), 2, 0.0, {"mass_kg": 3.5})
        got = reader.read()
        assert got is not None and dict(got.belief) == {"mass_kg": 3.5} and np.array_equal(got.vector, weights(2))
        for wrong in ({"mass_kg": math.nan}, {"grip": math.inf}, {"delay_s": 0.1}):
            with pytest.raises(ValueError, match=f"belief {next(iter(wrong))}: found"):
                mailbox.publish(weights(3), 3, 0.0, wrong)
        assert reader.version == 2
        reader.close()
        with pytest.raises(ValueError, match=r"not belief in \('mass_kg', 'grip'\)"):
            Mailbox.attach(mailbox.block.name, SIZE, ("mass_kg", "grip"))
    finally:
        mailbox.close()


@pytest.mark.parametrize("byte", range(8 * 2))
def test_one_flipped_bit_of_a_belief_leaves_the_version_before(byte: int) -> None:
    mailbox = Mailbox.create(f"test-mailbox-{uuid.uuid4().hex[:12]}", SIZE, ("grip", "mass_kg"))
    try:
        mailbox.publish(weights(1), 1, 0.0, {"grip": 0.9, "mass_kg": 3.0})
        mailbox.publish(weights(2), 2, 0.0, {"grip": 0.8, "mass_kg": 3.5})
        mailbox._numbers(mailbox._start(2))[byte] ^= 4
        got = mailbox.read()
        assert got is not None and got.version == 1 and dict(got.belief) == {"grip": 0.9, "mass_kg": 3.0}
    finally:
        mailbox.close()
