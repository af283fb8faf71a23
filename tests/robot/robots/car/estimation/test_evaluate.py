"""The evaluation itself: figures within the targets on a built-in track."""

from dataclasses import replace

import numpy as np
import pytest

from robot.robots.car.estimation.evaluate import kidnapping, localisation_error, speed_profile
from sim.car.model import GRAVITY_M_S2, load_parameters
from sim.distance_field import OccupancyGrid
from sim.tracks.track import Course


def test_a_fast_lap_is_tracked_within_centimetres(course: Course, grid: OccupancyGrid) -> None:
    figures = localisation_error(course, grid, seed=2, laps=1)
    assert figures["laps"] == 1 and figures["collisions"] == 0 and figures["lost_ticks"] == 0
    assert figures["position_rms_m"] < 0.01 and figures["position_p99_m"] < 0.03
    assert figures["heading_rms_deg"] < 0.2 and figures["v_y_rms_m_s"] < 0.03
    assert figures["quality_p1"] > 0.9


@pytest.mark.parametrize("shares", [(0.8, 0.8), (1.2, 1.2), (0.7, 1.0), (1.0, 0.8)])
def test_sideways_speed_is_known_whatever_the_grips(
    course: Course, grid: OccupancyGrid, shares: tuple[float, float]
) -> None:
    nominal = load_parameters()
    car = replace(nominal, front_grip_share=shares[0], rear_grip_share=shares[1], steer_trim_rad=0.03)
    figures = localisation_error(course, grid, seed=2, laps=1, car=car)
    assert figures["v_y_rms_m_s"] < 0.03
    by_grip = sorted(zip(shares, (figures["front_grip_share_error"], figures["rear_grip_share_error"]), strict=True))
    assert abs(by_grip[0][1]) < 0.03
    assert abs(by_grip[1][1]) < 0.08  # an axle that never slides is not asked for all that it has


def test_the_speed_profile_keeps_to_grip_and_brakes(course: Course) -> None:
    car = load_parameters()
    speed = speed_profile(course, car, 6.0)
    assert speed.max() <= 6.0
    assert (speed**2 * np.abs(course.curvature)).max() < car.grip * GRAVITY_M_S2
    braking = (speed**2 - np.roll(speed, -1) ** 2) / (2.0 * course.spacing_m)
    assert braking.max() < 0.5 * car.brake_max_m_s2


def test_the_kidnapped_notice_and_are_found_in_the_right_place(course: Course, grid: OccupancyGrid) -> None:
    figures = kidnapping(course, grid, seed=3, trials=3)
    assert figures["noticed"] == 3 and figures["noticed_s_max"] < 0.5
    assert figures["found_wrong"] == 0 and figures["found"] + figures["found_none"] == 3
    assert figures["found"] >= 2
