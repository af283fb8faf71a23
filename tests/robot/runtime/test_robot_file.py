"""Robots' files, of any kind: fields and devices are what the kind's class says."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from drivers.rplidar import RPLidarSettings
from drivers.vesc import VescSettings
from robot.runtime.robot_file import read_robot, robot_names, robot_path


@dataclass(frozen=True)
class ArmFile:
    """A robot that the project does not have."""

    virtual: bool
    bus: VescSettings | RPLidarSettings
    leader: VescSettings | None = None
    reach_m: float = 0.4


def arm_file(folder: Path, text: str) -> str:
    """A robot's file; returns its path."""
    path = folder / "arm.toml"
    path.write_text(text)
    return str(path)


BUS = '[devices.bus]\ndriver = "vesc"\nport = "/dev/a"\n'


def test_the_robots_of_the_project_are_found_by_name_and_any_by_path(tmp_path: Path) -> None:
    assert {"f1tenth", "virtual-car", "crazyflie", "virtual-crazyflie"} <= {*robot_names()}
    assert robot_path("f1tenth").parent.name == "car"
    assert robot_path(arm_file(tmp_path, "")) == tmp_path / "arm.toml"
    with pytest.raises(ValueError, match=r"--robot: found 'tank', allowed: .*f1tenth.*virtual-car"):
        robot_path("tank")


def test_what_is_left_out_has_the_kinds_default(tmp_path: Path) -> None:
    assert read_robot(arm_file(tmp_path, f"virtual = true\n{BUS}"), ArmFile) == ArmFile(True, VescSettings("/dev/a"))


def test_a_part_takes_any_driver_that_fits(tmp_path: Path) -> None:
    told = f"virtual = true\nreach_m = 1\n{BUS.replace('vesc', 'rplidar')}{BUS.replace('bus', 'leader')}"
    expected = ArmFile(True, RPLidarSettings("/dev/a"), VescSettings("/dev/a"), 1.0)
    assert read_robot(arm_file(tmp_path, told), ArmFile) == expected


def test_tables_of_an_earlier_version_are_renewed_first(tmp_path: Path) -> None:
    path = arm_file(tmp_path, f"simulated = true\n{BUS}")
    assert read_robot(path, ArmFile, lambda told: told.update(virtual=told.pop("simulated"))).virtual


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BUS, "missing required field `virtual`"),
        (f"virtual = 1\n{BUS}", r"Expected `bool`, got `int` - at `\$\.virtual`"),
        (f"virtual = true\nreach = 1.0\n{BUS}", "unknown field `reach`"),
        ("virtual = true", "devices: found none, needed: bus; allowed: leader"),
        ("virtual = true\ndevices = 3", "devices: Expected `object`, got `int`"),
        ("virtual = true\n[devices]\nbus = 3", r"devices: Expected `object`, got `int`"),
        (f"virtual = true\n{BUS}[devices.gripper]\n", "devices: found bus, gripper, needed: bus; allowed: leader"),
        (f"virtual = true\n{BUS}{BUS.replace('bus', 'leader').replace('vesc', 'rplidar')}",
         r"devices\.leader: driver: found 'rplidar', which is no leader"),
        ("virtual = true\n[devices.bus]\ndriver = 3\n", r"devices\.bus: driver: found 3, allowed: vesc"),
        ("virtual = true\n[devices.bus]\ndriver = 'vesc'\n", r"devices\.bus: field port is missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_file(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"arm\.toml: .*" + words):
        read_robot(arm_file(tmp_path, text), ArmFile)
