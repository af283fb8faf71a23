"""Reaching: shown straight, then by the policy; nothing has to be brought back."""

import numpy as np
import pytest

from robot.tasks.reach import SCALES, SPEC, STILL_RAD_S, WITHIN_M, distance_m, observe, reached, reward
from tests.robot.robots.arm.arm_bench import bench, setup


def test_what_is_shown_arrives_and_rests(tmp_path):
    with bench(tmp_path, setup("reach", demonstrations=3)) as arm:
        taught = [
            mind.transition.copy()
            for mind in arm.ticks(25.0)
            if mind.transition is not None and mind.transition["demonstration"]
        ]
        assert sum(bool(each["terminated"]) for each in taught) == 3
        last = [each["next_observation"] for each in taught if each["terminated"]]
        assert all(distance_m(seen) < WITHIN_M for seen in last)
        assert arm.truth.tip_worst_m_s < 0.5


def test_places_differ_and_time_outs_are_told(tmp_path):
    with bench(tmp_path, setup("reach")) as arm:
        places = {tuple(mind.place.tolist()) for mind in arm.ticks(16.0)}
        assert len(places) >= 3
        assert {each["outcome"] for each in arm.told("episode")} == {"time-out"}
        assert all(each["error_m"] > WITHIN_M for each in arm.told("episode"))


def test_there_and_at_rest_is_reached():
    still, moving = np.zeros(5), np.full(5, 2.0 * STILL_RAD_S)
    q, away = np.array([0.0, 0.2, 0.1, 1.2, 0.05]), np.array([0.0, 0.004, 0.0])
    there = observe(q, still, q, np.zeros(5), away, 0.5)
    assert reached(there) and reward(there) == pytest.approx(1.0 - 0.02 - 0.004, abs=1e-6)
    assert not reached(observe(q, moving, q, np.zeros(5), away, 0.5))
    far = observe(q, still, q, np.zeros(5), np.array([0.1, 0.0, 0.0]), 0.5)
    assert not reached(far) and distance_m(far) == pytest.approx(0.1, abs=1e-6)
    near = SPEC.seen["away_near"]
    assert far[near][0] / SCALES[near][0] == pytest.approx(0.04), "shown no further than it matters"
