"""Drones' files: what is read, and what is said about a wrong field."""

from pathlib import Path

import pytest

from drivers.crazyflie import CrazyflieSettings
from drivers.motion_capture import MotionCaptureSettings
from robot.robots.quadrotor.drone_file import DroneFile, load_drone
from robot.runtime.robot_file import ROBOTS

CRAZYFLIE = '[devices.crazyflie]\ndriver = "crazyflie"\nuri = "usb://0"\n'
CAMERAS = '[devices.motion_capture]\ndriver = "motion_capture"\nbody = "cf"\nudp = "127.0.0.1:5005"\n'


def drone_file(folder: Path, text: str) -> str:
    """A robot's file; returns its path."""
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", [path.stem for path in (ROBOTS / "quadrotor").glob("*.toml")])
def test_every_drone_that_comes_with_the_project_can_be_read(name: str) -> None:
    assert load_drone(name).crazyflie.reach_m > 1.5, "room for a figure-of-eight"


def test_every_field_of_a_drones_file_is_read(tmp_path: Path) -> None:
    lines = "connect_s = 5.0\nreach_m = 1.0\nheight_max_m = 0.8\nlanding_m_s = 0.2\n"
    told = f'virtual = false\nquadrotor = "crazyflie_2_0"\n{CRAZYFLIE}{lines}{CAMERAS}'
    settings = CrazyflieSettings("usb://0", 5.0, 1.0, 0.8, 0.2)
    cameras = MotionCaptureSettings("cf", udp="127.0.0.1:5005")
    assert load_drone(drone_file(tmp_path, told)) == DroneFile(False, settings, cameras, "crazyflie_2_0")


def test_files_from_before_devices_had_drivers_are_read(tmp_path: Path) -> None:
    table = '[crazyflie]\nuri = "usb://0"\nreach_m = 1.0\nquadrotor = "crazyflie_2_0"\n'
    told = f'virtual = false\n{table}[crazyflie.motion_capture]\nbody = "cf"\nfile = "poses"\n'
    expected = DroneFile(
        False, CrazyflieSettings("usb://0", reach_m=1.0), MotionCaptureSettings("cf", file="poses"), "crazyflie_2_0"
    )
    assert load_drone(drone_file(tmp_path, told)) == expected
    told = f'virtual = true\n{table}positioning = "flow"\n'
    assert load_drone(drone_file(tmp_path, told)).positioning == "flow"
    with pytest.raises(ValueError, match=r"mine\.toml: devices\.crazyflie: found field reach, allowed: uri"):
        load_drone(drone_file(tmp_path, told.replace("reach_m", "reach")))


@pytest.mark.parametrize(("virtual", "more"), [("false", ""), ("true", CAMERAS)])
def test_positioning_is_for_virtual_drones_that_nothing_else_positions(tmp_path: Path, virtual: str, more: str) -> None:
    path = drone_file(tmp_path, f'virtual = {virtual}\npositioning = "flow"\n{CRAZYFLIE}{more}')
    with pytest.raises(ValueError, match=r"mine\.toml: positioning: found 'flow', allowed with virtual"):
        load_drone(path)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (CRAZYFLIE + "reach_m = 0.0", r"devices\.crazyflie: reach_m: found 0\.0, allowed: above 0"),
        (CRAZYFLIE + "height_max_m = nan", r"devices\.crazyflie: height_max_m: found nan"),
        (CRAZYFLIE + "log_period_ms = 10", r"devices\.crazyflie: found field log_period_ms, allowed: uri, connect_s"),
        ("", r"devices: found none, needed: crazyflie; allowed: motion_capture"),
        (CAMERAS, r"devices: found motion_capture, needed: crazyflie"),
        (CRAZYFLIE + CAMERAS.replace('driver = "motion_capture"', 'driver = "crazyflie"\nuri = ""', 1)
         .replace('body = "cf"\nudp = "127.0.0.1:5005"\n', ""),
         r"devices\.motion_capture: driver: found 'crazyflie', which is no motion capture"),
        (CRAZYFLIE.replace("usb://0", "").replace('""', "7"), r"devices\.crazyflie: Expected `str`"),
        ("[crazyflie]\nuri = 1\n", r"devices\.crazyflie: Expected `str`"),
        ("crazyflie = 3\n", r"devices: found none"),
    ],
)  # fmt: skip
def test_what_no_drone_can_be_is_refused_by_field(tmp_path: Path, lines: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"mine\.toml: " + words):
        load_drone(drone_file(tmp_path, f"virtual = false\n{lines}"))
