"""Flights of the exported app."""

import math

import numpy as np
import pytest

from drivers.emulators.crazyflie_body import E_YAW
from robot.tasks import track_trajectory
from tests.firmware_export.app_flight import AppFlight
from tests.firmware_export.crazyflie_app.bench import DRONE, ONE, ZERO


def test_it_hovers_goes_to_set_points_and_hands_back(flying):
    assert np.linalg.norm(flying.fly(3.0)[1000:] - flying.goal, axis=1).mean() < 0.04
    flying.goal = np.array([1.0, -1.0, 1.4])
    assert np.linalg.norm(flying.fly(3.0)[-1000:] - flying.goal, axis=1).mean() < 0.04
    flying.set("arm", 0)
    assert np.linalg.norm(flying.fly(2.0) - flying.goal, axis=1).max() < 0.1
    assert flying.log("active") == 0 and flying.log("fault") == 0 and flying.log("handbacks") == 0


@pytest.mark.parametrize(("lap_s", "yaw_rad"), [(5.5, 0.0), (4.0, -2.5)])
def test_it_flies_the_figure_of_eight(apps, lap_s, yaw_rad):
    flight = AppFlight(apps["track_trajectory"] / "app.so", DRONE, yaw_rad=yaw_rad)
    flight.fly(0.1)
    flight.set("lapS", lap_s)
    flight.set("arm", 1)
    positions = flight.fly(8.0)
    path = track_trajectory.figure_of_eight(lap_s)
    targets = [track_trajectory.set_point(path, ZERO, ONE, 1e-3 * k)[0] for k in range(1, 8001)]
    errors = np.linalg.norm(positions - flight.goal - np.array(targets), axis=1)
    assert errors[3000:].mean() < 0.04 and errors.max() < 0.1
    flight.set("arm", 0)
    assert np.linalg.norm(flight.fly(3.0)[-1] - flight.goal) < 0.1


@pytest.mark.parametrize("yaw_rad", [-1.5, 2.4, math.pi])
def test_it_keeps_whatever_heading_it_had(apps, yaw_rad):
    flight = AppFlight(apps["hover"] / "app.so", DRONE, yaw_rad=yaw_rad)
    flight.fly(0.1)
    flight.set("arm", 1)
    flight.goal = np.array([0.5, 0.3, 1.2])
    assert np.linalg.norm(flight.fly(3.0)[-1000:] - flight.goal, axis=1).mean() < 0.04
    turned_by = math.radians(flight.body.estimate[E_YAW]) - yaw_rad
    assert abs(math.remainder(turned_by, 2.0 * math.pi)) < 0.1


def test_a_lap_s_time_does_not_change_under_the_drone(apps):
    flight = AppFlight(apps["track_trajectory"] / "app.so", DRONE)
    flight.fly(0.1)
    flight.set("arm", 1)
    flight.fly(3.0)
    before = flight.log("x"), flight.log("y")
    flight.set("lapS", 3.5)
    flight.fly(0.02)
    assert math.dist(before, (flight.log("x"), flight.log("y"))) < 0.06
