"""The plan that control left: the newest whole one, by the moment, also after its writer died in the middle."""

import os
from collections.abc import Iterator

import numpy as np
import pytest

from robot.shared_memory.plan_block import PlanBlock

PLAN = np.arange(1.0, 7.0).reshape(3, 2)


class Descent(PlanBlock):
    shape = (3, 2)

    @staticmethod
    def leads_to_rest(plan: np.ndarray) -> bool:
        return bool(plan[0, 0] > 0.0)


@pytest.fixture
def plan() -> Iterator[Descent]:
    plan = Descent.create(f"test-plan-block-{os.getpid()}")
    yield plan
    plan.close()


def test_before_the_first_there_is_none(plan: Descent) -> None:
    assert plan.read() is None


def test_the_newest_is_read_elsewhere(plan: Descent) -> None:
    other = Descent.attach(f"test-plan-block-{os.getpid()}")
    for number in range(1, 6):
        plan.write(PLAN * number, 1000 * number)
        found = other.read()
        assert found is not None and found[0] == 1000 * number
        np.testing.assert_array_equal(found[1], PLAN * number)
    other.close()


@pytest.mark.parametrize("byte", [0, 8, 16, Descent.slot_bytes() - 1])
def test_one_that_is_half_written_leaves_the_one_before(plan: Descent, byte: int) -> None:
    plan.write(PLAN, 1)
    plan.write(2 * PLAN, 2)
    plan._block.bytes[Descent.slot_bytes() + byte] ^= 1
    found = plan.read()
    assert found is not None and found[0] == 1


@pytest.mark.parametrize("number", [np.nan, np.inf, -1.0])
def test_what_is_not_finite_or_does_not_lead_to_rest_is_no_plan(plan: Descent, number: float) -> None:
    damaged = PLAN.copy()
    damaged[0, 0] = number
    plan.write(damaged, 1)
    assert plan.read() is None
    plan.write(PLAN, 2)
    plan.write(damaged, 3)
    found = plan.read()
    assert found is not None and found[0] == 2


def test_a_mind_that_has_not_thought_yet_leaves_none(plan: Descent) -> None:
    plan.write(np.zeros(0), 1)
    assert plan.read() is None
