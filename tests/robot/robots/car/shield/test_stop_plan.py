"""The stop that control verified: when it begins, and what is none."""

import os
from collections.abc import Iterator

import numpy as np
import pytest

from robot.robots.car.shield.rollout import HORIZON_TICKS
from robot.robots.car.shield.stop_plan import BRAKE, NOTICED_TICKS, PLAN_TICKS, SERVO, TICK_NS, StopPlan
from robot.safety.guardian import BUDDY_LIMIT_S, HEARTBEAT_LIMIT_S, POLL_S
from robot.tasks.race_track.task import TICK_S

RAMP = np.column_stack(
    (np.linspace(-0.4, 0.4, PLAN_TICKS), np.linspace(1.0, 40.0, PLAN_TICKS), np.zeros(PLAN_TICKS), np.zeros(PLAN_TICKS))
)


@pytest.fixture
def plan() -> Iterator[StopPlan]:
    plan = StopPlan.create(f"test-plan-{os.getpid()}")
    yield plan
    plan.close()


def test_its_tick_is_the_control_loops_and_it_is_no_longer_than_what_was_simulated() -> None:
    assert pytest.approx(1e9 * TICK_S) == TICK_NS
    assert PLAN_TICKS < HORIZON_TICKS


def test_it_begins_when_a_guardian_can_have_noticed_that_control_hangs_and_not_a_tick_later() -> None:
    noticed_s, begins_s = HEARTBEAT_LIMIT_S + POLL_S, (NOTICED_TICKS + 1) * TICK_S
    assert begins_s - TICK_S < noticed_s < begins_s


def test_it_begins_after_the_second_guardian_can_have_noticed_that_control_and_the_first_one_died_at_once() -> None:
    last_heartbeat_s = TICK_S + POLL_S  # before their death: of control, and of the other guardian
    assert last_heartbeat_s + BUDDY_LIMIT_S + POLL_S < (NOTICED_TICKS + 1) * TICK_S


@pytest.mark.parametrize("bad", [(np.nan, 20.0), (0.1, np.inf), (0.1, 0.0), (0.1, -5.0)])
def test_numbers_that_are_none_or_do_not_brake_are_no_plan(plan: StopPlan, bad: tuple[float, float]) -> None:
    damaged = RAMP.copy()
    damaged[PLAN_TICKS // 2, [SERVO, BRAKE]] = bad
    plan.write(damaged, 1)
    assert plan.read() is None
    plan.write(RAMP, 2)
    plan.write(damaged, 3)
    found = plan.read()
    assert found is not None and found[0] == 2
