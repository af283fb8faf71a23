"""What a flight is said to have strayed by, where the simulator's truth is known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot.robots.quadrotor.devices import CrazyflieDevice
from robot.robots.quadrotor.flight import Flight
from robot.robots.quadrotor.flown import Place
from tests.robot.robots.quadrotor.test_mission import STEPS, EasyDrone, setup

ASIDE_M = np.array([0.03, -0.04, 0.0])


@pytest.mark.parametrize("strays_m", [0.0, 0.02])
def test_where_its_positioning_has_its_origin_is_no_error_of_the_flight_where_it_strays_to_is(
    strays_m: float, tmp_path: Path
) -> None:
    drone = EasyDrone()

    def truth() -> Place:
        up = drone.place[2] > 0.5
        return Place(drone.clock.now(), drone.place + ASIDE_M + (0.0, 0.0, strays_m if up else 0.0))

    brief = replace(setup(), points_m=STEPS[:1])
    flown = Flight(brief, {"crazyflie": CrazyflieDevice(drone)}, drone.clock, truth).fly(tmp_path / "log.mcap")  # type: ignore[arg-type]
    assert np.median(flown.errors_from_ground_m) == pytest.approx(strays_m, abs=1e-6)
    assert np.median(flown.errors_m) == pytest.approx(np.hypot(0.05, strays_m), abs=1e-6)
    assert len(flown.errors_from_ground_m) == len(flown.errors_m) > 50
