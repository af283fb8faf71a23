"""What a mind reckons of an arm's distance from itself and its table is what the simulator's formula says."""

import numpy as np
import pytest

from sim.arm.capsules import Clearance
from sim.arm.hand import body_of
from sim.arm.parameters import so101
from sim.arm.self_collision import clearance


def test_it_is_the_formulas_own_distance():
    arm, rng = so101(), np.random.default_rng(0)
    told = Clearance(body_of(arm), -0.02, hand_from=6)
    ranges = np.array([link.range_rad for link in arm.file.links])
    found = []
    for _ in range(300):
        q = rng.uniform(ranges[:, 0], ranges[:, 1])
        found.append(told.at(q))
        assert found[-1] == pytest.approx(float(clearance(arm, q.tolist(), -0.02)), abs=1e-9)
    assert min(found) < -0.01 and max(found) > 0.02


def test_hands_may_touch_the_table_and_arms_may_not():
    body = body_of(so101())
    q = np.array([0.0, 0.28, 0.5, 0.79, 0.05, 0.0])  # fingers down
    free = Clearance(body, -0.04, hand_from=4).at(q)
    assert Clearance(body, -0.04, hand_from=6).at(q) < 0.0 < free
    assert Clearance(body, 0.06, hand_from=4).at(q) < 0.0


def test_the_least_on_a_way_is_found_in_its_midst():
    told = Clearance(body_of(so101()), -1.0, hand_from=4)
    ends = np.array([[0.0, -1.6, 1.6, 1.5, 0.0, 0.0], [0.0, 0.2, 0.2, 1.2, 0.0, 0.0]])
    least = told.on_the_way(ends[0], ends[1], 20)
    assert least == pytest.approx(min(told.at(ends[0] + (ends[1] - ends[0]) * k / 20) for k in range(1, 21)))
