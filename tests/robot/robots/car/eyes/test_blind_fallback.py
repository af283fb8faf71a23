"""Braking without a course: what a corner leaves of the grip, and fully at last."""

import numpy as np

from robot.robots.car.eyes.blind_fallback import brake_currents
from robot.robots.car.shield.supervision import FULL_BRAKE_A
from sim.car.model import load_parameters

CAR = load_parameters().packed()


def currents(steer_rad: float, v_x: float) -> np.ndarray:
    found = np.empty(150)
    brake_currents(steer_rad, v_x, CAR, found)
    return found


def test_in_a_corner_it_brakes_less_and_more_as_it_gets_slower() -> None:
    corner, straight = currents(0.2, 3.5), currents(0.0, 3.5)
    assert 0.0 < corner[0] < 0.6 * straight[0] < FULL_BRAKE_A
    assert (np.diff(corner) >= 0.0).all() and corner[-1] == straight[-1] == FULL_BRAKE_A
    assert (corner > 0.0).all()
    assert np.argmax(straight == FULL_BRAKE_A) < np.argmax(corner == FULL_BRAKE_A)
