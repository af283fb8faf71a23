"""The quadrotor as the runtime and its guardians are told of it."""

from pathlib import Path

import numpy as np
import pytest

from drivers.base import LinkLost
from robot.robots.quadrotor.devices import CrazyflieDevice
from robot.robots.quadrotor.records import APP_BYTES, RATES, records_of
from robot.runtime.clock import ReplayClock
from robot.runtime.rest import find_rest
from robot.runtime.robot import find_robot
from robot.runtime.session_file import SessionFile
from tests.robot.robots.quadrotor.test_mission import EasyDrone, setup


@pytest.fixture
def session(tmp_path: Path) -> SessionFile:
    """A session with a drone that poses are sent to."""
    (tmp_path / "poses").touch()
    (tmp_path / "drone.toml").write_text(
        'virtual = false\n[devices.crazyflie]\ndriver = "crazyflie"\nuri = ""\n[devices.motion_capture]\n'
        f'driver = "motion_capture"\nbody = "cf1"\nfile = "{tmp_path / "poses"}"\n'
    )
    return SessionFile(
        str(tmp_path),
        str(tmp_path / "drone.toml"),
        "quadrotor",
        "hover",
        {},
        (),
        0,
        False,
        "",
        {"crazyflie": "udp://x:1"},
        False,
    )


def test_the_runtime_finds_it_with_devices_and_mind(session: SessionFile, tmp_path: Path) -> None:
    robot = find_robot("quadrotor")
    devices = robot.devices(session, ReplayClock())
    assert list(devices) == ["crazyflie", "motion_capture"]
    mind = robot.mind(setup().to_bytes(), tmp_path)
    assert mind.records == robot.records("hover")
    assert {*devices} <= {*(mind.records.readings.names or ())}
    assert mind.tick_s == robot.tick_s


def test_a_guardian_is_told_that_the_app_lands_it(session: SessionFile) -> None:
    rest = find_rest("quadrotor")(session)()
    assert rest.act() < 0.0, "nothing is said"
    assert not rest.at_rest
    assert "the app on board lands the drone" in rest.trouble == rest.act_in_lockstep()


def test_a_lost_link_is_told_with_its_reason_and_not_mended() -> None:
    drone, record = EasyDrone(), np.zeros((), records_of("hover").readings["crazyflie"])
    device = CrazyflieDevice(drone)  # type: ignore[arg-type]
    drone.gone_from_s = 0.0
    with pytest.raises(LinkLost):
        device.read(record)
    assert not device.reconnect()
    device.absent(record)
    assert record["trouble"].tobytes().rstrip(b"\0") == b"the link is gone"
    assert record["position_age_s"] > 1e6


def test_what_the_app_sends_is_read_once_and_in_order() -> None:
    drone, record = EasyDrone(), np.zeros((), records_of("hover").readings["crazyflie"])
    device = CrazyflieDevice(drone)  # type: ignore[arg-type]
    drone.packets = [bytes([number] * 30) for number in range(1, 7)]
    read = []
    for _ in range(3):
        device.absent(record)  # as the control loop does
        device.read(record)
        rows = record["app_packets"].reshape(-1, APP_BYTES)
        read.append([int(row[1]) for row in rows if row[0]])
    assert read == [[1, 2, 3, 4], [5, 6], []]


def test_what_a_tick_decided_is_said_in_order_set_point_parameters_landing() -> None:
    said = []

    class Driver(EasyDrone):
        def __getattribute__(self, name):
            if name in ("write_rates", "set_parameter", "land", "cut", "arm"):
                return lambda *arguments: said.append((name, *arguments))
            return super().__getattribute__(name)

    outputs = find_robot("quadrotor").mind(setup().to_bytes(), Path("x")).outputs
    command = outputs["command"]
    command["sends"], command["rate_rad_s"], command["thrust"] = RATES, (0.1, 0.2, 0.3), 0.5
    for name in command.dtype.names or ():
        if name.startswith(("policy_", "stabilizer_", "kalman_", "landing_")):
            command[name] = np.nan
    command["policy_arm"], command["land"], command["ground_m"] = 0.0, 1, 0.25
    CrazyflieDevice(Driver()).write(outputs)  # type: ignore[arg-type]
    assert said == [("write_rates", (0.1, 0.2, 0.3), 0.5), ("set_parameter", "policy.arm", 0.0), ("land", 0.25)]


def test_poses_of_a_forwarder_that_is_not_open_are_not_there(session: SessionFile) -> None:
    device = find_robot("quadrotor").devices(session, ReplayClock())["motion_capture"]
    record = np.zeros((), records_of("hover").readings["motion_capture"])
    with pytest.raises(LinkLost):
        device.read(record)
    device.open()
    device.read(record)
    assert b"motion capture: no pose of 'cf1'" in record["trouble"].tobytes()
    assert record["pose_age_s"] == np.inf
    device.close()
