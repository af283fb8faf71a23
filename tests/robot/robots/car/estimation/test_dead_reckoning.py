"""The pose goes on by wheels and gyro from before the lidar went wrong, for as long as a stop may take."""

import math
from dataclasses import replace

import pytest

from robot.robots.car.estimation.dead_reckoning import BACK_S, RECKONED_S, DeadReckoning
from robot.robots.car.estimation.tracker import Estimate

TICK_S = 0.02
SPEED_M_S, TURN_RAD_S = 2.0, 0.8


def truth(time_s: float) -> Estimate:
    """On a circle, exactly."""
    radius, yaw = SPEED_M_S / TURN_RAD_S, TURN_RAD_S * time_s
    return Estimate(time_s, radius * math.sin(yaw), radius * (1.0 - math.cos(yaw)), yaw, SPEED_M_S, 0.0, TURN_RAD_S,
                    quality=1.0, lost=False, pose_age_s=0.0)  # fmt: skip


def test_while_the_pose_is_trusted_it_is_passed_on():
    reckoning = DeadReckoning()
    assert reckoning.update(truth(1.0), TICK_S, trusted=True) == (truth(1.0).x, truth(1.0).y, truth(1.0).yaw)


def test_a_pose_that_lies_is_replaced_by_the_way_from_before_it_lied():
    reckoning = DeadReckoning()
    for k in range(150):
        now_s = k * TICK_S
        estimate = truth(now_s)
        lies = now_s > 1.0
        if lies:  # a frozen scan holds the estimate back, and 0.2 s later that is noticed
            estimate = replace(estimate, x=truth(1.0).x, y=truth(1.0).y, yaw=truth(1.0).yaw)
        pose = reckoning.update(estimate, TICK_S, trusted=now_s < 1.2)
        if now_s > 1.2:
            assert pose == pytest.approx((truth(now_s).x, truth(now_s).y, truth(now_s).yaw), abs=0.005)
    assert BACK_S > 0.2


def test_nobody_knows_after_a_while_nor_if_there_never_was_a_pose():
    reckoning = DeadReckoning()
    assert reckoning.update(truth(0.0), TICK_S, trusted=False) is None
    for k in range(60):
        reckoning.update(truth(k * TICK_S), TICK_S, trusted=True)
    ticks = round(RECKONED_S / TICK_S)
    known = [reckoning.update(truth((60 + k) * TICK_S), TICK_S, trusted=False) is not None for k in range(ticks + 10)]
    assert known[ticks - 5] and not known[-1]
    assert reckoning.update(truth(99.0), TICK_S, trusted=True) is not None
