"""The exported apps, compiled for this computer, and a drone that flies with one."""

from pathlib import Path

import pytest

from drivers.emulators.crazyflie_app import FORCE
from firmware_export.crazyflie_app import build_for_host
from robot.robots.quadrotor.app_of_run import write_app_of_run
from tests.firmware_export.app_flight import AppFlight
from tests.firmware_export.crazyflie_app.bench import DRONE, POLICIES


@pytest.fixture(scope="module")
def apps(tmp_path_factory) -> dict[str, Path]:
    """The apps' folders, compiled, by task."""
    folders = {}
    for task in ("hover", "track_trajectory"):
        folders[task] = tmp_path_factory.mktemp(task)
        write_app_of_run(POLICIES / f"{task}.npz", folders[task])
        build_for_host(folders[task])
    return folders


@pytest.fixture
def flight(apps) -> AppFlight:
    return AppFlight(apps["hover"] / "app.so", DRONE)


@pytest.fixture
def flying(flight) -> AppFlight:
    """A drone that the policy has flown for half a second."""
    flight.fly(0.1)
    flight.set("arm", 1)
    flight.fly(0.5)
    assert flight.log("active") == 1 and flight.control.controlMode == FORCE
    return flight
