"""The evaluation itself: figures within the targets on a built-in track, and sensors that lag and err as stated."""

from collections.abc import Callable

import numpy as np

from drivers.emulators.world import V_X
from robot.estimation.evaluate import localisation_error, speed_profile
from sim.car import GRAVITY_M_S2, load_parameters
from sim.distance_field import OccupancyGrid
from sim.track import Course


def test_a_fast_lap_is_tracked_within_centimetres(course: Course, grid: OccupancyGrid) -> None:
    figures = localisation_error(course, grid, seed=2, laps=1)
    assert figures["laps"] == 1 and figures["collisions"] == 0 and figures["lost_ticks"] == 0
    assert figures["position_rms_m"] < 0.01 and figures["position_p99_m"] < 0.03
    assert figures["heading_rms_deg"] < 0.2 and figures["v_y_rms_m_s"] < 0.1
    assert figures["quality_p1"] > 0.9


def test_the_speed_profile_keeps_to_grip_and_brakes(course: Course) -> None:
    car = load_parameters()
    speed = speed_profile(course, car, 6.0)
    assert speed.max() <= 6.0
    assert (speed**2 * np.abs(course.curvature)).max() < car.grip * GRAVITY_M_S2
    braking = (speed**2 - np.roll(speed, -1) ** 2) / (2.0 * course.spacing_m)
    assert braking.max() < 0.5 * car.brake_max_m_s2


def test_the_sensors_deliver_what_the_devices_would(make_car: Callable) -> None:
    car, driver = make_car()
    ages, errors, returns, points = [], [], [], []
    for _ in range(300):
        vesc, lidar = car.tick(*driver.command())
        ages.append(vesc.values_age_s)
        errors.append(vesc.erpm_speed_m_s - car.world.moving[V_X])
        returns.append(np.mean(lidar.distance_m > 0.0))
        points.append(len(lidar.angle_rad))
    assert min(ages) > 0.01 and max(ages) < 0.02
    assert 0.005 < np.std(errors) < 0.1
    assert np.mean(points) == np.clip(np.mean(points), 79, 81)
    assert 0.97 < np.mean(returns) < 0.999
