"""What a flight's samples tell of the thrust that is left."""

import numpy as np
import pytest

from robot.robots.quadrotor.practising.progress import line_of_thrust
from robot.robots.quadrotor.practising.samples import SAMPLE, share_at_full


def test_one_rotor_at_full_thrust_counts_while_the_policy_flies() -> None:
    samples = np.zeros(10, SAMPLE)
    samples["forces"], samples["active"] = 0.6, 1
    samples["forces"][:3, 2] = 1.0
    assert share_at_full(samples) == pytest.approx(0.3)
    samples["active"][0] = 0  # the firmware flies
    assert share_at_full(samples) == pytest.approx(2 / 9)
    assert share_at_full(samples[:0]) == 0.0


def test_a_person_is_told_to_charge_a_drone_without_thrust_to_spare() -> None:
    assert line_of_thrust(0.05) == ""
    assert "34 % of that flight" in line_of_thrust(0.34) and "charge it" in line_of_thrust(0.34)
