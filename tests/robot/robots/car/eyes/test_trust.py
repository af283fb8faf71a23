"""How much of what is told may be believed: so much that it is too far in one of twenty cases."""

import numpy as np
import pytest

from robot.robots.car.eyes.sight import MARGIN_M
from robot.robots.car.eyes.trust import TOO_FAR, TRUST_MOST, trust_in


def test_what_is_left_of_it_is_too_far_as_seldom_as_it_may_be() -> None:
    rng = np.random.default_rng(0)
    told = rng.uniform(0.5, 5.0, 20_000)
    true = told * rng.uniform(0.6, 1.6, 20_000)
    trust = trust_in(told, true)
    assert 0.6 < trust < 0.8
    assert (trust * told > true + MARGIN_M).mean() == pytest.approx(TOO_FAR, abs=0.005)


def test_who_tells_too_little_is_made_to_tell_more_within_limits() -> None:
    assert trust_in(np.full(10, 1.0), np.full(10, 1.1)) == pytest.approx(1.1 + MARGIN_M)
    assert trust_in(np.full(10, 1.0), np.full(10, 3.0)) == TRUST_MOST
    assert trust_in(np.zeros(10), np.zeros(10)) == 1.0
