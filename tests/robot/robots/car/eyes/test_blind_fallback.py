"""Braking without a course: what a corner leaves of the grip, and fully at last."""

import numpy as np

from drivers.base import VescReading
from robot.robots.car.course_place import CoursePlace
from robot.robots.car.eyes.blind_fallback import BlindFallback, brake_currents
from robot.robots.car.shield.rollout import N_COMMAND
from robot.robots.car.shield.stop_plan import BRAKE, PLAN_SHAPE, SERVO, TURNED
from robot.robots.car.shield.supervision import FULL_BRAKE_A, Command
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


def test_where_the_place_is_not_known_the_wheels_stay_and_the_plan_begins_as_the_stop_does() -> None:
    fallback = BlindFallback(CoursePlace(), np.stack([CAR, CAR]), 0.04)
    last, vesc, sent, plan = (
        Command(0.2, 3.5),
        VescReading(erpm_speed_m_s=3.5),
        np.zeros((12, N_COMMAND)),
        np.empty(PLAN_SHAPE),
    )
    fallback.plan(last, vesc, sent, plan)
    assert (plan[:, SERVO] == 0.2).all() and not plan[:, TURNED:].any()
    assert plan[:, BRAKE].tolist() == currents(0.2, 3.5).tolist()
    assert fallback.stop(last, vesc, sent) == Command(0.2, 0.0, float(plan[0, BRAKE]))
    unknown = VescReading(erpm_speed_m_s=np.nan)
    assert fallback.stop(last, unknown, sent).brake_a == FULL_BRAKE_A
