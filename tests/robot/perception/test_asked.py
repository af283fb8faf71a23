"""In lockstep control asks, and waits until the perceiving process has looked at that time; who does not answer is lost."""

import os
from collections.abc import Iterator

import numpy as np
import pytest

from drivers.base import LinkLost
from robot.perception import asked as subject
from robot.perception.asked import ASKED, AskedClock, PerceivedWhenAsked
from robot.perception.result import result_dtype
from robot.runtime.clock import ReplayClock
from robot.shared_memory.sealed_record import SealedRecord

SIZE, ENCODER = 4, 7
BLOCK = f"robot-{os.getpid()}-test-perception"


@pytest.fixture
def blocks() -> Iterator[tuple[SealedRecord, SealedRecord]]:
    shown, question = SealedRecord.create(BLOCK, result_dtype(SIZE)), SealedRecord.create(f"{BLOCK}-asked", ASKED)
    yield shown, question
    shown.close()
    question.close()


def answer(shown: SealedRecord, time_s: float) -> None:
    record = np.zeros((), shown.dtype)
    record["heartbeat_s"], record["measured_s"], record["frame"], record["encoder"] = time_s, time_s - 0.04, 1, ENCODER
    shown.write(record)


def test_it_asks_for_now_and_takes_no_older_answer(
    blocks: tuple[SealedRecord, SealedRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "ANSWER_S", 0.05)
    shown, _ = blocks
    clock, theirs = ReplayClock(), AskedClock(f"{BLOCK}-asked")
    device = PerceivedWhenAsked(BLOCK, f"{BLOCK}-asked", SIZE, ENCODER, clock)
    with pytest.raises(LinkLost):
        device.read()
    device.open()
    assert not theirs.moved()
    answer(shown, 1.0)
    clock.sleep_until(1.02)
    with pytest.raises(LinkLost, match="does not answer"):
        device.read()
    assert theirs.moved() and theirs.now() == 1.02 and not theirs.moved()
    answer(shown, 1.02)
    assert device.read().embedding_age_s == pytest.approx(0.04)
    device.close()
    theirs.close()
